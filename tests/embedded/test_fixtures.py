"""What tests/conftest.py promises to all other tests."""

import psycopg
import pytest
import redis.asyncio

from orchestrator.config import Settings
from tests.databases import Databases


async def test_async_tests_run_without_a_mark(fresh_redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(fresh_redis_url) as client:
        assert await client.dbsize() == 0


def test_a_worker_has_a_database_of_its_own(database_url: str, fresh_database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.info.dbname.startswith("test_")
    assert database_url != fresh_database_url


def test_a_database_that_was_given_back_is_empty_and_reached_by_nobody_who_knew_it(databases: Databases) -> None:
    first = databases.take()
    with psycopg.connect(databases.url(first), autocommit=True) as left_open:
        left_open.execute("INSERT INTO users (id, email, display_name) VALUES (gen_random_uuid(), 'a@b', 'A')")
        left_open.execute("SELECT nextval('outbox_id_seq')")
        databases.give_back(first)
        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(databases.url(first))
    second = databases.take()
    with psycopg.connect(databases.url(second)) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
        assert connection.execute("SELECT nextval('outbox_id_seq')").fetchone() == (1,)
    databases.give_back(second)


def test_a_fresh_database_is_migrated(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == ("alembic_version",)
