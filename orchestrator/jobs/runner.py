"""Runs attempts: one in a heavy worker's forked process (called by RQ), or many on a light worker's event loop.

``run`` is the one function RQ knows. Both ways lead to ``services.run_task``; this file only builds what it needs.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.jobs.catalog import executor_finder
from orchestrator.services.leases import Leases
from orchestrator.services.run_task import TaskRunner


def worker_id(kind: str) -> str:
    """A name for this worker that an operator can find: kind, host and process."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


def make_runner(container: Container, kind: str) -> tuple[TaskRunner, Leases]:
    """The runner of one worker process, and the leases it holds."""
    settings = container.settings
    leases = Leases(
        container.database, worker_id(kind), seconds=settings.lease_seconds, every=settings.heartbeat_seconds
    )
    container.wake.on_stop(leases.stop)
    container.wake.on_pause(leases.pause)
    container.closers.append(leases.close)
    runner = TaskRunner(
        container.writer,
        leases,
        container.blobs,
        executor_finder(container),
        inline_bytes=settings.inline_result_bytes,
        prove=container.proofs.prove,
        grounds=container.overlaps if kind != "light" else None,
        decision_seconds=settings.decision_seconds,
        account_of=container.quota.account_of if kind != "light" else None,
        find=container.rows.find,
    )
    return runner, leases


async def work_until(stopping: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run what never ends by itself until ``stopping`` is set; when it breaks, so does the caller, loudly."""
    working = asyncio.create_task(work, name="work")
    waiting = asyncio.create_task(stopping.wait(), name="stopping")
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.wait({working, waiting})


def run(task_id: str, generation: int) -> None:
    """RQ's entry: one attempt, in this process, to its end."""
    asyncio.run(_run_one(UUID(task_id), generation))


async def _run_one(task_id: UUID, generation: int) -> None:
    container = build_container(Settings())
    try:
        runner, _ = make_runner(container, "heavy")
        work = asyncio.current_task()
        assert work is not None
        # The worker that forked us passes its own signal on: the task goes back to the queue.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        await runner.run(task_id, generation)
    finally:
        await container.close()
