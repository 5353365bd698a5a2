"""Takes deliveries out of RQ's queues, many at a time, without a thread per job. Used by light and agent workers.

RQ's own workers run one job at a time; tool calls spend their time waiting, so one event loop carries hundreds. Queues
are emptied in the order given. What is popped here and lost with the process is delivered again from the outbox.
"""

from contextlib import suppress
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job

from orchestrator.core.errors import Unavailable
from orchestrator.jobqueue.queues import parse_job_id

log = structlog.get_logger(__name__)

_BLOCK_SECONDS = 5


class JobReceiver:
    """Pops RQ jobs from several queues."""

    def __init__(self, redis_url: str, queues: tuple[str, ...]) -> None:
        self._redis = Redis.from_url(
            redis_url, decode_responses=True, socket_connect_timeout=2, socket_timeout=_BLOCK_SECONDS + 5
        )
        self._keys = [f"{Queue.redis_queue_namespace_prefix}{name}" for name in queues]
        self._taken: list[str] = []

    async def receive(self, at_most: int) -> list[tuple[UUID, int]]:
        """Up to ``at_most`` deliveries; waits a few seconds when there are none, then returns an empty list."""
        try:
            await self._forget()
            identifiers = await self._pop(at_most)
            if not identifiers:
                popped = await self._redis.blpop(self._keys, timeout=_BLOCK_SECONDS)
                identifiers = [str(popped[1])] if popped else []
        except (RedisError, OSError) as error:
            raise Unavailable("the job queue (Redis) is not there right now") from error
        self._taken = identifiers
        return [delivery for identifier in identifiers if (delivery := _parse(identifier))]

    async def close(self) -> None:
        """Forget what was taken and close the connection."""
        with suppress(RedisError, OSError):  # what is left there harms nobody
            await self._forget()
        await self._redis.aclose()

    async def _forget(self) -> None:
        """Delete what RQ keeps of the jobs taken last: at the next turn, so that nobody waits for it."""
        if self._taken:
            await self._redis.delete(*(Job.key_for(identifier) for identifier in self._taken))
            self._taken = []

    async def _pop(self, at_most: int) -> list[str]:
        found: list[str] = []
        for key in self._keys:
            if len(found) < at_most:
                popped = await self._redis.lpop(key, at_most - len(found))
                found += [str(identifier) for identifier in popped or ()]
        return found


def _parse(identifier: str) -> tuple[UUID, int] | None:
    try:
        return parse_job_id(identifier)
    except ValueError:
        # Not one of ours: somebody else's job in our queue must not stop the queue.
        log.warning("job_not_understood", job_id=identifier[:100])
        return None
