"""Workers with one event loop that carries many attempts at once: tool calls, or agents. Started by ``worker``.

It takes no more deliveries than it has room for, so the others stay in the queue for its siblings. On shutdown it
stops taking, gives running calls a grace, then cancels and gives their tasks back to the queue.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from orchestrator.bootstrap import Container
from orchestrator.core.errors import Unavailable
from orchestrator.jobqueue.queues import AGENT_LANES, LIGHT_QUEUES
from orchestrator.jobqueue.receiver import JobReceiver
from orchestrator.jobs.runner import make_runner, work_until
from orchestrator.services.run_task import TaskRunner

log = structlog.get_logger(__name__)

_GRACE_SECONDS = 5.0
_AT_ONCE = 100


class LoopWorker:
    """Takes deliveries from some lanes of queues and runs them concurrently, so many of each lane at once."""

    grace_seconds = _GRACE_SECONDS
    """How long attempts may go on after ``stop``."""

    def __init__(self, container: Container, kind: str, lanes: Sequence[tuple[str, ...]], at_once: int) -> None:
        self._runner: TaskRunner
        self._runner, self._leases = make_runner(container, kind)
        self._receivers = [JobReceiver(container.settings.redis_url, queues) for queues in lanes]
        self._concurrency = at_once
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take nothing more, and let ``run`` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        await work_until(self._stopping, self._take())
        if self._running:
            await asyncio.wait(self._running, timeout=self.grace_seconds)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for receiver in self._receivers:
            await receiver.close()

    async def _take(self) -> None:
        async with asyncio.TaskGroup() as lanes:
            for receiver in self._receivers:
                lanes.create_task(self._take_from(receiver))

    async def _take_from(self, receiver: JobReceiver) -> None:
        running: set[asyncio.Task[None]] = set()
        while True:
            free = self._concurrency - len(running)
            if free <= 0:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                deliveries = await receiver.receive(min(free, _AT_ONCE))
            except Unavailable as error:
                log.warning("queue_unavailable", error=error.message)
                await asyncio.sleep(0.5)
                continue
            for task_id, generation in deliveries:
                work = asyncio.create_task(self._run_one(task_id, generation))
                for among in (running, self._running):
                    among.add(work)
                    work.add_done_callback(among.discard)

    async def _run_one(self, task_id: UUID, generation: int) -> None:
        try:
            await self._runner.run(task_id, generation)
        except Unavailable as error:
            # Not claimed: the delivery is still in the outbox and comes again. Or claimed after all, when the commit
            # was in doubt: then nobody renews the lease, and the reaper takes the attempt back.
            log.warning("attempt_not_started", task_id=str(task_id), error=error.message)
        except Exception:
            # The edge of a task: the others on this loop go on, and the reaper takes this attempt back.
            log.exception("attempt_broke", task_id=str(task_id))


class LightWorker(LoopWorker):
    """Carries tool calls over pooled sessions."""

    def __init__(self, container: Container) -> None:
        super().__init__(container, "light", (LIGHT_QUEUES,), container.settings.light_concurrency)


class AgentWorker(LoopWorker):
    """Carries agents, whose programs are processes of their own; so many at once at every depth of tasks and parts."""

    def __init__(self, container: Container) -> None:
        super().__init__(container, "agents", AGENT_LANES, container.settings.agent_concurrency)
