"""RQ's forking worker, made to outlive Redis. Used by ``worker`` for heavy work only.

RQ's own ends its loop, and leaves the attempt it watches to itself, whenever Redis is away at the wrong moment. Here
Redis is delivery only: the attempt's truth is its lease, so the worker waits for its process and begins again. It
knows nothing of tasks.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from types import FrameType
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import StopRequested

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.5


@contextmanager
def _redis_may_be_away() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        log.warning("redis_away_from_heavy_worker", error=str(error))


class ForkingWorker(Worker):
    """Waits for the process it forked whether or not Redis is there."""

    asked_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Note that a signal asked, so that the loop outside does not begin again."""
        self.asked_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def maintain_heartbeats(self, job: Any) -> None:
        """Tell Redis that the job goes on."""
        with _redis_may_be_away():
            super().maintain_heartbeats(job)

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: Any = None) -> None:
        """Tell Redis for how long."""
        with _redis_may_be_away():
            super().set_current_job_working_time(current_job_working_time, pipeline)


def work_until_asked_to_stop(redis_url: str, queues: Sequence[str], name: str) -> None:
    """Run jobs, one forked process each, until SIGTERM or SIGINT; begin again whenever Redis broke the loop."""
    for number in count(1):
        worker: ForkingWorker | None = None
        with suppress(StopRequested), _redis_may_be_away():
            connection = Redis.from_url(redis_url, socket_connect_timeout=2)
            # A name of its own for each round: Redis may still hold the last one.
            worker = ForkingWorker(
                [Queue(queue, connection=connection) for queue in queues], connection=connection,
                name=f"{name}.{number}", log_job_description=False,
            )  # fmt: skip
            worker.work(logging_level="WARNING")
        if worker is None or not worker.asked_to_stop:
            # A signal that comes meanwhile still goes to the worker that broke.
            with suppress(StopRequested), _redis_may_be_away():
                time.sleep(_PAUSE_SECONDS)
        if worker is not None and worker.asked_to_stop:
            return
