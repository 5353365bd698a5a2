"""What every test may ask for: a real PostgreSQL and Redis, and settings that point at them.

All workers of one run share one embedded pair (the last to leave stops it). Each has a database of its own, copied
from a migrated template, and Redis databases of its own. ``database_url`` and ``redis_url`` keep what earlier tests
of the worker wrote; ``fresh_database_url`` and ``fresh_redis_url`` are empty but for the migrations.
"""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
import redis
import structlog

from orchestrator.config import Settings
from orchestrator.embedded.folder import Lock
from orchestrator.embedded.pair import Embedded, start_embedded
from orchestrator.embedded.processes import end_everything_below
from tests.databases import Databases
from tests.launches import LAUNCHES

_PREFIX = "orchestrator-test-"


# The same examples everywhere: what passed here passes there. ``--hypothesis-profile=default`` looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, database=None)
hypothesis.settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of the developer's own environment reaches a test."""
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is loaded to find the tests stays: collecting garbage among it took a fifth of the tests' own time."""
    gc.disable()
    yield
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def logs_can_be_read() -> Iterator[None]:
    """Loggers stay as they are when a test configures logging: what is kept at first use, ``capture_logs`` misses."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", lambda **told: configure(**{**told, "cache_logger_on_first_use": False}))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_launches() -> Iterator[None]:
    """Query servers and indexers are forked from a process that has imported them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestrator.kg.query.daemons._start", LAUNCHES.start)
        yield
    LAUNCHES.stop()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The service runs on asyncio; so do its tests."""
    return "asyncio"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = Lock(path)
    asyncio.run(lock.acquire(180))
    try:
        yield
    finally:
        lock.release()


def _sweep() -> None:
    """End the servers of runs that were killed: their folder is there, and nobody holds its lock."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            continue
        held = Lock(folder / "run.lock")
        if held.is_last():
            end_everything_below(folder)
            shutil.rmtree(folder, ignore_errors=True)
        held.release()


@pytest.fixture(scope="session")
def embedded(request: pytest.FixtureRequest) -> Iterator[Embedded]:
    """The pair of this run, shared by its workers."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    with _alone(Path(tempfile.gettempdir()) / f"{_PREFIX[:-1]}.{os.getuid()}.lock"):
        _sweep()
        folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{run[:12]}"
        folder.mkdir(mode=0o700, exist_ok=True)
        held = Lock(folder / "run.lock")
        held.share()
    pair = asyncio.run(start_embedded(folder, durable=False))
    with _alone(folder / "template.lock"):
        Databases(pair).make_template()
    yield pair
    asyncio.run(pair.stop())
    with _alone(Path(tempfile.gettempdir()) / f"{_PREFIX[:-1]}.{os.getuid()}.lock"):
        last = held.is_last()
        held.release()
        if last:
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def databases(embedded: Embedded) -> Databases:
    """Where this worker's databases come from."""
    return Databases(embedded)


@pytest.fixture(scope="session")
def database_url(databases: Databases) -> str:
    """A migrated database of this test worker, shared by its tests."""
    return databases.url(databases.create())


@pytest.fixture
def make_database(databases: Databases) -> Iterator[Callable[..., str]]:
    """Makes more databases: ``make_database()`` is migrated, ``make_database(migrated=False)`` is empty."""
    names: list[str] = []

    def make(*, migrated: bool = True) -> str:
        names.append(databases.create(migrated=migrated))
        return databases.url(names[-1])

    yield make
    for name in names:
        databases.drop(name)


@pytest.fixture
def fresh_database_url(databases: Databases) -> Iterator[str]:
    """An empty migrated database, for this test alone; its tables must stay as they are."""
    name = databases.take()
    yield databases.url(name)
    databases.give_back(name)


def _redis_database(embedded: Embedded, number: int) -> str:
    url = embedded.redis_url.replace("?db=0", f"?db={number}")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def redis_url(embedded: Embedded) -> str:
    """A Redis database of this test worker, shared by its tests."""
    return _redis_database(embedded, _worker_number())


@pytest.fixture
def fresh_redis_url(embedded: Embedded) -> str:
    """An empty Redis database; the next test that asks empties it again."""
    return _redis_database(embedded, 32 + _worker_number())


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "gw0")


def _worker_number() -> int:
    return int(_worker().removeprefix("gw"))


@pytest.fixture
def settings(fresh_database_url: str, fresh_redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a service of this test alone, on a free port."""
    return Settings(
        _env_file=None, data_dir=tmp_path / "data", database_url=fresh_database_url, redis_url=fresh_redis_url, port=0
    )
