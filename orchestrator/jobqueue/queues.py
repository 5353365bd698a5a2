"""Names of queues and jobs: which queue a task's attempt goes to, and how a delivery is written as an RQ job id.

Used by the sender, the receiver and the workers. Higher priority queues are emptied first; within one, first come
first served.
"""

from uuid import UUID

LIGHT_QUEUES = ("light-high", "light", "light-low")
AGENT_QUEUES = ("agents-high", "agents", "agents-low")
HEAVY_QUEUES = ("heavy-high", "heavy", "heavy-low")

COMPUTING_AGENTS = frozenset({"agent:rename-symbol"})
"""Agents that compute in this interpreter for long; the others wait for a model, a program or a person."""

RUN_JOB = "orchestrator.jobs.runner.run"
"""The one function RQ calls, by name: enqueueing must not import what executes."""


def queue_for(*, is_heavy: bool, priority: int, target_id: str | None) -> str:
    """The queue for a task: the sign of its priority picks the lane.

    Heavy work and the orchestrator's own builds get a process of their own that can be killed. Agents wait most of
    their time, for programs that are killed with them: many share a loop. What runs in a user's Space is heavy there,
    not here: waiting for it is light.
    """
    place = str(target_id).partition(":")[0]
    own_process = place != "space" and (is_heavy or place != "mcp")
    lanes = HEAVY_QUEUES if own_process else LIGHT_QUEUES
    if place == "agent" and target_id not in COMPUTING_AGENTS:
        lanes = AGENT_QUEUES
    return lanes[0] if priority > 0 else lanes[2] if priority < 0 else lanes[1]


def job_id(task_id: UUID, generation: int) -> str:
    """The RQ job id of one delivery; the same delivery sent twice has the same id."""
    return f"{task_id}_{generation}"


def parse_job_id(text: str) -> tuple[UUID, int]:
    """The delivery an RQ job id stands for."""
    task_id, generation = text.rsplit("_", 1)
    return UUID(task_id), int(generation)
