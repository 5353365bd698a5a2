"""The order of precedence of rules about tool calls, for any rules."""

import random
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.policy import HINTS, ROLES, Asked, Effect, Level, Rule, decide, hint, mismatch

_SERVERS = [UUID(int=number) for number in (1, 2)]
_PROJECTS = [UUID(int=number) for number in (11, 12)]
_USERS = [UUID(int=number) for number in (21, 22)]
_STRICT = [Effect.ALLOW, Effect.ASK, Effect.DENY]

rules = st.builds(
    Rule,
    id=st.uuids(),
    level=st.sampled_from(Level),
    effect=st.sampled_from(Effect),
    tool=st.sampled_from(["*", "delete_*", "delete_all", "d?lete_all", "read", "r*", "[a]"]),
    server_id=st.none() | st.sampled_from(_SERVERS),
    hints=st.dictionaries(st.sampled_from(sorted(HINTS)), st.booleans(), max_size=2),
    roles=st.frozensets(st.sampled_from(sorted(ROLES)), max_size=2),
    project_id=st.none() | st.sampled_from(_PROJECTS),
    user_id=st.none() | st.sampled_from(_USERS),
)
calls = st.builds(
    Asked,
    user_id=st.sampled_from(_USERS),
    server_id=st.sampled_from(_SERVERS),
    tool=st.sampled_from(["delete_all", "delete_some", "read", "write", "[a]"]),
    roles=st.frozensets(st.sampled_from(sorted(ROLES)), max_size=2),
    project_id=st.none() | st.sampled_from(_PROJECTS),
    annotations=st.none() | st.dictionaries(st.sampled_from(sorted(HINTS)), st.booleans()),
)
many = st.lists(rules, max_size=8, unique_by=lambda rule: rule.id)


def _strictness(effect: Effect) -> int:
    return _STRICT.index(effect)


@given(many, calls, st.randoms())
def test_the_order_of_rules_does_not_matter(some: list[Rule], asked: Asked, chance: random.Random) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)
    assert decide(shuffled, asked) == decide(some, asked)


@given(many, calls)
def test_only_a_rule_that_speaks_of_the_call_decides(some: list[Rule], asked: Asked) -> None:
    decision = decide(some, asked)
    speaking = [rule for rule in some if mismatch(rule, asked) is None]
    if speaking:
        assert decision.rule in speaking
    else:
        assert (decision.effect, decision.rule) == (Effect.ALLOW, None)


@given(many, calls, rules)
def test_a_rule_of_another_level_never_widens(some: list[Rule], asked: Asked, more: Rule) -> None:
    others = [rule for rule in some if rule.level != more.level]
    assert _strictness(decide([*others, more], asked).effect) >= _strictness(decide(others, asked).effect)


@given(many, calls)
def test_within_a_level_the_most_specific_decides_and_of_equals_the_strictest(some: list[Rule], asked: Asked) -> None:
    for deciding in decide(some, asked).levels:
        same = [rule for rule in some if rule.level == deciding.level and mismatch(rule, asked) is None]
        assert deciding.specificity == max(rule.specificity for rule in same)
        equal = [rule for rule in same if rule.specificity == deciding.specificity]
        assert _strictness(deciding.effect) == max(_strictness(rule.effect) for rule in equal)


@given(many, calls)
def test_the_strictest_level_decides(some: list[Rule], asked: Asked) -> None:
    decision = decide(some, asked)
    if decision.levels:
        assert _strictness(decision.effect) == max(_strictness(rule.effect) for rule in decision.levels)


def _rule(effect: Effect, **more: Any) -> Rule:
    return Rule(UUID(int=random.getrandbits(128)), Level.SERVICE, effect, **more)


def test_server_goes_before_tool_before_pattern_before_hints_before_role_before_project() -> None:
    ranked = [
        _rule(Effect.ALLOW, server_id=_SERVERS[0]),
        _rule(Effect.DENY, tool="delete_all"),
        _rule(Effect.ALLOW, tool="delete_*"),
        _rule(Effect.DENY, hints={"destructiveHint": True}),
        _rule(Effect.ALLOW, roles=frozenset({"member"})),
        _rule(Effect.DENY, project_id=_PROJECTS[0]),
        _rule(Effect.ALLOW),
    ]
    asked = Asked(_USERS[0], _SERVERS[0], "delete_all", frozenset({"member"}), _PROJECTS[0])
    for first, second in permutations(range(len(ranked)), 2):
        assert decide([ranked[first], ranked[second]], asked).rule is ranked[min(first, second)]


@pytest.mark.parametrize(
    ("annotations", "read_only", "destructive"),
    [
        (None, False, True),
        ({}, False, True),
        ({"readOnlyHint": True}, True, False),
        ({"readOnlyHint": True, "destructiveHint": True}, True, False),
        ({"destructiveHint": False}, False, False),
        ({"readOnlyHint": "yes", "destructiveHint": 0}, False, True),
    ],
)
def test_what_a_tool_does_not_say_counts_as_dangerous(
    annotations: dict[str, Any] | None, read_only: bool, destructive: bool
) -> None:
    assert hint(annotations, "readOnlyHint") is read_only
    assert hint(annotations, "destructiveHint") is destructive
