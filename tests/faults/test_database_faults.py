"""What errors of the database become: away and worth another try, in doubt and looked up, or the statement's fault."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.errors import Unavailable
from orchestrator.models.database import Database
from tests.faults.stage import Stage, tool

PASSING = {
    "57P01": "admin shutdown", "57P02": "crash shutdown", "57P03": "cannot connect now", "57014": "statement timeout",
    "08006": "connection failure", "40001": "serialization failure", "40P01": "deadlock", "53100": "disk full",
    "53300": "too many connections", "25P03": "idle in transaction", "55P03": "lock not available",
}  # fmt: skip
STAYING = {
    "54000": "program limit", "23505": "unique", "23503": "foreign key", "22P05": "untranslatable", "42703": "column",
}  # fmt: skip

Opens = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


def forgets_answers(transaction: Opens, times: int = 1, *, committed: bool = True) -> Opens:
    """The same transactions, but the first few say Unavailable: after their commit, or instead of it."""
    left = [None] * times

    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncConnection]:
        async with transaction() as connection:
            yield connection
            if left and not committed:
                left.pop()
                raise Unavailable("the connection was lost before the commit")
        if left:
            left.pop()
            raise Unavailable("the connection was lost during the commit")

    return opened


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    yield made
    await made.close()


async def _raise(database: Database, state: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"))


@pytest.mark.parametrize("state", PASSING, ids=PASSING.values())
async def test_what_passes_by_itself_is_unavailable(database: Database, state: str) -> None:
    with pytest.raises(Unavailable):
        await _raise(database, state)


@pytest.mark.parametrize("state", STAYING, ids=STAYING.values())
async def test_a_fault_of_the_statement_is_not_called_unavailable(database: Database, state: str) -> None:
    with pytest.raises(DBAPIError):
        await _raise(database, state)


async def test_a_connection_ended_by_the_server_is_unavailable_and_the_next_one_works(database: Database) -> None:
    async with database.transaction() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    with psycopg.connect(database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(Unavailable):
        await database.ping()
    await database.ping()


async def test_a_lock_whose_connection_died_is_no_longer_held_and_ends_without_a_crash(database: Database) -> None:
    async with database.advisory_lock(1) as lock:
        assert lock is not None
        assert await lock.still_held()
        async with database.transaction() as connection:
            others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1"
            await connection.execute(text(others + " AND database = (SELECT oid FROM pg_database WHERE datname ="
                                                   " current_database())"))  # fmt: skip
        assert not await lock.still_held()
    async with database.advisory_lock(1) as again:
        assert again is not None


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "rolled back"])
async def test_a_task_whose_commit_was_in_doubt_is_born_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    database = stage.container.database
    task = await stage.container.tasks.prepare(stage.caller, tool("echo"))
    monkeypatch.setattr(database, "transaction", forgets_answers(database.transaction, committed=committed))
    assert await stage.container.writer.create(task) is True
    assert stage.query("SELECT id FROM tasks") == [{"id": task.id}]
