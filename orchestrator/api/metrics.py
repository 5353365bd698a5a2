"""What Prometheus reads: requests by route and status, tasks by state, jobs waiting per queue.

Requests are counted by the frame around the application; tasks and queues are asked for at the moment of scraping.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

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


_MOST_SERVERS = 200
_PERSONAL = "personal"
_CALLS = Counter(
    "orchestrator_tool_calls", "Tool calls of this process, by server and outcome.", ("server", "outcome"),
    registry=REGISTRY,
)  # fmt: skip
_CALL_SECONDS = Histogram(
    "orchestrator_tool_call_seconds",
    "How long tools took that were called by this process.",
    ("server",),
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60),
    registry=REGISTRY,
)
_servers: set[str] = set()


def observe_call(record: Mapping[str, Any]) -> None:
    """Count one tool call. Names of servers beyond a number, and those only one person sees, stay out of it."""
    name = str(record["server"]) if record["shared"] else _PERSONAL
    if name not in _servers and len(_servers) < _MOST_SERVERS:
        _servers.add(name)
    counted, seconds = _call_series(name if name in _servers else "other", str(record["outcome"]))
    counted.inc()
    if record["outcome"] != "refused":
        seconds.observe(record["ms"] / 1000)


@lru_cache(maxsize=4000)
def _call_series(server: str, outcome: str) -> tuple[Counter, Histogram]:
    return _CALLS.labels(server, outcome), _CALL_SECONDS.labels(server)


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
