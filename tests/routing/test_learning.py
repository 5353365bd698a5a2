"""Routing that learns: more success never hurts, the unknown gets its chance within a bound, nobody is exiled."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.capabilities import Capability
from orchestrator.core.learning import Estimate
from orchestrator.core.routing import RegistrySnapshot, Route, Target, TargetType, Task, decide

amounts = st.floats(0, 10_000)
often = settings(max_examples=200, deadline=None)
CODING = "coding"
TASK = Task("code_change", ())


def _agent(name: str, estimate: Estimate | None = None) -> Target:
    known = {CODING: estimate} if estimate is not None else {}
    return Target(name, name, TargetType.AGENT, (Capability(CODING),), handles_heavy=True, learned=known)


def _route(*targets: Target, learns: bool = True) -> Route:
    return decide(TASK, RegistrySnapshot(targets, learns=learns))


@often
@given(amounts, amounts, st.floats(0, 100))
def test_more_success_never_lowers_the_score(good: float, bad: float, more: float) -> None:
    assert Estimate(good + more, bad).score >= Estimate(good, bad).score - 1e-9


@often
@given(amounts, amounts, st.floats(0, 100))
def test_more_failure_never_raises_the_mean_and_all_stays_within_bounds(good: float, bad: float, more: float) -> None:
    worse, before = Estimate(good, bad + more), Estimate(good, bad)
    assert worse.mean <= before.mean
    assert 0 < worse.mean < 1
    assert 0 < worse.deviation <= Estimate().deviation + 0.06
    assert worse.score <= 1


@often
@given(st.floats(0.05, 0.95), st.integers(20, 2000))
def test_the_unknown_is_tried_and_given_up_within_a_bound(rate: float, attempts: int) -> None:
    """Against somebody well known: a newcomer that always fails is preferred a few times at most."""
    known = Estimate(rate * attempts, (1 - rate) * attempts)
    tries = 0
    while Estimate(0, tries).score >= known.score and tries < 1000:
        tries += 1
    assert tries <= 3 / rate + 3
    if known.mean <= 0.8 and attempts >= 50:
        assert tries >= 1, "it had its chance"


@often
@given(st.integers(1, 30))
def test_one_bad_streak_does_not_exile(streak: int) -> None:
    fallen, idle = _agent("fallen", Estimate(100, streak)), _agent("idle", Estimate(0, 5))
    assert _route(fallen, idle).target_id == "fallen", "what went well before still counts"
    alone = _route(_agent("fallen", Estimate(0, streak)))
    assert alone.target_id == "fallen", "it is never rejected for it"
    faded = Estimate(0, streak * 0.5**10)  # twenty weeks later
    assert abs(faded.mean - Estimate().mean) < 0.01


def test_the_better_one_is_chosen_and_the_numbers_are_shown() -> None:
    route = _route(_agent("a", Estimate(2, 8)), _agent("b", Estimate(9, 1)))
    assert route.target_id == "b"
    shown = {one["target_id"]: one for one in route.as_dict()["candidates"]}
    assert shown["b"]["learned"] == {CODING: {"good": 9, "bad": 1, "mean": 0.846, "deviation": 0.096}}
    assert shown["b"]["parts"]["learned"] == 0.9426
    assert shown["a"]["learned"][CODING]["mean"] < 0.4


def test_switched_off_it_is_the_same_for_all() -> None:
    better, worse = _agent("b", Estimate(9, 1)), _agent("a", Estimate(2, 8))
    route = _route(better, worse, learns=False)
    assert route.target_id == "a", "the smaller id"
    assert {one.parts["learned"] for one in route.candidates} == {0.5}
    assert all(not one.learned for one in route.candidates)
    assert route == _route(replace(better, learned={}), replace(worse, learned={}), learns=False)
