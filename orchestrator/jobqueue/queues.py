"""Names of queues and jobs: which queue a task's attempt goes to, and how a delivery is written as an RQ job id.

Used by the sender, the receiver and the workers. Higher priority queues are emptied first; within one, first come
first served. Agents have queues by depth, whose places are apart: one that waits for a part of its task takes no place
that the part needs, and those at the greatest depth have no parts.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

LIGHT_QUEUES = ("light-high", "light", "light-low")
GREATEST_DEPTH = 4
"""How deep parts of tasks may lie at most, whatever the settings say."""
AGENT_LANES = tuple(
    tuple(f"agents{level}{lane}" for lane in ("-high", "", "-low"))
    for level in ("", *(f"-part{depth}" for depth in range(1, GREATEST_DEPTH + 1)))
)
"""By depth."""
AGENT_QUEUES = tuple(queue for lane in AGENT_LANES for queue in lane)
HEAVY_QUEUES = ("heavy-high", "heavy", "heavy-low")

COMPUTING_AGENTS = frozenset({"agent:rename-symbol"})
"""Agents that compute in this interpreter for long; the others wait for a model, a program or a person."""

RUN_JOB = "orchestrator.jobs.runner.run"
"""The one function RQ calls, by name: enqueueing must not import what executes."""


def queue_for(*, is_heavy: bool, priority: int, target_id: str | None, depth: int = 0) -> str:
    """The queue for a task: the sign of its priority picks the lane.

    Heavy work and the orchestrator's own builds get a process of their own that can be killed. Agents wait most of
    their time, for programs that are killed with them: many share a loop. What runs in a user's Space is heavy there,
    not here: waiting for it is light.
    """
    place = str(target_id).partition(":")[0]
    own_process = place != "space" and (is_heavy or place != "mcp")
    lanes: tuple[str, ...] = HEAVY_QUEUES if own_process else LIGHT_QUEUES
    if place == "agent" and target_id not in COMPUTING_AGENTS:
        lanes = AGENT_LANES[min(depth, GREATEST_DEPTH)]
    return lanes[0] if priority > 0 else lanes[2] if priority < 0 else lanes[1]


def queue_of(task: Mapping[str, Any]) -> str:
    """The queue for a stored task's next attempt."""
    return queue_for(
        is_heavy=task["is_heavy"], priority=task["priority"], target_id=task["target_id"], depth=task["depth"]
    )


def job_id(task_id: UUID, generation: int) -> str:
    """The RQ job id of one delivery; the same delivery sent twice has the same id."""
    return f"{task_id}_{generation}"


def parse_job_id(text: str) -> tuple[UUID, int]:
    """The delivery an RQ job id stands for."""
    task_id, generation = text.rsplit("_", 1)
    return UUID(task_id), int(generation)
