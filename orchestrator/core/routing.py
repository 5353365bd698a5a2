"""The routing decision, pure: a task and a snapshot of targets in, a Route with every candidate's account out.

``services.task_router`` calls it; previews and tests too. It knows no database and no clock, so the same input gives
the same Route. Filters come first, each with a sentence; what is left is scored by weighted parts in [0, 1]; ties fall
to the smaller target id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from orchestrator.core.capabilities import Requirement, misfit
from orchestrator.core.learning import Estimate, learned
from orchestrator.core.targets import DEFAULT_CONCURRENCY, Health, Pause, RegistrySnapshot, Target, TargetType
from orchestrator.core.task_types import TASK_TYPES

__all__ = [
    "DEFAULT_CONCURRENCY", "WEIGHTS", "Candidate", "Health", "Obstacle", "Pause", "RegistrySnapshot", "Route", "Target",
    "TargetType", "Task", "capacity_of", "decide",
]  # fmt: skip


class Obstacle(StrEnum):
    """Kinds of rejection. CAPACITY and QUOTA pass by themselves."""

    DISABLED = "disabled"
    ACCESS = "access"
    TYPE = "type"
    CAPABILITY = "capability"
    POLICY = "policy"
    WEIGHT = "weight"
    CONSENT = "consent"
    HEALTH = "health"
    CAPACITY = "capacity"
    QUOTA = "quota"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class Task:
    """What routing needs to know of a task. ``Task(type="file_search")`` alone is enough."""

    type: str
    required_capabilities: Sequence[Requirement] = ()
    is_heavy: bool = False
    priority: int = 0
    user_id: str | None = None
    project_id: str | None = None
    preferred_target: str | None = None
    user_space_consent: bool = False
    fallback_consent: bool = True
    begun_on: str | None = None
    """The target that an earlier attempt left in the middle of the work."""
    patience: float = 900.0
    """Seconds it waits for the quota of the target it began on, or prefers, before it goes to another."""

    def requirements(self) -> tuple[Requirement, ...]:
        """The required capabilities, or what the catalogue says the type needs when none are named."""
        if self.required_capabilities:
            return tuple(self.required_capabilities)
        known = TASK_TYPES.get(self.type)
        return tuple(Requirement(name) for name in known.capabilities) if known else ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target's account: either a score by parts, or the reasons it was rejected for."""

    target_id: str
    name: str
    type: TargetType
    score: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    rejections: tuple[tuple[Obstacle, str], ...] = ()
    pause: Pause | None = None
    learned: dict[str, dict[str, float]] = field(default_factory=dict)
    """The evidence behind the part of that name, per kind of work."""

    @property
    def fit(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.rejections

    def as_dict(self) -> dict[str, Any]:
        """The stored and shown form."""
        return {
            "target_id": self.target_id,
            "name": self.name,
            "type": str(self.type),
            "score": self.score,
            "parts": self.parts,
            "learned": self.learned,
            "rejections": [{"obstacle": str(kind), "reason": text} for kind, text in self.rejections],
        }


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: the chosen candidate, or none, and every candidate's account. ``route.type`` is the chosen type."""

    task_type: str
    candidates: tuple[Candidate, ...]
    chosen: Candidate | None = None
    would_help: tuple[str, ...] = ()
    snapshot_version: str = ""
    stays: Candidate | None = None
    """The target the task waits for although others fit: it began there, or prefers it, and the wait is short."""

    @property
    def type(self) -> str | None:
        """The chosen target's type: ``oracle``, ``user_space``, ``agent`` or None."""
        return str(self.chosen.type) if self.chosen else None

    @property
    def target_id(self) -> str | None:
        """The chosen target's id."""
        return self.chosen.target_id if self.chosen else None

    @property
    def awaited(self) -> Candidate | None:
        """A target that would fit after a wait, which passes by itself. None when nothing does.

        One that is only busy goes before those whose account takes no more, the first to take some before the others.
        """
        if self.chosen:
            return None
        paused = sorted(self._held_by(Obstacle.QUOTA), key=lambda c: (c.pause.seconds if c.pause else 0, c.target_id))
        return self.stays or next(iter((*self._held_by(Obstacle.CAPACITY), *paused)), None)

    @property
    def waits_for(self) -> str | None:
        """What would pass by itself, in words."""
        awaited = self.awaited
        if awaited is None:
            return None
        if awaited.pause is not None:
            return f"quota of {awaited.pause.account} until {awaited.pause.until}"
        return capacity_of(*(c.name for c in self._held_by(Obstacle.CAPACITY)))

    @property
    def needs_consent(self) -> str | None:
        """The question a person must answer before any target fits, or None.

        A target that is busy besides is asked for only when no other would fit by waiting alone.
        """
        if self.chosen or self.stays:
            return None
        held = self._held_by(Obstacle.CONSENT)
        if not held and not self.awaited:
            held = self._held_by(Obstacle.CONSENT, Obstacle.CAPACITY)
        return next((text for kind, text in held[0].rejections if kind == Obstacle.CONSENT), None) if held else None

    def _held_by(self, *obstacles: Obstacle) -> list[Candidate]:
        return [c for c in self.candidates if {kind for kind, _ in c.rejections} == set(obstacles)]

    def as_dict(self) -> dict[str, Any]:
        """The stored and shown form."""
        return {
            "task_type": self.task_type,
            "type": self.type,
            "target_id": self.target_id,
            "target_name": self.chosen.name if self.chosen else None,
            "score": self.chosen.score if self.chosen else None,
            "candidates": [candidate.as_dict() for candidate in self.candidates],
            "would_help": list(self.would_help),
            "waits_for": self.waits_for,
            "needs_consent": self.needs_consent,
        }


def capacity_of(*names: str) -> str:
    """What a task waits for that only busy targets could carry out."""
    return f"capacity of {', '.join(names)}"


WEIGHTS: dict[str, float] = {
    "preference": 4.0,
    "weight_fit": 3.0,
    "capability_fit": 2.0,
    "observed_success": 1.5,
    "learned": 1.5,
    "health": 1.5,
    "load": 1.0,
    "priority": 0.5,
}
"""What each part counts. A score is the weighted mean of the parts, so it lies in [0, 1]."""

_HEALTH_SCORE = {Health.HEALTHY: 1.0, Health.UNKNOWN: 0.6, Health.DEGRADED: 0.3, Health.UNHEALTHY: 0.0}


def decide(task: Task, snapshot: RegistrySnapshot) -> Route:
    """Choose the best fit target, and account for every one."""
    if task.preferred_target is None and snapshot.preferred_target is not None:
        task = replace(task, preferred_target=snapshot.preferred_target)
    accounts = sorted((_account(task, target, snapshot.learns) for target in snapshot.targets), key=_order)
    stays = next((account for account in accounts if _stays(task, account)), None)
    chosen = accounts[0] if accounts and accounts[0].fit and not stays else None
    help_lines = () if chosen else _would_help(task, snapshot, accounts)
    return Route(task.type, tuple(accounts), chosen, help_lines, snapshot.version, stays)


def _stays(task: Task, account: Candidate) -> bool:
    """Whether the task rather waits for this target's quota than goes to another."""
    wanted = account.target_id in (task.begun_on, task.preferred_target) or account.name == task.preferred_target
    only = {kind for kind, _ in account.rejections} == {Obstacle.QUOTA}
    return wanted and only and account.pause is not None and account.pause.seconds <= task.patience


def _order(candidate: Candidate) -> tuple[bool, bool, float, int, str]:
    # The wrong weight (heavy work on a light host, light work in a Space) is a last resort, whatever it scores.
    last_resort = candidate.fit and candidate.parts["weight_fit"] < 0.5 and not candidate.parts["preference"]
    return (not candidate.fit, last_resort, -candidate.score, len(candidate.rejections), candidate.target_id)


def _account(task: Task, target: Target, learns: bool) -> Candidate:
    rejections = _rejections(task, target)
    if rejections:
        return Candidate(target.id, target.name, target.type, rejections=rejections, pause=target.pause)
    known = learned([need.name for need in task.requirements()] or [task.type], target.learned) if learns else {}
    parts = _parts(task, target) | {"learned": _learned(known)}
    score = sum(WEIGHTS[name] * value for name, value in parts.items()) / sum(WEIGHTS.values())
    shown = {name: round(value, 4) for name, value in parts.items()}
    told = {name: estimate.as_dict() for name, estimate in known.items()}
    return Candidate(target.id, target.name, target.type, round(score, 6), shown, learned=told)


def _learned(known: Mapping[str, Estimate]) -> float:
    """The mean over what the task needs; the same for all where nothing is to be learned."""
    return sum(estimate.score for estimate in known.values()) / len(known) if known else 0.5


def _rejections(task: Task, target: Target) -> tuple[tuple[Obstacle, str], ...]:
    checks: Iterable[tuple[Obstacle, str | None]] = (
        (Obstacle.DISABLED, None if target.enabled else "is disabled"),
        (Obstacle.ACCESS, _access(task, target)),
        (Obstacle.TYPE, _type(task, target)),
        (Obstacle.CAPABILITY, _capabilities(task, target)),
        (Obstacle.POLICY, _denied(task, target)),
        (Obstacle.WEIGHT, _weight(task, target)),
        (Obstacle.CONSENT, _consent(task, target)),
        (Obstacle.CONFIGURATION, target.unavailable or None),
        (Obstacle.HEALTH, "is unhealthy" if target.health == Health.UNHEALTHY else None),
        (Obstacle.CAPACITY, _capacity(target)),
        (Obstacle.QUOTA, _quota(target)),
    )
    return tuple((kind, text) for kind, text in checks if text)


def _access(task: Task, target: Target) -> str | None:
    if target.owner_id and target.owner_id != task.user_id:
        return "belongs to another user"
    if target.project_id and target.project_id != task.project_id:
        return "belongs to another project"
    return None


def _type(task: Task, target: Target) -> str | None:
    if target.task_types and task.type not in target.task_types:
        return f"does not take tasks of type {task.type}"
    if not target.task_types and not task.requirements():
        return f"task type {task.type} is unknown and the task requires no capability"
    return None


def _capabilities(task: Task, target: Target) -> str | None:
    problems = [problem for need in task.requirements() if (problem := misfit(need, target.capabilities))]
    return "; ".join(problems) or None


def _denied(task: Task, target: Target) -> str | None:
    why = dict.fromkeys(target.denied[need.name] for need in task.requirements() if need.name in target.denied)
    return "; ".join(why) or None


def _weight(task: Task, target: Target) -> str | None:
    falls_back = target.type == TargetType.ORACLE and target.fallback_to_oracle
    if task.is_heavy and not (target.handles_heavy or target.type == TargetType.USER_SPACE or falls_back):
        return "does not take heavy tasks" + (
            " (fallback_to_oracle is off)" if target.type == TargetType.ORACLE else ""
        )
    if not task.is_heavy and not target.handles_light:
        return "takes heavy tasks only"
    return None


def _consent(task: Task, target: Target) -> str | None:
    if target.type == TargetType.USER_SPACE and not (target.consented or task.user_space_consent):
        return f"needs consent to run on the user's Space {target.name}"
    falls_back = task.is_heavy and target.type == TargetType.ORACLE and not target.handles_heavy
    if falls_back and not task.fallback_consent:
        return f"needs consent to run this heavy task on {target.name} instead of a Space"
    return None


def _capacity(target: Target) -> str | None:
    if target.running < target.max_concurrency:
        return None
    return f"runs {target.running} of at most {target.max_concurrency} attempts"


def _quota(target: Target) -> str | None:
    pause = target.pause
    return f"its account {pause.account} takes no more until {pause.until}" if pause else None


def _parts(task: Task, target: Target) -> dict[str, float]:
    needs = task.requirements()
    offered = {capability.name for capability in target.capabilities}
    used = len({need.name for need in needs} & offered)
    tried = target.succeeded + target.failed
    return {
        "preference": 1.0 if task.preferred_target in (target.id, target.name) else 0.0,
        "weight_fit": _weight_fit(task, target),
        "capability_fit": 0.5 + 0.5 * used / max(1, len(offered)),
        "observed_success": (target.succeeded + 2) / (tried + 3),
        "health": _HEALTH_SCORE[target.health],
        "load": 1.0 - target.running / max(1, target.max_concurrency),
        "priority": min(1.0, max(0.0, (target.priority + 100) / 200)),
    }


def _weight_fit(task: Task, target: Target) -> float:
    if task.is_heavy:
        return {TargetType.USER_SPACE: 1.0, TargetType.AGENT: 0.9}.get(
            target.type, 0.8 if target.handles_heavy else 0.3
        )
    return {TargetType.ORACLE: 1.0, TargetType.AGENT: 0.6}.get(target.type, 0.2)


def _would_help(task: Task, snapshot: RegistrySnapshot, accounts: Sequence[Candidate]) -> tuple[str, ...]:
    """The shortest ways to make the task runnable: targets made for it, those with the fewest obstacles first."""
    able = {target.id for target in snapshot.targets if _is_made_for(task, target)}
    near = sorted((c for c in accounts if c.target_id in able), key=lambda c: (len(c.rejections), c.target_id))[:3]
    lines = [f"{candidate.name}: {'; '.join(text for _, text in candidate.rejections)}" for candidate in near]
    needs = ", ".join(need.name for need in task.requirements())
    missing = (
        f"register an MCP server or agent that offers {needs}"
        if needs
        else f"name required_capabilities for type {task.type}"
    )
    return (missing, *lines)


def _is_made_for(task: Task, target: Target) -> bool:
    """Whether somebody could remove what stands between them: enable it, agree, wait, ask for an older version."""
    needs, offered = task.requirements(), {capability.name for capability in target.capabilities}
    mine = target.owner_id in (None, task.user_id)
    return mine and not _type(task, target) and all(need.name in offered for need in needs)
