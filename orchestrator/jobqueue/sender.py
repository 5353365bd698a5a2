"""Hands deliveries to RQ. Used by the relay; it knows nothing of tasks beyond their id, attempt number and queue.

RQ's client is synchronous, so every call runs in a thread. Redis errors become Unavailable: the outbox keeps the rows.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue

from orchestrator.core.errors import Unavailable
from orchestrator.core.ids import new_id
from orchestrator.jobqueue.queues import AGENT_QUEUES, HEAVY_QUEUES, LIGHT_QUEUES, RUN_JOB, job_id

_EPOCH = "orchestrator:epoch"
_KEEP_FAILED = 3600


class JobSender:
    """Writes RQ jobs, and can tell whether Redis still has what was written."""

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=10)
        names = (*LIGHT_QUEUES, *AGENT_QUEUES, *HEAVY_QUEUES)
        self._queues = {name: Queue(name, connection=self._redis) for name in names}

    async def send(self, deliveries: Sequence[tuple[UUID, int, str]]) -> None:
        """Enqueue (task, generation, queue) triples; sending one twice is harmless."""
        await self._in_thread(self._send, deliveries)

    async def waiting(self) -> set[str]:
        """The ids of all jobs that wait in any queue."""
        found: set[str] = await self._in_thread(self._waiting)
        return found

    async def same_epoch(self) -> bool:
        """False when Redis lost its data since this was last asked (and marks the new epoch)."""
        return bool(await self._in_thread(self._same_epoch))

    async def ping(self) -> None:
        """Raise Unavailable unless Redis answers."""
        await self._in_thread(self._redis.ping)

    async def depths(self) -> dict[str, int]:
        """How many jobs wait in each queue."""
        counted: dict[str, int] = await self._in_thread(lambda: {n: q.count for n, q in self._queues.items()})
        return counted

    async def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        try:
            return await asyncio.to_thread(function, *args)
        except (RedisError, OSError) as error:
            raise Unavailable("the job queue (Redis) is not there right now") from error

    def _send(self, deliveries: Sequence[tuple[UUID, int, str]]) -> None:
        lanes: dict[str, list[Any]] = defaultdict(list)
        for task_id, generation, queue in deliveries:
            lanes[queue].append(
                Queue.prepare_data(
                    RUN_JOB,
                    args=(str(task_id), generation),
                    job_id=job_id(task_id, generation),
                    timeout=-1,  # the attempt's own time limit and lease decide, not RQ
                    result_ttl=0,
                    failure_ttl=_KEEP_FAILED,
                    description=f"attempt {generation}",
                )
            )
        with self._redis.pipeline(transaction=False) as pipeline:
            for queue, jobs in lanes.items():
                self._queues[queue].enqueue_many(jobs, pipeline=pipeline)
            pipeline.execute()

    def _waiting(self) -> set[str]:
        return {str(identifier) for queue in self._queues.values() for identifier in queue.get_job_ids()}

    def _same_epoch(self) -> bool:
        created = self._redis.set(_EPOCH, str(new_id()), nx=True)
        return not created
