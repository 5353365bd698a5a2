"""The catalogue of jobs: who carries out which kind of target, and what the monitor does how often.

Used by the runner, the light worker and the monitor. A bundle that brings its own targets or loops adds rows here
through ``register``; nothing else decides what a worker may run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from orchestrator.bootstrap import Container
from orchestrator.core.errors import Unavailable
from orchestrator.services.run_task import Executor


@dataclass(frozen=True, slots=True)
class ExecutorJob:
    """Targets whose id is ``target`` or starts with ``target:`` are carried out by ``make(container)``."""

    target: str
    make: Callable[[Container], Executor]
    what: str


@dataclass(frozen=True, slots=True)
class LoopJob:
    """Something the monitor does every ``seconds(container)``; ``limit`` seconds at most each time."""

    name: str
    seconds: Callable[[Container], float]
    run: Callable[[Container], Awaitable[object]]
    limit: float
    what: str


EXECUTORS: dict[str, ExecutorJob] = {}
LOOPS: dict[str, LoopJob] = {}


def register(*jobs: ExecutorJob | LoopJob) -> None:
    """Add jobs; a name may be taken once."""
    for job in jobs:
        if isinstance(job, ExecutorJob):
            if job.target in EXECUTORS:
                raise ValueError(f"an executor for {job.target} is registered already")
            EXECUTORS[job.target] = job
        else:
            if job.name in LOOPS:
                raise ValueError(f"a loop named {job.name} is registered already")
            LOOPS[job.name] = job


def executor_finder(container: Container) -> Callable[[str], Executor]:
    """Finds the executor of a target id; each is made once per process, when it is first needed."""
    made: dict[str, Executor] = {}

    def find(target_id: str) -> Executor:
        name = target_id if target_id in EXECUTORS else target_id.partition(":")[0]
        if name not in EXECUTORS:
            raise Unavailable(f"this worker knows no way to run on {target_id}")
        if name not in made:
            made[name] = EXECUTORS[name].make(container)
        return made[name]

    return find


register(
    ExecutorJob("mcp", lambda c: c.tool_executor(), "tool calls on MCP servers, light"),
    ExecutorJob("space", lambda c: c.space_executor(), "tool calls on users' own Spaces"),
    ExecutorJob("agent", lambda c: c.agent_executor(), "agents, many on one loop; their programs are processes"),
    ExecutorJob("system:project-sync", lambda c: c.project_sync(), "clone or fetch a project's repository"),
    ExecutorJob("system:merge-queue", lambda c: c.merge_executor(), "merge a change whose turn it is"),
    ExecutorJob("system:graph-builder", lambda c: c.graph_builder(), "build a project's knowledge graph"),
)
register(
    LoopJob("relay", lambda c: c.settings.reap_seconds, lambda c: c.relay.sweep(), 30, "deliver what was left or lost"),
    LoopJob("reaper", lambda c: c.settings.reap_seconds, lambda c: c.reaper.sweep(), 30, "take back dead attempts"),
    LoopJob("pending", lambda c: c.settings.reap_seconds, lambda c: c.pending.sweep(), 30, "route waiting tasks again"),
    LoopJob("budgets", lambda _: 5.0, lambda c: c.budgets.sweep(), 30, "let go on whose budget has room again"),
    LoopJob("decisions", lambda _: 5.0, lambda c: c.decisions.sweep(), 30, "decide as usual where nobody did in time"),
    LoopJob("merges", lambda c: c.settings.reap_seconds, lambda c: c.merges.sweep(), 30, "go on with merge queues"),
    LoopJob("overlaps", lambda c: c.settings.reap_seconds, lambda c: c.overlaps.sweep(), 30, "call tasks in line"),
    LoopJob("parts", lambda c: c.settings.reap_seconds, lambda c: c.families.sweep(), 30, "stop parts of ended tasks"),
    LoopJob("collisions", lambda _: 2.0, lambda c: c.collisions.sweep(), 60, "compare what agents are changing"),
    LoopJob("stats", lambda _: 5.0, lambda c: c.pending.count(), 30, "count attempts per target"),
    LoopJob("learning", lambda _: 30.0, lambda c: c.learning.count(), 60, "count how attempts came out, for routing"),
    LoopJob("work", lambda _: 5.0, lambda c: c.work_graphs.sweep(), 120, "put ended tasks into their projects' graphs"),
    LoopJob("follow", lambda _: 2.0, lambda c: c.followed.sweep(), 30, "watch the folders of local projects"),
    LoopJob(
        "audit", lambda _: 600.0, lambda c: c.call_log.sweep(c.settings.audit_days), 300, "let go old records of calls"
    ),
    LoopJob("left", lambda _: 600.0, lambda c: c.left_behind.sweep(), 300, "remove what ended work left on the disk"),
    LoopJob("probes", lambda c: c.settings.probe_seconds, lambda c: c.probes.sweep(), 300, "probe MCP servers"),
)
