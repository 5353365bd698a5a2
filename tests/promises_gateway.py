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
        "door.conformant", _SOURCE + " 3", "The official suite passes through the gateway in both eras.",
        "conformance/test_conformance.py::test_every_scored_scenario_passes",
    ),
    _promise(
        "door.endpoints", _SOURCE + " 4", "Chosen servers and tools stand under an address of their own.",
        _DOOR + "endpoints.py::test_it_shows_its_servers_only_and_names_as_they_are",
        _DOOR + "endpoints.py::test_patterns_renames_and_annotations_shape_it",
        _DOOR + "endpoints.py::test_read_only_hides_what_does_not_say_so",
    ),
)  # fmt: skip
