"""Redis publish and subscribe, used only to wake: readers of a task's events, and workers to stop or pause one.

The event table is the truth; a lost message costs a reader at most its polling interval. Nothing is stored in Redis
here. Nobody who writes waits for Redis: messages go out in the background, those that gather meanwhile together.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_CHANGED = "orchestrator:changed"
_STOP = "orchestrator:stop"
_PAUSE = "orchestrator:pause"

_CLOSE_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Wake:
    """One subscription per process, fanned out to everybody in it who waits for a task."""

    def __init__(self, redis_url: str) -> None:
        # A message is worth little a second later: no retries. A subscription waits for ever.
        self._publishing = Redis.from_url(
            redis_url, socket_connect_timeout=2, socket_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        self._subscribing = Redis.from_url(
            redis_url, decode_responses=True, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        self._unsent: dict[str, set[UUID]] = {}
        self._publisher: asyncio.Task[None] | None = None
        self._waiters: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._calling: dict[str, list[Callable[[UUID], None]]] = {_STOP: [], _PAUSE: []}
        self._listener: asyncio.Task[None] | None = None

    def changed(self, task_ids: Iterable[UUID]) -> None:
        """Wake whoever waits for these tasks, in every process. Redis being away delays readers, it fails nobody."""
        self._publish_soon(_CHANGED, task_ids)

    def stop(self, task_ids: Iterable[UUID]) -> None:
        """Ask whichever worker runs these tasks to stop them now rather than at its next heartbeat."""
        self._publish_soon(_STOP, task_ids)

    def on_stop(self, callback: Callable[[UUID], None]) -> None:
        """Call back for every task that any process asked to stop."""
        self._calling[_STOP].append(callback)
        self._listen()

    def pause(self, task_ids: Iterable[UUID]) -> None:
        """Tell whichever worker runs these tasks that they are to rest."""
        self._publish_soon(_PAUSE, task_ids)

    def on_pause(self, callback: Callable[[UUID], None]) -> None:
        """Call back for every task that any process asked to pause."""
        self._calling[_PAUSE].append(callback)
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
        """Send what is left, stop listening and close the connections."""
        if self._publisher:
            await asyncio.wait([self._publisher], timeout=_CLOSE_SECONDS)
            self._publisher.cancel()
        if self._listener:
            self._listener.cancel()
            await asyncio.wait([self._listener])
        await self._publishing.aclose()
        await self._subscribing.aclose()

    def _publish_soon(self, channel: str, task_ids: Iterable[UUID]) -> None:
        self._unsent.setdefault(channel, set()).update(task_ids)
        if self._publisher is None or self._publisher.done():
            self._publisher = asyncio.create_task(self._publish(), name="wake-publisher")

    async def _publish(self) -> None:
        while self._unsent:
            channel, task_ids = self._unsent.popitem()
            message = " ".join(str(task_id) for task_id in task_ids)
            if not message:
                continue
            try:
                await self._publishing.publish(channel, message)
            except (RedisError, OSError) as error:
                log.warning("wake_not_published", channel=channel, error=str(error))

    def _listen(self) -> None:
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._run(), name="wake-listener")

    async def _run(self) -> None:
        while True:
            try:
                async with self._subscribing.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(_CHANGED, _STOP, _PAUSE)
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
            try:
                task_id = UUID(part)
            except ValueError:
                log.warning("wake_message_not_understood", channel=channel)
                return  # anybody on this Redis can publish; one odd message must not deafen us
            for callback in self._calling.get(channel, ()):
                callback(task_id)
            for event in self._waiters.get(task_id, ()):
                event.set()
