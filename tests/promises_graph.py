"""What the knowledge graph promises; part of ``promises``, in the same form."""

from tests.promise import promise as _promise

ISSUE, DESIGN, OURS = "main job", "design", "our own"
_KG, _AGENTS = "kg/test_", "agents/test_"

GRAPH = (
    _promise(
        "kg.deterministic", ISSUE + " 8", "The same tree gives the same triples, in valid RDF of our ontology.",
        _KG + "build.py::test_the_same_tree_gives_the_same_triples_and_valid_rdf",
        _KG + "ontology.py::test_a_built_graph_uses_only_defined_terms",
        _KG + "ontology.py::test_every_term_has_one_label_and_one_definition",
    ),
    _promise(
        "kg.certainty", ISSUE + " 8", "What certainly is called and what may be called are told apart.",
        _KG + "python.py::test_the_sample_has_exactly_these_certain_calls",
        _KG + "python.py::test_what_may_be_called_is_kept_apart",
        _KG + "python.py::test_lines_that_reach_the_same_by_the_same_rule_are_one_call_site",
    ),
    _promise(
        "kg.read-by-hand", OURS, "Certain calls of real repositories are read by hand, and each has a verdict.",
        "architecture/test_docs.py::test_the_page_about_real_repositories_is_made_of_the_verdicts_and_each_call_has_one",
        _KG + "competency.py::test_each_question_of_the_page_has_an_answer_without_sparql",
    ),
    _promise(
        "kg.python", OURS, "Well-formed and broken Python are read by two parsers, and the graph does not tell which.",
        _KG + "python_extraction.py::test_both_parsers_say_the_same_of_all_that_can_be_written",
        _KG + "python_extraction.py::test_both_parsers_say_the_same_of_real_code",
        _KG + "python_extraction.py::test_what_the_interpreter_cannot_read_is_read_all_the_same",
    ),
    _promise(
        "kg.javascript-updates", OURS, "A saved JavaScript file reaches who can tell; all is as after a clean build.",
        _KG + "javascript_updates.py::test_updated_links_equal_those_of_a_clean_linker",
        _KG + "javascript_updates.py::test_hubs_of_a_real_project_are_updated_to_what_a_clean_linker_says",
        _KG + "javascript_updates.py::test_what_a_hub_gives_its_readers_decides_whether_they_run_again",
    ),
    _promise(
        "kg.loaded-while-written", OURS, "A graph is loaded while it is written; one never finished is not waited for.",
        _KG + "query_start.py::test_a_server_loads_a_graph_while_it_is_written",
        _KG + "query_start.py::test_a_server_of_a_build_that_failed_is_in_nobodys_way",
        _KG + "query_start.py::test_what_a_dead_build_left_is_not_waited_for",
    ),
    _promise(
        "kg.side-by-side", OURS, "Several processes build a graph as one does; when one dies the first does its part.",
        _KG + "side_by_side.py::test_three_processes_build_what_one_builds",
        _KG + "side_by_side.py::test_what_dead_processes_had_taken_is_done_by_the_first_one",
    ),
    _promise(
        "kg.limits", ISSUE + " 8", "Time, memory and size limits of SPARQL hold, and other queries do not notice.",
        _KG + "queries.py::test_a_runaway_query_is_killed_in_time_and_the_others_do_not_notice",
        _KG + "queries.py::test_a_memory_bomb_dies_alone",
        _KG + "queries.py::test_an_engine_past_the_guard_still_reaches_no_network",
    ),
    _promise(
        "kg.protocol", DESIGN + " 5", "The SPARQL 1.1 Protocol: three forms, every format, statuses, a description.",
        "api/test_sparql.py::test_a_query_is_asked_in_three_forms",
        "api/test_sparql.py::test_what_the_protocol_does_not_know_is_told_as_a_problem",
        "api/test_sparql.py::test_without_a_query_the_endpoint_describes_itself",
    ),
    _promise(
        "kg.scratch", OURS, "Updates go to a dataset of one's own, whole or not at all; a project's graph takes none.",
        "api/test_sparql.py::test_a_scratch_dataset_is_written_and_read_by_its_owner",
        "api/test_sparql.py::test_scopes_and_membership_guard_the_doors",
        _KG + "scratch.py::test_an_update_that_runs_too_long_or_too_large_leaves_the_dataset_as_it_was",
    ),
    _promise(
        "kg.remote", OURS, "A SPARQL server elsewhere answers as our own does, and follows every change.",
        _KG + "remote.py::test_the_server_follows_snapshots_changes_and_shared_graphs",
        _KG + "remote.py::test_what_may_not_run_here_is_not_sent_there",
    ),
    _promise(
        "kg.follows", OURS, "After any edits the graph is a clean build's; what is saved is seen, told of or watched.",
        _KG + "incremental.py::test_after_any_edits_of_real_code_the_graphs_are_those_of_a_clean_build",
        _KG + "updates.py::test_a_saved_file_is_seen_by_queries_when_the_update_returns",
        _KG + "updates.py::test_an_indexer_killed_at_any_moment_leaves_a_whole_graph_and_its_successor_goes_on",
        _AGENTS + "follow_projects.py::test_what_is_saved_moved_and_deleted_is_seen_without_being_told",
    ),
    _promise(
        "kg.views", OURS, "Agents in worktrees ask their own code, at once and apart; unchanged files are stored once.",
        _AGENTS + "worktree_graphs.py::test_agents_at_work_at_once_each_see_their_own_tree_and_not_the_others",
        _KG + "views.py::test_each_view_is_what_was_said_of_it_whatever_happens_to_the_others",
        _KG + "live.py::test_what_worktrees_did_not_change_is_stored_once",
    ),
    _promise(
        "kg.observed", OURS, "Test runs that are made anyway say who calls whom, of the very versions that ran.",
        _KG + "traces.py::test_a_run_of_pytest_shows_who_calls_whom",
        _KG + "traces.py::test_each_test_covers_what_ran_while_it_ran",
        _KG + "traces_in_graphs.py::test_nothing_is_claimed_of_what_changed_and_it_comes_back_with_the_old_text",
        _AGENTS + "traced_runs.py::test_what_a_changed_file_did_is_seen_in_the_worktree_that_has_it_only",
    ),
    _promise(
        "kg.bad-files", ISSUE + " 14", "Broken, binary and escaping files are listed with a reason; the rest is right.",
        _KG + "build.py::test_bad_files_are_listed_with_a_reason_and_the_rest_is_right",
        _KG + "build.py::test_paths_out_of_the_tree_are_not_read",
    ),
    _promise(
        "kg.moving-files", OURS, "Files that change while they are read hold nothing up; one update makes all right.",
        _KG + "moving_files.py::test_a_file_that_becomes_something_else_is_skipped_and_holds_nothing_up",
        _KG + "moving_files.py::test_a_file_that_grows_without_end_is_read_to_a_limit",
        _KG + "moving_files.py::test_files_saved_during_a_build_are_right_after_one_update",
    ),
    _promise(
        "kg.bounded", OURS, "A build needs no network, tells the time it still takes, and cuts a long history aloud.",
        _KG + "moving_files.py::test_a_build_needs_no_network",
        _KG + "moving_files.py::test_the_time_that_is_left_is_told_once_there_is_something_to_tell_it_from",
        "git/test_history.py::test_fifty_thousand_commits_are_read_to_a_limit_and_the_cut_is_told",
    ),
)  # fmt: skip
