"""Stages for fault tests. After each test every process is killed and the invariants of its database are checked."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.processes import Nursery
from tests.faults.stage import Stage, open_stage


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.fixture
async def stage(
    nursery: Nursery, tmp_path: Path, fresh_database_url: str, fresh_redis_url: str
) -> AsyncIterator[Stage]:
    made = await open_stage(nursery, tmp_path, fresh_database_url, fresh_redis_url)
    yield made
    made.kill_everything()
    print(made.told())  # noqa: T201  shown by pytest when the test fails
    await made.container.close()
    made.check()
