"""RQ's forking worker, made to outlive Redis. Used by ``worker`` for heavy work only.

RQ's own ends its loop, and leaves the attempt it watches to itself, whenever Redis is away at the wrong moment. Here
Redis is delivery only: the attempt's truth is its lease, so the worker waits for its process and begins again. What a
killed process leaves running, it ends. It knows nothing of tasks.
"""

import ctypes
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from types import FrameType
from typing import Any

import psutil
import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import StopRequested

from orchestrator.core.child_process import OUTLIVES_ATTEMPTS

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.5
_PR_SET_CHILD_SUBREAPER = 36


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

    def handle_warm_shutdown_request(self) -> None:
        """Pass the signal on, so that work which may take hours is given back rather than waited for."""
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)

    def monitor_work_horse(self, job: Any, queue: Queue) -> None:
        """Wait for the process, then end what it left behind: kill -9 of a parent reaches no child."""
        super().monitor_work_horse(job, queue)
        _end_orphans()

    def maintain_heartbeats(self, job: Any) -> None:
        """Tell Redis that the job goes on."""
        with _redis_may_be_away():
            super().maintain_heartbeats(job)

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: Any = None) -> None:
        """Tell Redis for how long."""
        with _redis_may_be_away():
            super().set_current_job_working_time(current_job_working_time, pipeline)


def _adopt_orphans() -> None:
    """Become the parent of whatever a forked process leaves when it dies. Linux only; elsewhere nothing is adopted."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_orphans() -> None:
    for orphan in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # gone already, or too stuck to be waited for: the next round sees it again
            if orphan.status() != psutil.STATUS_ZOMBIE:
                if OUTLIVES_ATTEMPTS in orphan.environ():
                    continue
                log.warning("orphan_ended", pid=orphan.pid, program=orphan.name())
                orphan.kill()
            orphan.wait(_PAUSE_SECONDS)


def work_until_asked_to_stop(redis_url: str, queues: Sequence[str], name: str) -> None:
    """Run jobs, one forked process each, until SIGTERM or SIGINT; begin again whenever Redis broke the loop."""
    _adopt_orphans()
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
