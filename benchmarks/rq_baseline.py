"""The yardstick: bare RQ with no-op jobs on two SimpleWorkers, over the same Redis in the same run."""

import operator
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from rq import Queue

_WORKER = """
import sys
from redis import Redis
from rq import Queue, SimpleWorker
connection = Redis.from_url(sys.argv[1])
SimpleWorker([Queue("bare", connection=connection)], connection=connection).work(logging_level="ERROR")
"""


@contextmanager
def bare_workers(redis_url: str, count: int = 2) -> Iterator[Queue]:
    """Some SimpleWorkers and the queue they serve."""
    workers = [subprocess.Popen([sys.executable, "-c", _WORKER, redis_url]) for _ in range(count)]
    queue = Queue("bare", connection=Redis.from_url(redis_url))
    try:
        round_trip(queue)  # they are up once one job came back
        yield queue
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(10)


def jobs_per_second(queue: Queue, jobs: int) -> float:
    """Jobs per second from the first enqueue to the last one done."""
    started = time.perf_counter()
    for _ in range(jobs):
        queue.enqueue(operator.not_, 1, result_ttl=0)
    while queue.count or queue.started_job_registry.count:
        time.sleep(0.01)
    return jobs / (time.perf_counter() - started)


def round_trip(queue: Queue) -> float:
    """Seconds from enqueueing one job to having its result."""
    started = time.perf_counter()
    job = queue.enqueue(operator.not_, 1, result_ttl=60)
    if job.latest_result(timeout=30) is None:
        raise RuntimeError("the bare RQ job did not come back within 30 s")
    return time.perf_counter() - started
