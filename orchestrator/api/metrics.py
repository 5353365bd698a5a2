"""What Prometheus reads: requests by route and status, tasks by state, jobs waiting per queue.

Requests are counted by the frame around the application; tasks and queues are asked for at the moment of scraping.
"""

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from orchestrator.bootstrap import Container
from orchestrator.core.errors import Unavailable
from orchestrator.core.states import TERMINAL, TaskState

REGISTRY = CollectorRegistry()

_SECONDS = Histogram(
    "orchestrator_request_seconds",
    "Time to the last byte of an answer.",
    ("method", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
_SHUT = Counter(
    "orchestrator_scrape_failures", "Parts that could not be asked while scraping.", ("part",), registry=REGISTRY
)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_TASKS = Gauge("orchestrator_tasks", "Tasks that have not ended, by state.", ("state",), registry=REGISTRY)
_JOBS = Gauge("orchestrator_jobs_waiting", "Deliveries waiting in a queue.", ("queue",), registry=REGISTRY)


def observe(method: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    _histogram(method if method in _METHODS else "other", status).observe(seconds)


@lru_cache(maxsize=1000)
def _histogram(method: str, status: int) -> Histogram:
    """Finding the series by its labels costs more than counting in it."""
    return _SECONDS.labels(method, str(status))


async def scrape(container: Container) -> bytes:
    """All metrics in Prometheus' text form."""
    try:
        counted = await container.tasks.count_open()
        for state in TaskState:
            if state not in TERMINAL:
                _TASKS.labels(state).set(counted.get(state, 0))
    except Unavailable:
        _SHUT.labels("database").inc()
    try:
        for queue, waiting in (await container.sender.depths()).items():
            _JOBS.labels(queue).set(waiting)
    except Unavailable:
        _SHUT.labels("queue").inc()
    return generate_latest(REGISTRY)
