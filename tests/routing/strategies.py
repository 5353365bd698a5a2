"""Random tasks with registries made for them: most targets fit, some have a flaw, so that every rule gets its turn."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from orchestrator.core.capabilities import Capability, Requirement
from orchestrator.core.routing import Health, RegistrySnapshot, Target, TargetType, Task

_NAMES = st.sampled_from(["file_search", "grep", "lint_fix"])

requirements = st.builds(
    Requirement,
    _NAMES,
    st.sampled_from(["", "1", "1.2", "2.10"]),
    st.sampled_from([{}, {}, {"language": "python"}, {"depth": 1}]),
)
capabilities = st.builds(
    Capability,
    _NAMES,
    st.sampled_from(["0", "1", "1.0", "2", "2.10"]),
    st.sampled_from([{}, {"language": "python"}, {"language": ["go", "python"]}, {"depth": [1, 2]}]),
)
tasks = st.builds(
    Task,
    type=st.sampled_from(["file_search", "lint_fix", "something_new"]),
    required_capabilities=st.lists(requirements, max_size=2).map(tuple),
    is_heavy=st.booleans(),
    user_id=st.sampled_from([None, "ada"]),
    project_id=st.sampled_from([None, "red"]),
    preferred_target=st.sampled_from([None, None, "t0", "t1"]),
    user_space_consent=st.booleans(),
    fallback_consent=st.booleans(),
)

_FLAWS: tuple[Callable[[Target], Target], ...] = (
    lambda t: replace(t, enabled=False),
    lambda t: replace(t, owner_id="bob"),
    lambda t: replace(t, project_id="blue"),
    lambda t: replace(t, capabilities=()),
    lambda t: replace(t, capabilities=tuple(replace(c, version="0", parameters={}) for c in t.capabilities)),
    lambda t: replace(t, task_types=frozenset({"another_type"})),
    lambda t: replace(t, handles_light=False),
    lambda t: replace(t, handles_heavy=False, fallback_to_oracle=False),
    lambda t: replace(t, health=Health.UNHEALTHY),
    lambda t: replace(t, running=t.max_concurrency),
    lambda t: replace(t, unavailable="set LLM_MODEL"),
)
_FLAW = st.just(()) | st.just(()) | st.lists(st.sampled_from(_FLAWS), min_size=1, max_size=2)


@dataclass(frozen=True, slots=True)
class Meeting:
    """A task and the registry it meets."""

    task: Task
    registry: RegistrySnapshot

    def with_targets(self, *targets: Target) -> RegistrySnapshot:
        """A registry of these targets instead."""
        return replace(self.registry, targets=targets)


def named(target: Target, name: str) -> Target:
    """The same target under another id and name."""
    return replace(target, id=name, name=name)


def _able(task: Task) -> st.SearchStrategy[Target]:
    """A target that can do the task; whether it is the right place for it is another question."""
    offers = tuple(Capability(need.name, "3", dict(need.parameters)) for need in task.requirements())
    return st.builds(
        Target,
        id=st.just("t"),
        name=st.just("t"),
        type=st.sampled_from(TargetType),
        capabilities=st.lists(capabilities, max_size=2).map(lambda more: (*offers, *more)),
        task_types=st.just(frozenset({task.type})) if not offers else st.just(frozenset()),
        handles_heavy=st.booleans(),
        fallback_to_oracle=st.booleans(),
        health=st.sampled_from([Health.HEALTHY, Health.UNKNOWN, Health.DEGRADED]),
        running=st.integers(0, 3),
        max_concurrency=st.just(4),
        succeeded=st.integers(0, 100),
        failed=st.integers(0, 100),
        priority=st.integers(-100, 100),
    )


@st.composite
def meetings(draw: st.DrawFn, *, at_least: int = 0) -> Meeting:
    """A task with up to three targets, flawed ones among them."""
    task = draw(tasks)
    found = []
    for number in range(draw(st.integers(at_least, 3))):
        target = draw(_able(task))
        for flaw in draw(_FLAW):
            target = flaw(target)
        found.append(named(target, f"t{number}"))
    return Meeting(task, RegistrySnapshot(tuple(found), version="1"))
