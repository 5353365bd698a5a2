"""What agents promise, for ``promises``."""

from tests.promise import promise as _promise

_ACP, _PEOPLE, _SOURCE = "agents/test_acp.py::test_", "agents/test_people.py::test_", "Agents that change code"
_QUOTA, _BUDGETS = "agents/test_quota.py::test_", "agents/test_budgets.py::test_"
_OVERLAPS = "agents/test_overlaps.py::test_"
_PAUSES, _KILLED = "agents/test_pauses.py::test_", "faults/test_killed_agents.py::test_"

_TEAMS, _TRIES = "agents/test_teams.py::test_", "agents/test_tries.py::test_"
_LEASES, _DISK, _LEFT = (f"agents/test_{name}.py::test_" for name in ("machine_leases", "disk_limit", "left_behind"))
_PARTS, _TOGETHER = "agents/test_parts.py::test_", "agents/test_together.py::test_"

AGENTS_THAT_CHANGE_CODE = (
    _promise(
        "agents.acp", _SOURCE + " 1", "A coding agent is a program that speaks ACP; it is followed as it works.",
        _ACP + "an_agents_work_is_told_while_it_happens_and_its_answer_is_the_result",
        _ACP + "a_program_that_is_not_installed_makes_its_agent_unavailable_and_says_how_to_get_it",
        "agents/test_acp_tasks.py::test_a_programs_changes_end_on_a_branch_of_their_own",
        "agents/test_acp_tasks.py::test_only_an_admin_of_the_service_says_which_program_is_started",
    ),
    _promise(
        "agents.acp.enclosed", _SOURCE + " 2", "A program sees its worktree and what was granted, and leaves nothing.",
        _ACP + "no_way_leads_out_of_the_worktree",
        _ACP + "a_command_runs_in_the_worktree_without_our_secrets",
        _ACP + "a_cancelled_agent_is_gone_with_all_it_started",
        _ACP + "a_misbehaving_agent_fails_clearly_and_leaves_nothing",
        "agents/test_acp_tasks.py::test_a_program_sees_its_worktree_and_its_history_but_none_of_our_data",
    ),
    _promise(
        "agents.leases", _SOURCE + " 2", "An attempt has ports and folders to itself, and a killed one keeps none.",
        _LEASES + "no_port_is_given_twice_nor_one_that_somebody_listens_at",
        _LEASES + "a_killed_holder_keeps_nothing",
        _LEASES + "a_folder_keeps_what_is_in_it_until_it_is_too_large_and_is_one_projects_own",
        _LEASES + "a_program_and_its_commands_have_ports_and_a_folder_that_the_next_attempt_finds_again",
        _LEASES + "a_criterion_has_ports_and_folders_apart_from_those_of_agents",
    ),
    _promise(
        "agents.disk", _SOURCE + " 2", "An attempt or a criterion that takes too much of the disk ends and says why.",
        _DISK + "an_attempt_that_fills_the_disk_is_ended_with_the_limits_name_and_its_tree_is_kept",
        _DISK + "what_was_written_too_fast_to_be_seen_is_found_at_the_end",
        _DISK + "no_link_is_followed_and_a_file_of_two_names_counts_once",
        _DISK + "files_without_a_byte_count_and_nobody_counts_beyond_the_limit",
        "proof/test_hostile_criteria.py::test_a_criterion_that_fills_the_disk_is_unknown_and_names_the_limit",
    ),
    _promise(
        "agents.left", _SOURCE + " 2", "Ended work leaves nothing but work trees with changes, which are listed.",
        _LEFT + "homes_go_a_day_after_their_task_ended_and_no_earlier",
        _LEFT + "trees_that_a_killed_verification_left_go_and_those_in_use_or_just_made_stay",
        _LEFT + "clean_trees_of_ended_tasks_go_and_those_with_changes_are_kept_and_listed",
        _LEFT + "strangers_see_and_remove_no_work_tree",
        _LEFT + "checkpoints_of_tasks_that_are_long_over_are_let_go",
    ),
    _promise(
        "agents.people", _SOURCE + " 6", "A running agent asks, waits until a deadline, and goes on with the answer.",
        _PEOPLE + "an_agent_waits_for_an_answer_and_goes_on_with_it",
        _PEOPLE + "a_deadline_passes_and_the_refusal_is_told",
        _PEOPLE + "waiting_for_a_person_does_not_count_towards_the_time_limit",
        _PEOPLE + "a_tool_call_that_needs_consent_is_asked_about_while_the_agent_waits",
        _PEOPLE + "what_is_told_to_a_running_agent_is_its_next_prompt",
    ),
    _promise(
        "agents.rules", _SOURCE + " 6", "Rules allow, ask and deny what agents do, and are made of remembered answers.",
        _PEOPLE + "a_program_is_asked_about_in_the_same_way",
        _PEOPLE + "a_rule_answers_without_anybody_being_asked",
        "routing/test_agent_rules.py::test_a_line_that_holds_more_than_one_command_is_allowed_by_no_pattern",
        "routing/test_agent_rules.py::test_order_does_not_matter_and_the_strictest_level_decides",
    ),
    _promise(
        "agents.console", _SOURCE + " 6",
        "In the console a person answers, pauses, resumes, forks, comments on lines and merges, with the keyboard too.",
        "console/test_people.py::test_agents_are_answered_paused_forked_and_reviewed_in_the_console",
    ),
    _promise(
        "agents.stalls", _SOURCE + " 11", "An agent that goes silent or in circles is ended, and the task says why.",
        "agents/test_watchdog.py::test_a_silent_agent_ends_as_stalled",
        "agents/test_watchdog.py::test_an_agent_that_repeats_a_call_ends_as_looping",
        "agents/test_watchdog.py::test_every_short_cycle_is_found_after_so_many_rounds",
    ),
    _promise(
        "agents.overlaps", _SOURCE + " 3", "Tasks on the same code run one behind the other and say why.",
        _OVERLAPS + "a_task_on_code_that_another_works_on_waits_and_says_for_whom_and_why",
        _OVERLAPS + "tasks_on_different_code_run_side_by_side",
        _OVERLAPS + "a_line_moves_one_by_one_and_a_task_that_leaves_it_holds_up_nobody",
        _OVERLAPS + "the_monitor_calls_who_waits_for_a_task_that_is_no_more",
        _OVERLAPS + "a_part_of_a_running_task_and_one_that_may_overlap_do_not_wait_and_both_are_told",
    ),
    _promise(
        "agents.parts", _SOURCE + " 9", "Agents hand parts of their task to others, within limits that are named.",
        _PARTS + "a_worker_with_one_place_carries_a_task_that_waits_for_its_parts_and_they_for_theirs",
        _PARTS + "an_agent_is_asked_and_its_answer_comes_back",
        _PARTS + "depth_and_numbers_of_parts_are_limited_and_the_limit_is_named",
        _PARTS + "nobody_waits_in_a_circle",
        _PARTS + "parts_share_the_budget_of_their_task",
        _PARTS + "what_a_part_did_not_use_comes_back_when_it_ends",
        _PARTS + "stopping_a_task_stops_every_part_below_it",
        _PARTS + "a_failed_task_takes_its_open_parts_along_also_when_nobody_told",
        _OVERLAPS + "sisters_on_the_same_code_run_one_behind_the_other_while_their_task_waits",
    ),
    _promise(
        "agents.parts.scope", _SOURCE + " 9", "An agent sees and touches its own task's parts and project only.",
        _PARTS + "an_agent_sees_and_stops_its_own_parts_and_nothing_else",
        _PARTS + "what_people_decide_is_not_put_into_a_part_by_an_agent",
        _PARTS + "the_same_key_makes_the_same_part_and_never_meets_a_persons_keys",
        _TOGETHER + "a_program_works_with_the_same_tools_by_the_token_of_its_task",
    ),
    _promise(
        "agents.notes", _SOURCE + " 9", "A project has notes and a list of things to do that agents and people share.",
        _TOGETHER + "notes_have_authors_and_the_oldest_that_are_done_with_go_first",
        _TOGETHER + "one_agent_takes_a_thing_to_do_and_another_is_told_who_is_at_it",
        _TOGETHER + "notes_are_for_members_and_bounded",
        _TOGETHER + "an_agent_uses_notes_and_claims_as_tools_and_their_record_names_it",
    ),
    _promise(
        "agents.claims", _SOURCE + " 9", "An agent claims code; others are told who holds it, or wait for it.",
        _TOGETHER + "claimed_code_is_refused_to_others_with_who_holds_it_until_the_attempt_ends",
        _TOGETHER + "a_part_may_claim_what_its_task_holds_and_others_wait_for_claimed_code",
        _TOGETHER + "code_is_claimed_by_agents_at_work_only",
    ),
    _promise(
        "agents.teams", _SOURCE + " 1", "A team is a document of steps over agents; it ends in one proved change.",
        _TEAMS + "a_team_plans_implements_side_by_side_and_ends_in_one_change",
        _TEAMS + "a_step_whose_proof_fails_is_mended_and_a_loop_ends_at_its_bound",
        _TEAMS + "what_a_reviewer_finds_wanting_is_mended_until_it_approves",
        _TEAMS + "of_several_tries_the_smallest_that_is_proved_is_taken",
        _TEAMS + "a_document_that_cannot_work_is_refused_naming_the_field",
        _TEAMS + "every_template_of_a_team_makes_one_that_routing_finds",
    ),
    _promise(
        "agents.tries", _SOURCE + " 5", "Several tries stand side by side; a person chooses, nothing runs meanwhile.",
        _TRIES + "a_person_sees_all_tries_and_the_one_they_choose_is_the_tasks_change",
        _TRIES + "who_wants_none_ends_the_task_and_a_retry_asks_again",
        _TRIES + "nobody_chose_in_time_so_the_proof_does",
        _TRIES + "through_the_doors_two_agents_try_and_the_choice_goes_on_to_review",
        _TRIES + "what_cannot_be_tried_is_refused_naming_the_field",
    ),
    _promise(
        "agents.execute", _SOURCE + " 1", "A quick agent's result is the answer; a slow one's task is, to be followed.",
        "agents/test_agent_doors.py::test_execute_answers_with_the_result_of_a_quick_agent_and_with_the_task_of_a_slow_one",
    ),
    _promise(
        "agents.teams.durable", _SOURCE + " 1", "A team goes on after a restart where it was, as it was.",
        _TEAMS + "a_team_goes_on_after_a_restart_with_what_is_done_and_as_it_was",
        _TEAMS + "a_retried_team_tries_its_failed_steps_again_and_keeps_the_others",
        _TEAMS + "stopping_a_team_stops_its_steps_and_changes_that_do_not_fit_end_it",
        _TEAMS + "a_team_does_not_ask_itself",
    ),
    _promise(
        "agents.collisions", _SOURCE + " 3", "Changes that do not fit together are told to both tasks while they run.",
        _OVERLAPS + "changes_that_do_not_fit_together_are_told_to_both_tasks_while_they_run",
        _OVERLAPS + "a_file_that_became_a_pipe_or_leads_out_of_its_worktree_is_not_read",
    ),
    _promise(
        "agents.quota", _SOURCE + " 7", "A provider's stop parks the task, and nobody of its account is started.",
        _QUOTA + "a_stopped_task_is_pending_and_says_for_which_account_and_until_when",
        _QUOTA + "no_agent_of_the_account_is_started_meanwhile",
        _QUOTA + "one_tries_first_and_the_others_follow",
        _QUOTA + "a_stop_survives_the_process_that_heard_it",
        _QUOTA + "an_account_is_tried_again_now_by_whoever_may",
        "routing/test_quota.py::test_the_wait_is_read_as_providers_write_it",
    ),
    _promise(
        "agents.quota.go-on", _SOURCE + " 7", "What was stopped goes on in place, or elsewhere with what was done.",
        _QUOTA + "it_goes_on_with_its_conversation_when_the_time_has_passed",
        _QUOTA + "a_program_takes_up_its_session_and_is_told_to_go_on",
        _QUOTA + "a_wait_that_is_too_long_hands_the_task_over_with_what_was_done",
    ),
    _promise(
        "agents.budgets", _SOURCE + " 7", "A used-up budget of a task, project or person pauses the task and asks.",
        _BUDGETS + "a_used_up_budget_pauses_the_task_and_asks_and_the_answer_lets_it_go_on",
        _BUDGETS + "a_person_may_stop_what_costs_too_much",
        _BUDGETS + "a_question_about_a_budget_has_a_deadline_and_the_task_is_stopped_then",
        _BUDGETS + "a_budget_of_a_project_holds_for_all_its_tasks_until_an_admin_raises_it",
        _BUDGETS + "a_new_period_begins_with_nothing_used",
        _BUDGETS + "tool_calls_of_agents_that_are_no_models_count_too",
    ),
    _promise(
        "agents.prices", _SOURCE + " 7", "A limit on money without a price is refused; what is used is shown.",
        _BUDGETS + "a_limit_on_money_without_a_price_is_refused_naming_model_and_field",
        _BUDGETS + "what_an_attempt_used_is_kept_and_added_up",
        _BUDGETS + "the_doors_of_money_set_show_and_refuse",
    ),
    _promise(
        "agents.context", _SOURCE + " 10", "An agent is told from the graph, within a budget, what its task is about.",
        "agents/test_briefings.py::test_an_agent_is_told_of_what_its_task_names_and_what_is_not_known",
        "agents/test_briefings.py::test_hostile_names_stay_names",
        "agents/test_briefings.py::test_whatever_is_known_the_briefing_keeps_to_its_budget",
        "agents/test_briefings.py::test_a_setting_turns_it_off_and_a_project_without_a_graph_costs_nothing",
    ),
    _promise(
        "agents.learning", _SOURCE + " 8", "Routing learns from outcomes, shows its numbers, and exiles nobody.",
        "routing/test_learning.py::test_more_success_never_lowers_the_score",
        "routing/test_learning.py::test_the_unknown_is_tried_and_given_up_within_a_bound",
        "routing/test_learning.py::test_one_bad_streak_does_not_exile",
        "routing/test_learning.py::test_the_better_one_is_chosen_and_the_numbers_are_shown",
        "routing/test_learning.py::test_switched_off_it_is_the_same_for_all",
        "agents/test_learning.py::test_success_and_failure_are_evidence_and_a_cancelled_task_is_none",
    ),
    _promise(
        "agents.pauses", _SOURCE + " 6", "A person pauses an agent's work and has it go on where it rested.",
        _PAUSES + "a_paused_agent_rests_at_a_safe_point_and_goes_on_from_there",
        _PAUSES + "an_agent_without_a_safe_point_in_sight_is_stopped_where_it_stands",
        _PAUSES + "a_program_is_cancelled_and_its_session_taken_up_again",
        _PAUSES + "a_model_goes_on_with_its_conversation_and_hears_what_a_person_says",
        _PAUSES + "what_waits_for_a_worker_rests_at_once_and_only_agents_rest",
        _PAUSES + "a_retry_of_a_task_that_is_to_rest_waits_for_the_person",
        "agents/test_pause_doors.py::test_a_task_is_paused_resumed_and_forked_through_the_doors",
    ),
    _promise(
        "agents.interrupted", _SOURCE + " 6", "What a killed worker's agent had done is not lost and not done again.",
        _KILLED + "a_killed_workers_agent_is_taken_up_where_it_stood",
        _KILLED + "a_pause_outlives_the_worker_and_is_kept_when_it_dies_before_it_rests",
    ),
    _promise(
        "agents.forks", _SOURCE + " 6", "A task is forked from any event, with its files and its conversation.",
        _PAUSES + "a_fork_begins_with_the_files_and_the_conversation_of_its_event",
        _PAUSES + "a_fork_by_another_kind_of_agent_is_told_what_was_said_and_what_is_lost",
    ),
)  # fmt: skip
