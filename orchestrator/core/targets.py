"""What routing sees of a place where tasks run: its kind, health, load, account, and all of them at one moment. Pure.

Used by ``routing``, which decides, and by whoever makes snapshots. It knows no task and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.core.capabilities import Capability
from orchestrator.core.learning import Estimate


class TargetType(StrEnum):
    """Where a task runs: a server the orchestrator hosts or reaches, a user's own Space, or an agent."""

    ORACLE = "oracle"
    USER_SPACE = "user_space"
    AGENT = "agent"


class Health(StrEnum):
    """What the last probe or call said."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


DEFAULT_CONCURRENCY = 32
"""Attempts at once on a target that names no number."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A provider's account that takes no more for ``seconds`` from the snapshot on, until the time in words."""

    account: str
    seconds: float
    until: str


@dataclass(frozen=True, slots=True)
class Target:
    """One place a task could run, as the registry saw it at snapshot time."""

    id: str
    name: str
    type: TargetType
    capabilities: tuple[Capability, ...] = ()
    task_types: frozenset[str] = frozenset()
    enabled: bool = True
    owner_id: str | None = None
    project_id: str | None = None
    handles_heavy: bool = False
    handles_light: bool = True
    can_run_on_user_space: bool = False
    fallback_to_oracle: bool = True
    health: Health = Health.UNKNOWN
    running: int = 0
    max_concurrency: int = DEFAULT_CONCURRENCY
    succeeded: int = 0
    failed: int = 0
    unavailable: str = ""
    denied: Mapping[str, str] = field(default_factory=dict)
    """Capabilities that rules keep from this user in this project, and by which rule."""
    consented: bool = False
    priority: int = 0
    account: str = ""
    """The provider's account that its work is paid from, if any."""
    pause: Pause | None = None
    learned: Mapping[str, Estimate] = field(default_factory=dict)
    """How its attempts came out, per kind of work."""


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """All targets at one moment; ``version`` changes when any of them does."""

    targets: tuple[Target, ...] = ()
    version: str = ""
    preferred_target: str | None = None
    """The user's standing preference; a task's own goes before it."""
    learns: bool = False
    """Whether what was learned counts; otherwise that part is the same for all."""

    def snapshot(self) -> "RegistrySnapshot":
        """Itself: a snapshot is a registry that does not change."""
        return self
