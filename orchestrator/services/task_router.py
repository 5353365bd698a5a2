"""The TaskRouter: picks who carries a task out, over a snapshot of the registry. The rule itself is ``core.routing``.

Used by the task service for every task and for previews, and by anybody with a registry:
``TaskRouter(registry).route_task(Task(type="file_search")).type == "oracle"``.
"""

from typing import Protocol

from orchestrator.core.routing import RegistrySnapshot, Route, Task, decide


class Registry(Protocol):
    """Anything that can say what targets there are right now."""

    def snapshot(self) -> RegistrySnapshot:
        """All targets at this moment."""
        ...


class TaskRouter:
    """Routes tasks over one registry. Pure: asks no database, changes nothing."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def route_task(self, task: Task) -> Route:
        """The decision for a task, with every candidate's account; ``route.chosen`` is None when no target fits."""
        return decide(task, self._registry.snapshot())
