"""What the router promises, whatever the registry looks like."""

import random
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.core.capabilities import Capability, Requirement, misfit, version_key
from orchestrator.core.routing import (
    WEIGHTS,
    Health,
    Obstacle,
    RegistrySnapshot,
    Route,
    Target,
    TargetType,
    Task,
    decide,
)
from orchestrator.services.task_router import TaskRouter
from tests.routing.strategies import Meeting, capabilities, meetings, named, requirements

often = settings(max_examples=50, deadline=None)


def _route(meeting: Meeting) -> Route:
    return decide(meeting.task, meeting.registry)


def _chosen(meeting: Meeting) -> Target | None:
    wanted = _route(meeting).target_id
    return next((target for target in meeting.registry.targets if target.id == wanted), None)


def _betterments(target: Target) -> list[Target]:
    better = [replace(target, succeeded=target.succeeded + 1000, failed=0)]
    if target.health != Health.HEALTHY:
        better.append(replace(target, health=Health.HEALTHY))
    if target.running:
        better.append(replace(target, running=0))
    if target.priority < 100:
        better.append(replace(target, priority=100))
    return better


def _serves(target: Target, task: Task) -> bool:
    """Fitness in plain words, written without looking at the router."""
    mine = target.owner_id in (None, task.user_id) and target.project_id in (None, task.project_id)
    there = target.enabled and not target.unavailable and target.health != Health.UNHEALTHY
    free = target.running < target.max_concurrency
    known = task.type in target.task_types if target.task_types else bool(task.requirements())
    able = all(any(_meets(offer, need) for offer in target.capabilities) for need in task.requirements())
    return mine and there and free and known and able


def _meets(offer: Capability, need: Requirement) -> bool:
    recent = version_key(offer.version) >= version_key(need.min_version)
    values = {k: v if isinstance(v, list) else [v] for k, v in offer.parameters.items()}
    return offer.name == need.name and recent and all(v in values.get(k, []) for k, v in need.parameters.items())


def test_a_file_search_goes_to_the_oracle_as_the_seed_writes_it() -> None:
    registry = RegistrySnapshot((Target("code", "code", TargetType.ORACLE, (Capability("file_search"),)),))
    assert TaskRouter(registry).route_task(Task(type="file_search")).type == "oracle"


@often
@given(meetings())
def test_the_router_never_picks_an_unfit_target(meeting: Meeting) -> None:
    chosen = _chosen(meeting)
    assert chosen is None or _serves(chosen, meeting.task)


@often
@given(meetings())
def test_a_target_that_could_serve_is_passed_over_only_for_weight_or_consent(meeting: Meeting) -> None:
    accounts = {account.target_id: account for account in _route(meeting).candidates}
    for target in meeting.registry.targets:
        if _serves(target, meeting.task):
            assert {kind for kind, _ in accounts[target.id].rejections} <= {Obstacle.WEIGHT, Obstacle.CONSENT}


@often
@given(meetings(at_least=2), st.randoms(use_true_random=False))
def test_the_order_of_the_registry_does_not_matter(meeting: Meeting, shuffler: random.Random) -> None:
    shuffled = list(meeting.registry.targets)
    shuffler.shuffle(shuffled)
    assert decide(meeting.task, meeting.with_targets(*shuffled)) == _route(meeting)


@often
@given(meetings())
def test_the_same_question_gets_the_same_answer(meeting: Meeting) -> None:
    assert TaskRouter(meeting.registry).route_task(meeting.task).as_dict() == _route(meeting).as_dict()


@often
@given(meetings())
def test_every_target_is_accounted_for_and_every_rejection_says_why(meeting: Meeting) -> None:
    route = _route(meeting)
    assert sorted(c.target_id for c in route.candidates) == sorted(t.id for t in meeting.registry.targets)
    for candidate in route.candidates:
        assert all(text.strip() for _, text in candidate.rejections)
        assert candidate.fit == (set(candidate.parts) == set(WEIGHTS))


@often
@given(meetings())
def test_a_route_to_nowhere_says_what_would_help(meeting: Meeting) -> None:
    route = _route(meeting)
    assert bool(route.would_help) == (route.chosen is None)


def test_targets_that_could_never_do_the_task_are_no_help() -> None:
    code = Target("code", "code", TargetType.ORACLE, (Capability("file_search"),))
    linter = Target("lint", "lint", TargetType.AGENT, task_types=frozenset({"lint_fix"}))
    asleep = Target("asleep", "asleep", TargetType.ORACLE, (Capability("whale_song"),), enabled=False)
    route = decide(Task("nope", (Requirement("whale_song"),)), RegistrySnapshot((asleep, code, linter)))
    assert route.would_help == (
        "register an MCP server or agent that offers whale_song",
        "asleep: is disabled",
    )


@often
@given(meetings())
def test_scores_and_their_parts_lie_between_zero_and_one(meeting: Meeting) -> None:
    for candidate in _route(meeting).candidates:
        assert all(0 <= value <= 1 for value in (candidate.score, *candidate.parts.values()))


@often
@given(meetings(at_least=1))
def test_one_more_target_wins_or_changes_nothing(meeting: Meeting) -> None:
    *known, newcomer = meeting.registry.targets
    before = decide(meeting.task, meeting.with_targets(*known))
    assert _route(meeting).target_id in (before.target_id, newcomer.id)


@often
@given(meetings(at_least=2))
def test_a_strictly_better_twin_of_the_chosen_is_chosen(meeting: Meeting) -> None:
    meeting = replace(meeting, task=replace(meeting.task, preferred_target=None))
    chosen = _chosen(meeting)
    for better in _betterments(chosen) if chosen else ():
        grown = meeting.with_targets(*meeting.registry.targets, named(better, "t9"))
        assert decide(meeting.task, grown).target_id == "t9"


@often
@given(meetings(at_least=2))
def test_getting_better_never_costs_a_target_its_place(meeting: Meeting) -> None:
    chosen = _chosen(meeting)
    for better in _betterments(chosen) if chosen else ():
        improved = [better if target == chosen else target for target in meeting.registry.targets]
        assert decide(meeting.task, meeting.with_targets(*improved)).target_id == better.id


@often
@given(meetings(at_least=1))
def test_light_work_lands_on_a_space_only_if_preferred_or_if_nothing_else_fits(meeting: Meeting) -> None:
    task = replace(meeting.task, is_heavy=False, user_space_consent=True, preferred_target=None)
    some = meeting.registry.targets[0]
    best = replace(some, health=Health.HEALTHY, running=0, succeeded=1000, failed=0, priority=100)
    worst = replace(some, health=Health.DEGRADED, running=3, succeeded=0, failed=1000, priority=-100)
    space = replace(named(best, "space"), type=TargetType.USER_SPACE)
    oracle = replace(named(worst, "oracle"), type=TargetType.ORACLE)
    route = decide(task, meeting.with_targets(space, oracle))
    assert route.type in ("oracle", None) or not next(c for c in route.candidates if c.target_id == "oracle").fit
    assert decide(replace(task, preferred_target="space"), meeting.with_targets(space)).type == (
        "user_space" if any(c.fit for c in route.candidates if c.target_id == "space") else None
    )


@often
@given(meetings(at_least=1))
def test_nothing_runs_on_a_space_without_its_users_consent(meeting: Meeting) -> None:
    assert decide(replace(meeting.task, user_space_consent=False), meeting.registry).type != "user_space"


@often
@given(meetings(at_least=1))
def test_heavy_work_falls_back_to_an_oracle_only_with_flag_and_consent(meeting: Meeting) -> None:
    task = replace(meeting.task, is_heavy=True)
    oracles = [replace(t, type=TargetType.ORACLE, handles_heavy=False) for t in meeting.registry.targets]
    meeting = Meeting(task, meeting.with_targets(*oracles))
    chosen = _chosen(meeting)
    assert chosen is None or (chosen.fallback_to_oracle and task.fallback_consent)


@often
@given(meetings(at_least=1))
def test_heavy_work_goes_to_the_users_space_before_an_equal_oracle(meeting: Meeting) -> None:
    task = replace(meeting.task, is_heavy=True, preferred_target=None)
    space = replace(named(meeting.registry.targets[0], "space"), type=TargetType.USER_SPACE)
    oracle = replace(named(meeting.registry.targets[0], "a-oracle"), type=TargetType.ORACLE)
    route = decide(task, meeting.with_targets(oracle, space))
    assert route.type == "user_space" or not next(c for c in route.candidates if c.target_id == "space").fit


@often
@given(meetings(at_least=1))
def test_of_two_equals_the_preferred_one_wins(meeting: Meeting) -> None:
    twins = meeting.with_targets(named(meeting.registry.targets[0], "a"), named(meeting.registry.targets[0], "b"))
    assert decide(replace(meeting.task, preferred_target="b"), twins).target_id in (None, "b")


@often
@given(meetings(at_least=1))
def test_equals_are_told_apart_by_their_ids(meeting: Meeting) -> None:
    twins = meeting.with_targets(named(meeting.registry.targets[0], "b"), named(meeting.registry.targets[0], "a"))
    assert decide(replace(meeting.task, preferred_target=None), twins).target_id in (None, "a")


@often
@given(meetings(at_least=1))
def test_a_task_waits_exactly_when_it_would_run_if_targets_were_free(meeting: Meeting) -> None:
    busy = [replace(target, running=target.max_concurrency) for target in meeting.registry.targets]
    free = [replace(target, running=0) for target in busy]
    waits = decide(meeting.task, meeting.with_targets(*busy)).waits_for is not None
    assert waits == (decide(meeting.task, meeting.with_targets(*free)).chosen is not None)


@often
@given(meetings(at_least=1))
def test_consent_is_asked_for_only_where_it_would_help(meeting: Meeting) -> None:
    if _route(meeting).needs_consent:
        willing = replace(meeting.task, user_space_consent=True, fallback_consent=True)
        agreed = decide(willing, meeting.registry)
        assert agreed.chosen is not None or agreed.waits_for is not None


@often
@given(meetings(at_least=1))
def test_a_task_that_consent_and_patience_could_get_done_is_never_a_lost_one(meeting: Meeting) -> None:
    free = [replace(target, running=0) for target in meeting.registry.targets]
    willing = replace(meeting.task, user_space_consent=True, fallback_consent=True)
    possible = decide(willing, meeting.with_targets(*free)).chosen is not None
    route = _route(meeting)
    assert bool(route.chosen or route.needs_consent or route.waits_for) == possible


def test_a_target_that_is_busy_and_needs_consent_is_asked_for_and_then_waited_for() -> None:
    space = Target("s", "ada/space", TargetType.USER_SPACE, (Capability("file_search"),), running=1, max_concurrency=1)
    asked = decide(Task("file_search"), RegistrySnapshot((space,)))
    assert asked.needs_consent == "needs consent to run on the user's Space ada/space"
    assert asked.waits_for is None
    agreed = decide(Task("file_search", user_space_consent=True), RegistrySnapshot((space,)))
    assert (agreed.needs_consent, agreed.waits_for) == (None, "capacity of ada/space")


def test_no_consent_is_asked_for_where_waiting_alone_would_do() -> None:
    can = (Capability("file_search"),)
    space = Target("a", "ada/space", TargetType.USER_SPACE, can, running=1, max_concurrency=1)
    code = Target("b", "code", TargetType.ORACLE, can, running=1, max_concurrency=1)
    route = decide(Task("file_search"), RegistrySnapshot((space, code)))
    assert (route.needs_consent, route.waits_for) == (None, "capacity of code")


@often
@given(requirements, st.lists(capabilities, max_size=4), capabilities)
def test_offering_more_never_makes_a_target_less_capable(
    need: Requirement, offered: list[Capability], more: Capability
) -> None:
    if misfit(need, offered) is None:
        assert misfit(need, [*offered, more]) is None


@often
@given(st.text(max_size=20) | st.from_regex(r"[0-9.]{0,30}", fullmatch=True))
@example("1.²")
@example("1.٣")
def test_any_text_as_a_version_can_be_compared(version: str) -> None:
    assert version_key(version) >= ()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(0, 3))
def test_trailing_zeros_of_a_version_do_not_matter(parts: list[int], zeros: int) -> None:
    dotted = ".".join(map(str, parts))
    assert version_key(dotted) == version_key(dotted + ".0" * zeros)
