"""What the service promises: an id, where the promise comes from, a sentence, and the tests that show it.

Checked both ways by tests/architecture/test_promises.py: a promise without a test fails unless it is deferred with a
reason, and so does a test named here that does not exist. Add the promise with the behaviour, before its test.
"""

from tests.promise import promise as _promise
from tests.promises_agents import AGENTS_THAT_CHANGE_CODE
from tests.promises_gateway import GATEWAY
from tests.promises_graph import GRAPH
from tests.promises_proof import PROOF

ISSUE, DESIGN, OURS = "main job", "design", "our own"


_CLI, _MCP, _GIT, _FAULTS = "cli/", "mcp/test_", "git/test_", "faults/test_"
_ACCOUNTS, _AGENTS, _DOOR, _TASKS = (
    "accounts/test_",
    "agents/test_",
    "mcp_door/test_",
    "tasks/test_light_tasks.py::test_",
)
_ROUTER, _STATES, _STEPS = (f"routing/test_{name}.py::test_" for name in ("router", "states", "transitions"))

RUNNING = (
    _promise(
        "run.embedded", ISSUE + " 1", "PostgreSQL and Redis come from wheels, one pair per folder, and stop cleanly.",
        "embedded/test_pair.py::test_a_pair_starts_works_and_stops",
        "embedded/test_pair.py::test_a_second_starter_attaches_and_the_last_to_leave_stops_it",
        "embedded/test_pair.py::test_two_folders_run_side_by_side",
    ),
    _promise(
        "run.survives-kill", ISSUE + " 1", "After kill -9 of the service the next start recovers.",
        "cli/test_up.py::test_what_a_killed_one_leaves_is_adopted_by_the_next",
        "embedded/test_pair.py::test_servers_left_by_a_killed_service_are_adopted_and_then_stopped",
        "embedded/test_pair.py::test_committed_rows_survive_the_kill_of_the_server",
    ),
    _promise(
        "run.heals", ISSUE + " 1", "A process that dies is started again, and a signal stops all of it in order.",
        "cli/test_up.py::test_it_heals_and_a_signal_stops_all_of_it",
        "cli/test_supervisor.py::test_children_stop_in_the_order_they_started",
    ),
    _promise(
        "run.root", ISSUE + " 1", "No root is needed, root is tolerated.",
        "embedded/test_pair.py::test_postgres_of_root_runs_as_somebody_else_even_below_a_closed_folder",
        "embedded/test_pair.py::test_a_normal_user_can_run_it",
    ),
    _promise(
        "run.says-what-is-missing", ISSUE + " 1", "Setup says plainly what is missing when something is.",
        "deploy/test_files.py::test_setup_names_the_python_that_is_too_old",
        "deploy/test_files.py::test_setup_says_when_the_venv_module_is_missing",
        "cli/test_app.py::test_an_occupied_port_is_named_with_what_to_do",
    ),
    _promise(
        "run.start-time", ISSUE + " 1", "The second start is ready within five seconds.",
        deferred="a figure of `make bench`: a shared machine would make the test lie",
    ),
    _promise(
        "demo.whole-job", ISSUE + " 2", "`make demo` does the whole main job on a repository and shows it.",
        "demo/test_demo.py::test_it_does_the_whole_job_twice_and_shows_a_diff_each_time",
    ),
)  # fmt: skip

ACCOUNTS = (
    _promise(
        "auth.password", ISSUE + " 3", "Passwords are stored as argon2id only, and checking one leaks nothing.",
        _ACCOUNTS + "log_in.py::test_the_password_is_stored_as_argon2id_and_nothing_of_it_leaks",
        _ACCOUNTS + "log_in.py::test_an_unknown_user_takes_as_long_as_a_wrong_password",
    ),
    _promise(
        "auth.refresh", ISSUE + " 3", "Refresh tokens are stored hashed and can be ended everywhere.",
        _ACCOUNTS + "refresh.py::test_refresh_tokens_are_stored_hashed_only",
        _ACCOUNTS + "refresh.py::test_logging_out_everywhere_ends_every_log_in",
    ),
    _promise(
        "auth.github", ISSUE + " 3", "GitHub log-ins use state and PKCE and cannot be replayed or finished by another.",
        "accounts/oauth/test_outside_log_in.py::test_pkce_state_and_nonce_are_sent",
        "accounts/oauth/test_outside_log_in.py::test_a_callback_works_once",
        "accounts/oauth/test_outside_log_in.py::test_another_browser_cannot_finish_a_flow",
    ),
    _promise(
        "auth.no-hijack", ISSUE + " 3", "Linking an outside account takes over no account, by e-mail or otherwise.",
        "accounts/oauth/test_outside_log_in.py::test_an_outside_log_in_never_takes_over_an_account_with_its_e_mail",
        "accounts/oauth/test_linking.py::test_nobody_can_link_their_account_to_anothers_session",
    ),
    _promise(
        "auth.api-tokens", ISSUE + " 3",
        "Personal API tokens are shown once, stored hashed, scoped and revocable at once.",
        _ACCOUNTS + "tokens.py::test_an_api_token_is_shown_once_stored_hashed_and_opens_what_its_scopes_say",
        _ACCOUNTS + "tokens.py::test_a_revoked_token_is_refused_at_once_and_others_cannot_revoke_it",
    ),
    _promise(
        "auth.csrf", ISSUE + " 3", "A console session changes nothing without its own CSRF token and our origin.",
        _ACCOUNTS + "cookie_sessions.py::test_a_session_reads_without_and_changes_only_with_its_csrf_token",
        _ACCOUNTS + "cookie_sessions.py::test_a_request_from_another_origin_is_refused_even_with_the_token",
    ),
    _promise(
        "auth.roles", ISSUE + " 3", "Roles on projects are ordered, and a project does not exist for a stranger.",
        _ACCOUNTS + "access.py::test_a_member_has_the_role_they_were_given_and_every_lower_one",
        _ACCOUNTS + "access.py::test_a_project_does_not_exist_for_a_stranger_be_they_admin_of_the_service",
    ),
)  # fmt: skip

PROJECTS = (
    _promise(
        "projects.credentials", ISSUE + " 4", "A credential is in no URL, log, process list or stored configuration.",
        _GIT + "mirror.py::test_a_private_repository_is_cloned_and_its_credential_is_nowhere_to_be_seen",
        _GIT + "mirror.py::test_a_redirect_to_another_host_does_not_get_the_credential",
    ),
    _promise(
        "projects.roots", ISSUE + " 4", "Local projects come from allowed roots only, links included.",
        _GIT + "local.py::test_a_folder_below_a_root_is_taken_by_its_real_path",
        _GIT + "local.py::test_without_roots_nothing_is_allowed",
        _GIT + "mirror.py::test_a_repository_may_not_keep_its_data_outside_the_roots",
    ),
    _promise(
        "projects.git-is-tame", ISSUE + " 4", "A repository's own hooks, filters and settings never run.",
        _GIT + "program.py::test_hooks_filters_and_monitors_of_a_repository_do_not_run",
        "mcp/test_builtin_code.py::test_the_configuration_of_a_repository_runs_no_program",
    ),
    _promise(
        "projects.worktrees", ISSUE + " 4", "Each change happens in a worktree of its own and ends in a true diff.",
        _GIT + "worktree.py::test_the_diff_shows_every_kind_of_change",
        _GIT + "worktree.py::test_many_work_trees_are_made_at_once_by_several_processes",
    ),
    _promise(
        "projects.deleted-with-data", ISSUE + " 4", "A deleted project leaves no row and no process.",
        _GIT + "worktree.py::test_everything_of_a_project_goes_with_it",
        _FAULTS + "killed_heavy_workers.py::test_a_project_deleted_while_its_task_runs_leaves_no_process_and_no_row",
    ),
)  # fmt: skip

SERVERS = (
    _promise(
        "mcp.one-session", ISSUE + " 5", "One pooled, supervised session per server, never one per call.",
        _MCP + "pool.py::test_all_calls_share_one_process",
        _MCP + "pool.py::test_a_server_killed_from_outside_heals_on_the_next_call",
    ),
    _promise(
        "mcp.both-transports", ISSUE + " 5", "Third-party servers answer over stdio and streamable HTTP.",
        _MCP + "pool.py::test_a_third_party_git_server_answers_through_the_pool",
        _MCP + "remote_servers.py::test_a_remote_server_is_probed_listed_and_called",
    ),
    _promise(
        "mcp.dead-hides-itself", ISSUE + " 5", "A dead server hides nothing but itself.",
        _MCP + "hostile_servers.py::test_a_dead_server_hides_only_itself",
        _DOOR + "servers_behind.py::test_a_dead_server_hides_only_itself_and_is_seen_to_be_dead",
    ),
    _promise(
        "mcp.json", ISSUE + " 5", "An mcp.json of any common client is read, and a wrong entry names itself.",
        _MCP + "definitions.py::test_the_dialects_of_claude_cursor_and_vs_code_are_read",
        _MCP + "definitions.py::test_a_wrong_entry_names_itself_and_its_field",
    ),
    _promise(
        "mcp.no-orphans", ISSUE + " 14", "Nothing a server started outlives the pool.",
        _MCP + "hostile_servers.py::test_nothing_a_server_started_outlives_the_pool",
    ),
    _promise(
        "mcp.hostile", ISSUE + " 14", "Servers that die, hang, lie or print rubbish cost one clear error each.",
        _MCP + "hostile_servers.py::test_a_death_in_the_middle_of_a_call_fails_the_call_at_once",
        _MCP + "hostile_servers.py::test_a_lie_about_the_output_schema_is_caught",
        _MCP + "hostile_servers.py::test_endless_rubbish_ends_the_server",
        _MCP + "schema.py::test_a_catastrophic_pattern_costs_nothing",
    ),
    _promise(
        "door.all-tools", ISSUE + " 11",
        "`/mcp` offers the tools of all servers, prefixed, and our own, to a caller with a token.",
        _DOOR + "lists_and_calls.py::test_our_own_tools_and_those_of_servers_stand_in_one_list",
        _DOOR + "access.py::test_a_token_lists_and_calls_what_its_scopes_allow",
        _DOOR + "own_tools.py::test_a_task_goes_from_the_hand_in_to_its_result",
    ),
)  # fmt: skip

ROUTING = (
    _promise(
        "route.seed", DESIGN + " 2", "A file search goes to the oracle.",
        _ROUTER + "a_file_search_goes_to_the_oracle_as_the_seed_writes_it",
    ),
    _promise(
        "route.fit", ISSUE + " 6", "The router never picks an unfit target.",
        _ROUTER + "the_router_never_picks_an_unfit_target",
        _ROUTER + "a_target_that_could_serve_is_passed_over_only_for_weight_or_consent",
    ),
    _promise(
        "route.monotone", ISSUE + " 6", "Adding a strictly better target never makes the choice worse.",
        _ROUTER + "one_more_target_wins_or_changes_nothing",
        _ROUTER + "a_strictly_better_twin_of_the_chosen_is_chosen",
        _ROUTER + "getting_better_never_costs_a_target_its_place",
    ),
    _promise(
        "route.order", ISSUE + " 6",
        "The order of the registry does not matter, and the same question gets the same answer.",
        _ROUTER + "the_order_of_the_registry_does_not_matter",
        _ROUTER + "the_same_question_gets_the_same_answer",
        _ROUTER + "equals_are_told_apart_by_their_ids",
    ),
    _promise(
        "route.accounts", ISSUE + " 6", "Every candidate is accounted for; every rejection says why.",
        _ROUTER + "every_target_is_accounted_for_and_every_rejection_says_why",
    ),
    _promise(
        "route.no-target", ISSUE + " 6", "A task nobody can do fails at once with what would make it runnable.",
        _ROUTER + "a_route_to_nowhere_says_what_would_help",
        _TASKS + "a_task_no_target_can_serve_fails_at_once_with_what_would_help",
    ),
    _promise(
        "route.weight", ISSUE + " 6",
        "Light work goes to oracles, heavy work to a consenting user's Space, else back by flag and consent.",
        _ROUTER + "light_work_lands_on_a_space_only_if_preferred_or_if_nothing_else_fits",
        _ROUTER + "heavy_work_goes_to_the_users_space_before_an_equal_oracle",
        _ROUTER + "heavy_work_falls_back_to_an_oracle_only_with_flag_and_consent",
        _ROUTER + "nothing_runs_on_a_space_without_its_users_consent",
    ),
)  # fmt: skip

TASKS = (
    _promise(
        "task.states", DESIGN + " 4", "Nothing leaves a terminal state but a retry.",
        _STATES + "nothing_leaves_a_terminal_state_but_a_retry_and_a_review",
    ),
    _promise(
        "task.true-state", DESIGN + " 4", "Events have no gaps, one attempt runs at most, every ending has a reason.",
        _STEPS + "no_sequence_of_steps_breaks_a_task",
        _TASKS + "events_are_numbered_without_gaps_and_tell_the_whole_story",
    ),
    _promise(
        "task.slots", ISSUE + " 7", "A target's limit holds over all workers; who waits is next by priority, then age.",
        "tasks/test_slots.py::test_no_more_attempts_run_on_a_target_than_it_allows_whatever_the_number_of_workers",
        "tasks/test_slots.py::test_whoever_waits_for_a_target_is_next_by_priority_then_by_age",
        "tasks/test_slots.py::test_standing_in_line_costs_nothing_of_the_time_limit",
    ),
    _promise(
        "task.fenced", DESIGN + " 4", "A worker whose lease has passed writes nothing.",
        _FAULTS + "leases.py::test_a_worker_that_slept_past_its_lease_writes_nothing",
    ),
    _promise(
        "task.outbox", DESIGN + " 4",
        "A rolled-back request leaves no job; a committed one is delivered whatever dies.",
        _FAULTS + "deliveries.py::test_a_rolled_back_request_leaves_no_task_no_event_and_no_job",
        _FAULTS + "deliveries.py::test_an_api_killed_between_commit_and_delivery_loses_nothing",
    ),
    _promise(
        "task.once", DESIGN + " 4", "A job delivered many times runs once.",
        _FAULTS + "deliveries.py::test_a_job_delivered_many_times_runs_once",
    ),
    _promise(
        "task.lost-worker", ISSUE + " faults", "None stays running more than fifteen seconds after its worker died.",
        _FAULTS + "leases.py::test_by_default_no_task_is_running_fifteen_seconds_after_its_worker_died",
    ),
    _promise(
        "task.killed-workers", ISSUE + " faults", "A worker killed at any step costs no task.",
        _FAULTS + "killed_light_workers.py::test_killed_while_the_tool_runs_it_is_tried_again",
        _FAULTS + "killed_heavy_workers.py::test_killed_between_work_and_ending_it_is_tried_again_and_ends_once",
    ),
    _promise(
        "task.restarts", ISSUE + " faults", "Redis losing its data and PostgreSQL stopping under load lose no task.",
        _FAULTS + "restarts.py::test_redis_killed_with_all_its_data_under_load_loses_no_task",
        _FAULTS + "restarts.py::test_postgres_stopped_at_once_under_load_loses_no_task",
    ),
    _promise(
        "task.cancel", ISSUE + " 7", "A cancel reaches the running tool or process.",
        _TASKS + "cancel_reaches_the_running_tool",
        _FAULTS + "killed_heavy_workers.py::test_cancel_kills_the_running_git_and_everything_below_it",
    ),
    _promise(
        "task.retries", ISSUE + " 7", "Passing faults are tried again with growing pauses, three attempts at most.",
        _FAULTS + "attempts.py::"
        "test_a_passing_fault_is_tried_three_times_with_growing_pauses_and_then_fails_with_its_reason",
        _STATES + "waits_between_attempts_grow_to_a_minute_at_most",
    ),
    _promise(
        "task.replay", ISSUE + " 7", "A stream goes on exactly after the last event id.",
        _FAULTS + "deliveries.py::test_a_stream_cut_by_the_death_of_its_api_goes_on_from_the_last_event_id",
    ),
    _promise(
        "task.many-at-once", ISSUE + " 7", "One light worker runs many tool calls at once.",
        _TASKS + "two_hundred_half_second_calls_end_within_four_seconds",
    ),
    _promise(
        "task.again", OURS,
        "Whoever is asked for again may have to wait again: an answer or a retry is never refused for that.",
        _STATES + "whoever_is_routed_again_may_land_wherever_routing_puts_tasks",
    ),
)  # fmt: skip

AGENTS = (
    _promise(
        "agents.listed", ISSUE + " 9", "Agents are listed with what they can do; without a key, with what to set.",
        _AGENTS + "agent_doors.py::test_the_built_in_agents_are_listed_with_what_they_can_do",
        _AGENTS + "agent_doors.py::test_without_a_model_the_assistant_is_listed_with_what_to_set",
    ),
    _promise(
        "agents.worktree", ISSUE + " 9", "A code-changing agent ends on a branch of its own with a diff.",
        _AGENTS + "run_agent.py::test_a_lint_fix_ends_on_a_branch_of_its_own_with_diff_and_commit",
        _AGENTS + "run_agent.py::test_a_symbol_is_renamed_in_the_repository",
    ),
    _promise(
        "agents.llm", ISSUE + " 9",
        "The llm agent speaks to any OpenAI-compatible endpoint with our tools, within limits.",
        _AGENTS + "llm.py::test_the_answer_streams_as_events_and_ends_in_the_result",
        _AGENTS + "llm.py::test_the_limit_on_tokens_ends_the_run",
    ),
    _promise(
        "outside.github", ISSUE + " 10", "GitHubService carries a change from branch to pull request.",
        "services/test_github_service.py::test_a_change_travels_from_branch_to_pull_request",
        "services/test_github_service.py::test_a_token_is_never_in_an_error",
    ),
    _promise(
        "outside.hf", ISSUE + " 10", "HFService names the user, lists Spaces and uploads.",
        "services/test_hf_service.py::test_spaces_come_with_their_state_and_address",
        "services/test_hf_service.py::test_what_is_uploaded_can_be_downloaded",
    ),
)  # fmt: skip

SPACES = (
    _promise(
        "spaces.consent", DESIGN + " 2", "Heavy work runs in a user's own Space once they consented, and only theirs.",
        "spaces/test_spaces.py::test_heavy_work_waits_for_consent_and_then_runs_in_the_space",
        "spaces/test_spaces.py::test_a_standing_consent_lets_heavy_work_start_at_once_and_nobody_else_sees_the_space",
    ),
)  # fmt: skip

HOUSE = (
    _promise(
        "console.walk", ISSUE + " 12", "Somebody new gets from registering to a diff and a table in a real browser.",
        "console/test_walk.py::test_somebody_new_gets_from_registering_to_a_diff_and_a_table",
    ),
    _promise(
        "house.floors", DESIGN + " 3",
        "Imports only go down, siblings do not see each other, one library has one room.",
        "architecture/test_imports.py::test_every_contract_is_kept",
        "architecture/test_imports.py::test_every_library_has_a_room_or_is_common",
    ),
    _promise(
        "house.size", DESIGN + " 3", "Files and functions keep to their budget.",
        "architecture/test_size.py::test_no_file_is_longer_than_the_budget",
        "architecture/test_size.py::test_no_function_is_longer_than_the_budget",
    ),
    _promise(
        "house.errors", DESIGN + " 8", "One error tree, drawn as it is.",
        "architecture/test_errors.py::test_the_drawing_at_the_top_is_the_tree",
    ),
    _promise(
        "house.docs", DESIGN + " 8", "Reference pages are those the code makes.",
        "architecture/test_docs.py::test_reference_pages_are_those_of_the_code",
        "api/test_openapi.py::test_the_committed_document_is_the_codes_own",
    ),
    _promise(
        "house.migrations", ISSUE + " 13", "Migrations build exactly the tables of the code, and can be taken back.",
        "migrations/test_migrations.py::test_an_empty_database_becomes_what_the_code_says",
        "migrations/test_migrations.py::test_every_migration_can_be_taken_back_and_made_again",
    ),
    _promise(
        "input.no-500", ISSUE + " 14", "Random requests made from our own OpenAPI find no server error.",
        "api/test_openapi.py::test_no_request_makes_an_operation_stumble",
    ),
)  # fmt: skip

PROMISES = (
    *RUNNING, *ACCOUNTS, *PROJECTS, *SERVERS, *ROUTING, *TASKS, *GRAPH, *AGENTS, *SPACES, *HOUSE, *GATEWAY,
    *AGENTS_THAT_CHANGE_CODE, *PROOF,
)  # fmt: skip
