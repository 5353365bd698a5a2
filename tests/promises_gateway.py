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
    _promise(
        "door.log-in", _SOURCE + " 7",
        "A program logs its person in through the browser, as registered or by its document.",
        _DOOR + "oauth.py::test_the_official_client_registers_logs_in_and_calls",
        _DOOR + "oauth.py::test_the_official_client_is_known_by_its_document",
        _DOOR + "oauth.py::test_it_renews_an_expired_token_by_itself",
        _DOOR + "oauth.py::test_who_is_refused_learns_where_to_log_in",
        _DOOR + "oauth.py::test_metadata_is_where_any_client_looks_and_any_page_may_read_it",
        _DOOR + "oauth.py::test_the_ways_back_of_known_programs_work",
        "console/test_connect.py::test_a_program_is_connected_and_ended_in_the_console",
    ),
    _promise(
        "door.audience", _SOURCE + " 7",
        "A program's token works at its MCP endpoint only, with scopes that were consented to.",
        _DOOR + "oauth.py::test_a_token_for_the_endpoint_opens_no_other_door",
        _DOOR + "oauth.py::test_an_endpoint_of_ones_own_is_logged_in_to_by_its_own_address",
        _DOOR + "oauth.py::test_a_scope_that_is_missing_is_asked_for_and_then_given",
        _DOOR + "oauth.py::test_a_narrow_application_reads_no_resources_either",
        _DOOR + "oauth_hostile.py::test_a_refresh_narrows_and_never_widens",
    ),
    _promise(
        "door.consent", _SOURCE + " 7", "Nobody is connected without their own decision, which they can take back.",
        _DOOR + "oauth.py::test_the_consent_says_who_asks_for_what",
        _DOOR + "oauth.py::test_a_remembered_consent_is_not_asked_again_for_the_same_only",
        _DOOR + "oauth.py::test_the_person_sees_and_ends_what_is_connected",
        _DOOR + "oauth_hostile.py::test_no_other_site_can_say_yes",
        _DOOR + "oauth_hostile.py::test_a_request_is_decided_in_the_browser_it_came_to_only",
        _DOOR + "oauth_hostile.py::test_no_token_can_connect_a_program",
        _DOOR + "oauth_hostile.py::test_a_name_cannot_hide_or_reorder_signs",
    ),
    _promise(
        "door.codes", _SOURCE + " 7",
        "Codes and refresh tokens work once, and a second use ends what came of the first.",
        _DOOR + "oauth_hostile.py::test_a_code_works_once_and_its_second_use_ends_what_came_of_it",
        _DOOR + "oauth_hostile.py::test_a_code_is_worth_nothing_with_anything_else_than_it_was_made_for",
        _DOOR + "oauth_hostile.py::test_a_refresh_token_that_is_used_again_later_ends_the_connection",
    ),
    _promise(
        "door.strangers", _SOURCE + " 7",
        "Strangers redirect no browser elsewhere, reach nothing inside the network, and fill no tables.",
        _DOOR + "oauth_hostile.py::test_no_browser_is_sent_where_the_program_did_not_register",
        _DOOR + "oauth_hostile.py::test_a_flood_of_registrations_is_stopped_and_bounded",
        _DOOR + "client_documents.py::test_no_document_is_fetched_from_inside_the_network",
        _DOOR + "client_documents.py::test_no_redirect_is_followed_and_nothing_but_plain_json_is_read",
        "accounts/test_redirect_uris.py::test_these_may_not",
    ),
    _promise(
        "registry.documents", _SOURCE + " 9", "Documents of other clients go in, and out without secrets.",
        "mcp/test_documents.py::test_claudes_document_is_read",
        "mcp/test_documents.py::test_cursors_document_is_read_with_its_env_file",
        "mcp/test_documents.py::test_vs_codes_document_is_read_with_its_inputs",
        "mcp/test_server_json.py::test_missing_inputs_are_each_named",
        "mcp/test_documents.py::test_whatever_is_exported_is_read_back_the_same_and_holds_no_secret",
        "mcp/test_server_json.py::test_an_exported_server_json_is_valid_and_reads_back_the_same",
        "api/test_mcp_documents.py::test_servers_are_exported_for_every_client_and_come_back_without_their_secrets",
    ),
    _promise(
        "registry.capabilities", _SOURCE + " 9", "Capability tags come from tools and can be edited and set back.",
        "api/test_mcp_documents.py::test_capabilities_are_edited_and_set_back_to_those_of_the_tools",
    ),
    _promise(
        "registry.spaces", _SOURCE + " 9", "A user's Spaces that carry an MCP server are found and registered.",
        "spaces/test_space_servers.py::test_a_space_is_found_registered_and_called_with_its_owners_token",
    ),
)  # fmt: skip
