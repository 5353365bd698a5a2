"""Acceptance criteria as they are handed in: what is wrong with one is said by its field, whatever it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.acceptance import CriterionKind, Proof, Verdict, criteria, is_met
from orchestrator.core.errors import InvalidInput

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("kind", "name", "timeout", "command", "select", "runner", "query", "expects", "network")
KINDS = st.sampled_from(["command", "tests", "ask", "merge", "", None])
NEARLY = st.builds(
    lambda kind, rest: {**rest, "kind": kind}, KINDS, st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=5)
)

WRONG = [
    ({"kind": "command"}, "command"),
    ({"kind": "command", "command": "make test"}, "command"),
    ({"kind": "command", "command": []}, "command"),
    ({"kind": "command", "command": ["make", 3]}, "command[1]"),
    ({"kind": "command", "command": [" "]}, "command[0]"),
    ({"kind": "command", "command": ["make", "a\0b"]}, "command[1]"),
    ({"kind": "command", "command": ["x"] * 257}, "command"),
    ({"kind": "command", "command": ["make"], "timeout": 0}, "timeout"),
    ({"kind": "command", "command": ["make"], "timeout": 1e9}, "timeout"),
    ({"kind": "command", "command": ["make"], "timeout": float("nan")}, "timeout"),
    ({"kind": "command", "command": ["make"], "network": "yes"}, "network"),
    ({"kind": "command", "command": ["make"], "name": " "}, "name"),
    ({"kind": "command", "command": ["make"], "query": "ASK {}"}, "query"),
    ({"kind": "tests", "select": []}, "select"),
    ({"kind": "tests", "select": ["-p", "evil"]}, "select[0]"),
    ({"kind": "tests", "select": ["tests"], "runner": [1]}, "runner[0]"),
    ({"kind": "ask", "query": "SELECT * {}"}, "query"),
    ({"kind": "ask", "query": "ASK {}", "expects": 1}, "expects"),
    ({"kind": "merge"}, "kind"),
    ({"kind": "prayer"}, "kind"),
    ({"kind": ["command"]}, "kind"),
    ({}, "kind"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_what_is_wrong_is_named_by_criterion_and_field(wrong: dict[str, Any], field: str) -> None:
    right = {"kind": "command", "command": ["true"]}
    with pytest.raises(InvalidInput) as refused:
        criteria([right, wrong])
    assert refused.value.field == f"acceptance[1].{field}"


@given(st.lists(NEARLY | ANYTHING, max_size=4))
def test_whatever_is_handed_in_is_read_or_refused_by_its_place(given: list[Any]) -> None:
    place = ""
    try:
        read = criteria(given)
    except InvalidInput as error:
        read, place = (), error.field or "nowhere"
    assert len(read) == len(given) or place.startswith("acceptance[")
    assert all(one.name and one.timeout > 0 and (one.command or one.select or one.query) for one in read)


def test_criteria_are_told_apart_by_their_names_and_need_a_project() -> None:
    twice = [{"kind": "command", "command": ["make", "test"]}] * 2
    with pytest.raises(InvalidInput) as refused:
        criteria(twice)
    assert refused.value.field == "acceptance[1].name"
    with pytest.raises(InvalidInput) as refused:
        criteria(twice[:1], has_project=False)
    assert refused.value.field == "project_id"
    with pytest.raises(InvalidInput):
        criteria([{"kind": "ask", "query": "ASK {}", "name": str(number)} for number in range(33)])


@given(st.lists(st.sampled_from(Verdict), max_size=6))
def test_unknown_is_not_pass(verdicts: list[Verdict]) -> None:
    proofs = [Proof(n, str(n), CriterionKind.COMMAND, verdict, "c") for n, verdict in enumerate(verdicts)]
    assert is_met(proofs) == (set(verdicts) <= {Verdict.PASSED})
