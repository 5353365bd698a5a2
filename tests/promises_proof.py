"""What proof, review and merging promise; part of ``promises``, in the same form."""

from tests.promise import promise as _promise

ISSUE = "agents that change code, with proof"
_COMPLETION, _HOSTILE, _REVIEWS, _MERGES = (
    f"proof/test_{name}.py::test_" for name in ("completion", "hostile_criteria", "reviews", "merge_queue")
)

PROOF = (
    _promise(
        "proof.typed", ISSUE + " 4",
        "Acceptance criteria are commands, tests or SPARQL ASKs; a wrong one is refused by its field.",
        "proof/test_acceptance.py::test_what_is_wrong_is_named_by_criterion_and_field",
        "proof/test_acceptance.py::test_whatever_is_handed_in_is_read_or_refused_by_its_place",
        "proof/test_acceptance.py::test_criteria_are_told_apart_by_their_names_and_need_a_project",
        "proof/test_doors.py::test_a_wrong_criterion_is_refused_by_its_field",
    ),
    _promise(
        "proof.merge-result", ISSUE + " 4",
        "A verifier checks them on the merge with the present base, and stores the output.",
        _COMPLETION + "a_proven_change_completes_with_its_proof",
        _COMPLETION + "what_is_verified_is_the_merge_with_the_base_of_that_moment",
        _COMPLETION + "a_conflict_with_the_present_base_is_an_unmet_criterion_that_names_the_files",
        _COMPLETION + "a_selection_of_tests_is_run_on_the_result",
        _COMPLETION + "the_graph_of_the_result_is_asked_and_observed",
        _COMPLETION + "a_task_that_changes_no_code_is_checked_on_a_tree_nobody_can_write",
        "proof/test_doors.py::test_proof_attempts_and_diff_are_read_by_members_only",
    ),
    _promise(
        "proof.unmet", ISSUE + " 4",
        "A task with unmet criteria never completes; the next attempt is told what was found.",
        _COMPLETION + "an_unmet_criterion_is_retried_with_what_it_said_and_never_completes",
        _COMPLETION + "an_agent_that_can_goes_on_from_the_change_that_fell_short",
        _COMPLETION + "an_attempt_that_is_over_stores_no_proof",
    ),
    _promise(
        "proof.unknown", ISSUE + " 4", "What could not be checked is unknown, and unknown is not pass.",
        _COMPLETION + "what_cannot_be_checked_is_unknown_and_not_worth_another_attempt",
        "proof/test_acceptance.py::test_unknown_is_not_pass",
        _HOSTILE + "without_a_sandbox_no_command_runs",
        _HOSTILE + "the_verification_as_a_whole_has_a_limit",
    ),
    _promise(
        "proof.hostile", ISSUE + " 4",
        "A criterion cannot flood, outlive, reach out of its sandbox, or change what the next one sees.",
        _HOSTILE + "a_command_over_its_time_is_unknown_and_leaves_nobody_behind",
        _HOSTILE + "a_daemon_ends_with_its_criterion",
        _HOSTILE + "a_flood_is_stopped_and_only_so_much_of_it_kept",
        _HOSTILE + "each_criterion_finds_the_tree_as_it_was_committed",
        _HOSTILE + "no_hook_of_a_repository_runs",
        _HOSTILE + "a_command_sees_no_file_of_the_service_or_of_its_arguments_and_no_network",
        _HOSTILE + "cancelling_the_task_reaches_the_criterion",
        _HOSTILE + "what_a_killed_verification_left_goes_with_the_next",
        _HOSTILE + "only_programs_of_the_path_and_of_the_project_are_found",
    ),
    _promise(
        "review.diff", ISSUE + " 5", "An attempt's diff is told hunk by hunk, line by line.",
        _COMPLETION + "a_diff_is_told_hunk_by_hunk",
    ),
    _promise(
        "review.verdicts", ISSUE + " 5",
        "Comments stand on lines that exist; changes that are requested start an attempt on the branch, told of them.",
        _REVIEWS + "requested_changes_start_an_attempt_on_the_branch_with_the_comments",
        _REVIEWS + "a_rejected_change_ends_the_task_as_failed_and_keeps_its_result",
        _REVIEWS + "a_comment_on_nothing_is_refused_by_its_field",
        _REVIEWS + "changes_are_requested_with_words_and_only_by_members",
        _REVIEWS + "an_agents_findings_are_attached_and_its_approval_merges_nothing",
        _REVIEWS + "a_review_that_cannot_take_effect_is_not_stored",
    ),
    _promise(
        "merge.queue", ISSUE + " 5",
        "Approved changes are merged one at a time per project, on the base of that moment and proven there.",
        _MERGES + "changes_are_merged_in_order_one_at_a_time_and_the_project_moves_on",
        _MERGES + "what_conflicts_or_is_not_proven_on_the_present_base_is_not_merged",
        _MERGES + "a_merge_task_that_the_queue_did_not_make_merges_nothing",
        _MERGES + "a_method_that_does_not_fit_the_project_is_refused",
        "proof/test_pull_requests.py::test_a_proven_change_becomes_a_pull_request_from_a_branch_of_its_own",
    ),
    _promise(
        "merge.survives", ISSUE + " 5",
        "What a dead worker left of a merge is gone on with, nothing is merged twice, and a merge can be undone.",
        _MERGES + "what_a_dead_worker_left_is_gone_on_with_and_nothing_is_merged_twice",
        _MERGES + "the_monitor_closes_what_failed_and_gives_the_next_its_turn",
        _MERGES + "a_merge_is_undone_by_a_revert_and_may_be_merged_again",
        _MERGES + "an_undo_is_proven_by_what_held_before_and_by_what_was_merged_since",
        _MERGES + "an_admin_has_a_merge_undone_for_a_reason_once_its_criteria_were_found_to_fail",
    ),
    _promise(
        "merge.users-repository", ISSUE + " 5",
        "A user's own repository follows only where its work tree is clean; no hook of theirs runs.",
        _MERGES + "a_clean_work_tree_of_the_user_follows_and_no_hook_of_theirs_runs",
        _MERGES + "what_the_user_works_on_is_never_touched",
        _MERGES + "commits_the_user_made_meanwhile_are_merged_with",
    ),
    _promise(
        "worktree.time", ISSUE + " 2", "A work tree of two thousand files is ready soon.",
        "proof/test_worktree_time.py::test_a_work_tree_of_two_thousand_files_is_ready_soon",
    ),
)  # fmt: skip
