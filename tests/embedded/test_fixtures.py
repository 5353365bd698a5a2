"""What tests/conftest.py promises to all other tests."""

import psycopg
import redis.asyncio

from orchestrator.config import Settings


async def test_async_tests_run_without_a_mark(fresh_redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(fresh_redis_url) as client:
        assert await client.dbsize() == 0


def test_a_worker_has_a_database_of_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.info.dbname.startswith("test_gw")


def test_a_fresh_database_is_migrated(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == ("alembic_version",)
