"""Redis publish and subscribe, used only to wake: readers of a task's events, and workers that should stop one.

The event table is the truth; a lost message costs a reader at most its polling interval. Nothing is stored in Redis
here.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

_CHANGED = "orchestrator:changed"
_STOP = "orchestrator:stop"

log = structlog.get_logger(__name__)


class Wake:
    """One subscription per process, fanned out to everybody in it who waits for a task."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(
            redis_url, decode_responses=True, socket_connect_timeout=2, health_check_interval=15
        )
        self._waiters: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._on_stop: list[Callable[[UUID], None]] = []
        self._listener: asyncio.Task[None] | None = None

    async def changed(self, task_ids: Iterable[UUID]) -> None:
        """Wake whoever waits for these tasks, in every process. Redis being away delays readers, it fails nobody."""
        await self._publish(_CHANGED, task_ids)

    async def stop(self, task_ids: Iterable[UUID]) -> None:
        """Ask whichever worker runs these tasks to stop them now rather than at its next heartbeat."""
        await self._publish(_STOP, task_ids)

    def on_stop(self, callback: Callable[[UUID], None]) -> None:
        """Call back for every task that any process asked to stop."""
        self._on_stop.append(callback)
        self._listen()

    @asynccontextmanager
    async def watching(self, task_id: UUID) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the task may have changed; the reader clears it."""
        self._listen()
        event = asyncio.Event()
        self._waiters[task_id].add(event)
        try:
            yield event
        finally:
            self._waiters[task_id].discard(event)
            if not self._waiters[task_id]:
                del self._waiters[task_id]

    async def close(self) -> None:
        """Stop listening and close the connections."""
        if self._listener:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        await self._redis.aclose()

    async def _publish(self, channel: str, task_ids: Iterable[UUID]) -> None:
        message = " ".join(str(task_id) for task_id in task_ids)
        if not message:
            return
        try:
            await self._redis.publish(channel, message)
        except (RedisError, OSError) as error:
            log.warning("wake_not_published", channel=channel, error=str(error))

    def _listen(self) -> None:
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._run(), name="wake-listener")

    async def _run(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(_CHANGED, _STOP)
                    self._wake_everybody()
                    async for message in subscription.listen():
                        self._receive(message["channel"], message["data"])
            except (RedisError, OSError) as error:
                log.warning("wake_subscription_lost", error=str(error))
                await asyncio.sleep(0.5)

    def _wake_everybody(self) -> None:
        for events in self._waiters.values():
            for event in events:
                event.set()

    def _receive(self, channel: str, data: str) -> None:
        for part in data.split():
            task_id = UUID(part)
            if channel == _STOP:
                for callback in self._on_stop:
                    callback(task_id)
            for event in self._waiters.get(task_id, ()):
                event.set()
