"""Rules about what agents do, as pure values: who speaks, who decides, and that nobody slips past a pattern."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.agent_rules import AgentRule, Wanted, decide
from orchestrator.core.ids import new_id
from orchestrator.core.policy import Effect, Level

ME = UUID(int=1)


def rule(effect: Effect, level: Level = Level.USER, **more: object) -> AgentRule:
    return AgentRule(new_id(), level, effect, **more)  # type: ignore[arg-type]


def wanted(tool: str = "execute", **more: object) -> Wanted:
    return Wanted(ME, "agent:codex", tool, **more)  # type: ignore[arg-type]


def effect(rules: list[AgentRule], what: Wanted) -> Effect | None:
    found = decide(rules, what)
    return found.effect if found is not None else None


@pytest.mark.parametrize(
    "command",
    [
        "git status; rm -rf /",
        "git log && rm x",
        "git log | sh",
        "git $(rm x)",
        "git `rm x`",
        "git log\nrm x",
        "git > x",
    ],
)
def test_a_line_that_holds_more_than_one_command_is_allowed_by_no_pattern(command: str) -> None:
    allowing = rule(Effect.ALLOW, command="git *")
    assert effect([allowing], wanted(command="git status")) == Effect.ALLOW
    assert effect([allowing], wanted(command=command)) is None
    assert effect([rule(Effect.ALLOW, command=command)], wanted(command=command)) == Effect.ALLOW


@pytest.mark.parametrize("command", ["rm x", "ls; rm x", "ls && rm x", "ls | rm x", "echo $(rm x)"])
def test_a_forbidden_command_is_found_within_a_line(command: str) -> None:
    assert effect([rule(Effect.DENY, command="rm *")], wanted(command=command)) == Effect.DENY


def test_allowing_needs_every_path_and_forbidding_one() -> None:
    paths = ("src/a.py", "secrets/key")
    assert effect([rule(Effect.ALLOW, path="src/*")], wanted("edit", paths=paths)) is None
    assert effect([rule(Effect.DENY, path="secrets/*")], wanted("edit", paths=paths)) == Effect.DENY
    assert effect([rule(Effect.ALLOW, path="*")], wanted("edit")) is None


def test_a_rule_about_cost_speaks_once_the_cost_is_known_to_be_above() -> None:
    dear = [rule(Effect.ASK, cost_above=2.0)]
    assert [effect(dear, wanted(cost=cost)) for cost in (None, 2.0, 2.01)] == [None, None, Effect.ASK]


RULES = st.builds(
    AgentRule,
    st.uuids(), st.sampled_from(Level), st.sampled_from(Effect), st.sampled_from(["*", "agent:codex", "agent:x"]),
    st.sampled_from(["*", "execute", "edit"]), st.just(""), st.sampled_from(["", "git *", "*"]),
)  # fmt: skip


@given(rules=st.lists(RULES, max_size=12), seed=st.randoms())
def test_order_does_not_matter_and_the_strictest_level_decides(rules: list[AgentRule], seed: object) -> None:
    what = wanted(command="git log")
    found = decide(rules, what)
    shuffled = list(rules)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(shuffled, what) == found
    if found is not None:
        for level in Level:
            alone = decide([one for one in rules if one.level == level], what)
            strict = {Effect.ALLOW: 0, Effect.ASK: 1, Effect.DENY: 2}
            assert alone is None or strict[alone.effect] <= strict[found.effect]
