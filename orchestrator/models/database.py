"""The engine and the transaction: the one place that commits. Services open ``transaction()``; nothing else does.

No transaction is ever held while a tool, an agent or a stream runs: the block around it must be closed first.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import orjson
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from orchestrator.core.errors import Unavailable


def async_url(url: str) -> str:
    """The SQLAlchemy form of a postgresql:// URL for psycopg's async driver."""
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _dumps(value: object) -> str:
    return orjson.dumps(value, default=str).decode()


_ASK_SECONDS = 5.0
_AWAY = ("08", "40", "53", "57")
"""Classes of SQLSTATE that pass by themselves: connection lost, deadlock, out of resources, shut down or starting."""
_AWAY_TOO = ("25P03", "25P04", "55P03")
"""Idle or too long in a transaction, lock not available: ours was ended, the next may succeed."""


def _is_away(error: DBAPIError) -> bool:
    """Whether trying again can help: the fault is the server's or the connection's, not the statement's.

    A commit that met such an error is in doubt: it may have happened.
    """
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # no server said it: the driver lost the connection, or never had one
        return bool(error.connection_invalidated) or isinstance(error, OperationalError | InterfaceError)
    return bool(error.connection_invalidated) or state.startswith(_AWAY) or state in _AWAY_TOO


def why_not_there(error: Exception) -> str | None:
    """One line on why no connection came about; None when the error is about something else."""
    if isinstance(error, ArgumentError):
        return "this is not a postgresql:// URL"  # not repeated: it may hold a password
    if isinstance(error, OperationalError) and error.connection_invalidated is False and error.statement is None:
        return str(error.orig).strip().partition("\n")[0][:300]
    return None


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors that pass by themselves, in our words."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("every database connection is busy", hint="try again in a moment") from error
    except DBAPIError as error:
        if _is_away(error):
            raise Unavailable("the database is not there right now", hint="try again in a moment") from error
        raise


class AdvisoryLock:
    """A lock of the whole installation, held by a connection of its own for as long as that lives."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def still_held(self) -> bool:
        """Whether the connection, and with it the lock, is still there."""
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await self._connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, TimeoutError):
            return False
        return True


class Database:
    """A pool of connections to PostgreSQL."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            # The connection used last is the one whose statements are planned already.
            pool_use_lifo=True,
            pool_pre_ping=False,
            pool_reset_on_return="rollback",
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
            connect_args={
                "connect_timeout": 5,
                # Plans are kept per connection after the first use: the hot statements are few.
                "prepare_threshold": 1,
                "options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000",
            },
        )
        self._single = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end of the block, rolled back when it raises."""
        with _translated():
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which each statement is a transaction of its own, without the trips that begin and end one.

        For questions, which at this isolation see no more alike in one transaction, and for writes of one statement.
        """
        with _translated():
            async with self._single.connect() as connection:
                yield connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """An ORM session over one ``transaction()``; for the paths where objects read better than rows."""
        async with self.transaction() as connection, AsyncSession(bind=connection, expire_on_commit=False) as session:
            yield session
            await session.flush()

    @asynccontextmanager
    async def advisory_lock(self, key: int) -> AsyncIterator[AdvisoryLock | None]:
        """Try to take a lock that one process of the installation may hold; None when another has it."""
        try:
            async with self.engine.connect() as plain:
                # Autocommit: the lock belongs to the session, and no transaction stays open while it is held.
                connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
                got = (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key})).scalar()
                try:
                    yield AdvisoryLock(connection) if got else None
                finally:
                    if got:
                        await self._unlock(connection, key)
        except SQLAlchemyError as error:
            # Nothing but the lock is asked for on this connection: any error says that it is gone.
            raise Unavailable("the database is not there right now") from error

    @staticmethod
    async def _unlock(connection: AsyncConnection, key: int) -> None:
        try:
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
        except SQLAlchemyError:
            # The connection is gone and the lock with it.
            await connection.invalidate()

    async def ping(self) -> None:
        """Raise Unavailable unless the database answers."""
        async with self.transaction() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
