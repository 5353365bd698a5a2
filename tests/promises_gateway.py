"""What the MCP gateway promises, for ``promises``."""

from tests.promise import promise as _promise

_DOOR, _SOURCE = "mcp_door/test_", "MCP gateway"

GATEWAY = (
    _promise(
        "door.eras", _SOURCE + " 1", "Any client era works against any server era, over every transport.",
        _DOOR + "eras.py::test_what_is_listed_can_be_used",
        _DOOR + "eras.py::test_changes_are_announced_to_who_wants_to_know",
        _DOOR + "eras.py::test_a_cancelled_call_is_cancelled_where_it_runs",
        _DOOR + "eras.py::test_a_person_is_asked_in_the_middle_of_a_call",
        _DOOR + "eras.py::test_the_clients_model_is_asked_in_the_middle_of_a_call",
    ),
    _promise(
        "door.lossless", _SOURCE + " 2", "What a server and a client say to each other passes as it is on the wire.",
        _DOOR + "lossless.py::test_a_tool_is_listed_as_its_server_describes_it",
        _DOOR + "lossless.py::test_what_a_tool_is_given_and_answers_passes_unchanged",
    ),
    _promise(
        "door.conformant", _SOURCE + " 3", "The official suite passes through the gateway in both eras.",
        "conformance/test_conformance.py::test_every_scored_scenario_passes",
    ),
    _promise(
        "door.endpoints", _SOURCE + " 4", "Chosen servers and tools stand under an address of their own.",
        _DOOR + "endpoints.py::test_it_shows_its_servers_only_and_names_as_they_are",
        _DOOR + "endpoints.py::test_patterns_renames_and_annotations_shape_it",
        _DOOR + "endpoints.py::test_read_only_hides_what_does_not_say_so",
    ),
    _promise(
        "door.search", _SOURCE + " 4", "A catalogue too large to list is searched; what is found is called by name.",
        _DOOR + "tool_search.py::test_what_is_found_is_called_by_its_name",
        _DOOR + "tool_search.py::test_nobody_finds_what_they_may_not_call",
        _DOOR + "embeddings.py::test_a_word_that_no_tool_has_finds_what_means_the_same",
        "mcp/test_tool_index.py::test_equals_stand_in_the_order_of_their_names_however_they_came",
    ),
    _promise(
        "door.project_endpoints", _SOURCE + " 4", "A project has endpoints of its own, for its members alone.",
        _DOOR + "tool_search.py::test_a_projects_endpoint_is_its_members_and_works_on_the_project",
    ),
    _promise(
        "agents.endpoint", _SOURCE + " 4", "An agent may have an endpoint of its own, and has the tools it shows.",
        "agents/test_run_agent.py::test_an_agent_with_an_endpoint_of_its_own_has_the_tools_it_shows",
    ),
    _promise(
        "door.pinned", _SOURCE + " 8", "A changed or new tool definition is quarantined until somebody approves it.",
        _DOOR + "pinned_tools.py::test_a_changed_definition_is_held_back_by_every_way_until_it_is_approved",
        _DOOR + "pinned_tools.py::test_a_new_tool_waits_and_clients_hear_of_its_approval",
        _DOOR + "pinned_tools.py::test_another_definition_for_the_caller_than_for_the_prober_is_not_called",
        _DOOR + "pinned_tools.py::test_a_tool_hidden_from_lists_cannot_be_called_behind_a_face_of_one_server",
        "mcp/test_pins.py::test_a_server_that_changes_between_look_and_call_is_not_called",
    ),
    _promise(
        "door.difference", _SOURCE + " 8", "Whoever approves sees what hides, and approves exactly what was seen.",
        _DOOR + "pinned_tools.py::test_a_difference_shows_what_hides_and_a_decision_names_what_was_seen",
        "mcp/test_pins.py::test_whatever_hides_is_made_visible",
    ),
)  # fmt: skip
