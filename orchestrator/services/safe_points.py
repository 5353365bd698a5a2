"""Where an agent's work can be taken up again: snapshots of its files and its conversation, and the pause it may want.

Made by ``supervision`` for one attempt. An agent that knows its safe points says so and rests there; for the others the
files are noted after each of their tool calls. A checkpoint is an event, so its place among the others is exact.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import orjson
import structlog

from orchestrator.agents.base import Tell
from orchestrator.core.errors import OrchestratorError, Paused
from orchestrator.core.events import EventKind
from orchestrator.git.checkpoints import Snapshots
from orchestrator.services.blobs import BlobStore
from orchestrator.services.run_task import Work

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

_PAUSE_BETWEEN = 0.3
_MOVING = frozenset({EventKind.TOOL_RETURNED, EventKind.PROGRESS})


class TaskSafePoints:
    """The safe points of one attempt. ``snapshots``: of its work tree, where it has one."""

    def __init__(self, work: Work, kind: str, blobs: BlobStore, snapshots: Snapshots | None) -> None:
        self._work = work
        self._kind = kind
        self._blobs = blobs
        self._snapshots = snapshots
        self._moved = asyncio.Event()

    async def reached(self, conversation: list[Any] | None = None) -> None:
        """Note what there is; Paused when a person asked for that."""
        await self._note(conversation)
        if self._work.pausing.is_set():
            raise Paused("a person asked for a pause")

    async def asked(self) -> None:
        """Return once a person asked for a pause."""
        await self._work.pausing.wait()

    def watched(self, tell: Tell) -> Tell:
        """The same teller; what may have changed files is followed by a look at them."""

        def told(kind: EventKind, **data: Any) -> None:
            tell(kind, **data)
            if kind in _MOVING:
                self._moved.set()

        return told

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """While the block runs, files are noted some moments after they may have changed."""
        if self._snapshots is None:
            yield
            return
        looking = asyncio.create_task(self._look(), name="checkpoints")
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def begin(self, conversation: list[Any]) -> None:
        """Note what the run goes on from."""
        await self._note(conversation or None)

    async def rest(self) -> None:
        """Note the files of an agent that was stopped where it stood."""
        await self._note(None)

    async def _look(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            await self._note(None)
            await asyncio.sleep(_PAUSE_BETWEEN)

    async def _note(self, conversation: list[Any] | None) -> None:
        """Tell a checkpoint, unless nothing is new."""
        told: dict[str, Any] = {}
        try:
            commit = await self._snapshots.take() if self._snapshots is not None else None
        except OrchestratorError as error:
            # Files that vanish while they are read, a full disk: the work goes on, and this moment is not restorable.
            log.warning("checkpoint_missed", task_id=str(self._work.id), why=error.message)
            commit = None
        if commit is not None:
            told["commit"] = commit
        if conversation is not None:
            kept = orjson.dumps({"kind": self._kind, "said": conversation})
            told["conversation"] = await self._blobs.keep_bytes(kept, "application/json")
        if told:
            self._work.report.tell(EventKind.CHECKPOINT, attempt=self._work.generation, **told)


async def pausable(points: TaskSafePoints, running: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The result of a run; Paused once a person asked and it stopped at a safe point, or did not within ``seconds``."""
    working = asyncio.create_task(running, name="agent-run")
    asked = asyncio.create_task(points.asked(), name="pause-asked")
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait({working}, timeout=seconds)
        if working.done():
            return working.result()
        working.cancel()
        await asyncio.wait({working})
        if not working.cancelled():
            return working.result()
        await points.rest()
        raise Paused(f"a person asked for a pause; the agent reached no safe point within {seconds:g} s")
    finally:
        asked.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
        if not working.cancelled():
            working.exception()  # heard of, also when something else is raised
