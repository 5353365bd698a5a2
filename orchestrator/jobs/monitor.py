"""The monitor: runs the catalogue's loops, one process at a time for the whole installation. Started by ``worker``.

Any number of monitors may be started; a PostgreSQL advisory lock lets one work and the others wait for its place.
"""

import asyncio

import structlog

from orchestrator.bootstrap import Container
from orchestrator.core.errors import OrchestratorError, Unavailable
from orchestrator.jobs.catalog import LOOPS, LoopJob
from orchestrator.jobs.runner import work_until
from orchestrator.models.database import AdvisoryLock

log = structlog.get_logger(__name__)

_LOCK = 724_002
_CHECK_SECONDS = 2.0


class Monitor:
    """Leads when it can, and then loops."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let ``run`` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Wait for the lead, work while it lasts, begin again; until stopped."""
        await work_until(self._stopping, self._lead())

    async def _lead(self) -> None:
        while True:
            try:
                await self._lead_once()
            except (OrchestratorError, TimeoutError) as error:
                log.warning("monitor_lost_the_lead", error=str(error))
            await asyncio.sleep(_CHECK_SECONDS / 2)

    async def _lead_once(self) -> None:
        async with self._container.database.advisory_lock(_LOCK) as lock:
            if lock is None:
                return
            log.info("monitor_leads")
            async with asyncio.TaskGroup() as group:
                loops = [group.create_task(self._loop(job), name=job.name) for job in LOOPS.values()]
                group.create_task(self._watch(lock, loops))

    async def _watch(self, lock: AdvisoryLock, loops: list[asyncio.Task[None]]) -> None:
        while await lock.still_held():  # noqa: ASYNC110 - a connection tells nobody that it died; it must be asked
            await asyncio.sleep(_CHECK_SECONDS)
        for loop in loops:
            loop.cancel()

    async def _loop(self, job: LoopJob) -> None:
        while True:
            try:
                async with asyncio.timeout(job.limit):
                    await job.run(self._container)
            except (Unavailable, TimeoutError) as error:
                log.warning("monitor_loop_postponed", loop=job.name, error=str(error))
            except Exception:
                # The edge of a loop: one bad round must not end the others.
                log.exception("monitor_loop_failed", loop=job.name)
            await asyncio.sleep(job.seconds(self._container))
