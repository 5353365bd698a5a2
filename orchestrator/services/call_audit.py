"""The record of every tool call, written behind in batches so that no call waits for the database.

Used by the gate, which asks for room before a call is made and notes how it ended. The queue is bounded: when it is
full, the next call waits. While PostgreSQL is away what is queued stays queued; a process that is killed loses what it
noted in the last moment, at most about half a second of it. Reading is ``call_log``'s work.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.core.errors import Unavailable
from orchestrator.core.jsonsafe import storable
from orchestrator.models.database import Database

log = structlog.get_logger(__name__)

Record = Mapping[str, Any]
Listener = Callable[[Record], None]

_MOST = 10_000
_BATCH = 1000
_GATHER_SECONDS = 0.25
_ROOM_SECONDS = 30.0
_AGAIN_SECONDS = 0.5
_CLOSE_SECONDS = 10.0


class CallAudit:
    """Writes records. ``most`` is how many may wait to be written; ``gather`` how long a batch gathers, in seconds."""

    def __init__(self, database: Database, *, most: int = _MOST, gather: float = _GATHER_SECONDS) -> None:
        self._database = database
        self._most = most
        self._gather = gather
        self._queue: deque[Record] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._listeners: list[Listener] = []
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many records are not written yet."""
        return len(self._queue)

    def listen(self, listener: Listener) -> None:
        """Tell it of every record, at once."""
        self._listeners.append(listener)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._queue) >= self._most

    async def room(self) -> None:
        """Wait until one more record can be noted; Unavailable when that takes too long: no call goes unrecorded."""
        try:
            async with asyncio.timeout(_ROOM_SECONDS):
                while self.is_full:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError as error:
            raise Unavailable("the record of tool calls cannot be written right now", hint="try again") from error

    def note(self, record: Record) -> None:
        """Take a record in; never waits."""
        self._queue.append(record)
        self._news.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_behind(), name="tool call records")
        for listener in self._listeners:
            listener(record)

    async def settle(self) -> None:
        """Return when everything noted so far is written."""
        await asyncio.sleep(0)  # what a call that has just ended is about to note, too
        while self._queue:
            self._room.clear()
            await self._room.wait()

    async def aclose(self) -> None:
        """Write what is left; what cannot be written within some seconds is told in the log."""
        await asyncio.sleep(0)  # as in settle
        self._closing = True
        self._news.set()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_CLOSE_SECONDS)
            self._writing.cancel()
        if self._queue:
            log.error("tool_call_records_lost", records=len(self._queue))

    async def _write_behind(self) -> None:
        while self._queue or not self._closing:
            await self._news.wait()
            if not self._closing and len(self._queue) < _BATCH:
                await asyncio.sleep(self._gather)
            self._news.clear()
            due = len(self._queue)  # what is noted meanwhile gathers anew: one caller would be written call by call
            while due:
                due -= await self._write([self._queue[index] for index in range(min(_BATCH, due))])

    async def _write(self, batch: list[Record]) -> int:
        """Write the oldest, and say how many; they leave the queue once written, so an outage loses none."""
        try:
            await self._insert(batch)
        except Unavailable as error:
            log.warning("tool_call_records_postponed", records=len(self._queue), why=error.message)
            await asyncio.sleep(_AGAIN_SECONDS)
            return 0
        except SQLAlchemyError:
            if len(batch) > 1:  # one that the database will not take must not hold up the others
                return await self._write(batch[:1])
            log.exception("tool_call_record_refused", outcome=str(batch[0]["outcome"]))
        for _ in batch:
            self._queue.popleft()
        self._room.set()
        return len(batch)

    async def _insert(self, batch: list[Record]) -> None:
        encoded = _encoded(batch)
        async with self._database.single() as connection:
            await connection.execute(_INSERT, {"batch": encoded.decode()})


def _encoded(batch: list[Record]) -> bytes:
    """As JSON; names that strangers chose may hold what cannot be stored."""
    try:
        encoded = orjson.dumps(batch)
    except TypeError:
        encoded = b"\\u0000"
    return orjson.dumps(storable(batch)) if b"\\u0000" in encoded else encoded


# A commit in doubt is written again: the same id twice is the same record.
_INSERT = text(
    """
    INSERT INTO tool_calls (id, at, user_id, via, credential_id, project_id, task_id, agent, door, endpoint, server_id,
        server, tool, arguments_digest, outcome, reason, rule_id, confirmed, ms, request_id)
    SELECT id, to_timestamp(at), user_id, via, credential_id, project_id, task_id, agent, door, endpoint, server_id,
        server, tool, arguments_digest, outcome, reason, rule_id, confirmed, ms, request_id
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(
        id uuid, at float8, user_id uuid, via text, credential_id uuid, project_id uuid, task_id uuid, agent text,
        door text, endpoint text, server_id uuid, server text, tool text, arguments_digest text, outcome text,
        reason text, rule_id uuid, confirmed text, ms float8, request_id text)
    ON CONFLICT (id) DO NOTHING
    """
)
