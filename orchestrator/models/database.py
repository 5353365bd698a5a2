"""The engine and the transaction: the one place that commits. Services open ``transaction()``; nothing else does.

No transaction is ever held while a tool, an agent or a stream runs: the block around it must be closed first.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
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


class AdvisoryLock:
    """A lock of the whole installation, held by a connection of its own for as long as that lives."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def still_held(self) -> bool:
        """Whether the connection, and with it the lock, is still there."""
        try:
            await self._connection.execute(text("SELECT 1"))
        except DBAPIError:
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

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end of the block, rolled back when it raises."""
        try:
            async with self.engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise Unavailable("the database is not there right now", hint="try again in a moment") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable("the database connection was lost", hint="try again in a moment") from error
            raise

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
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise Unavailable("the database is not there right now") from error

    @staticmethod
    async def _unlock(connection: AsyncConnection, key: int) -> None:
        try:
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
        except DBAPIError:
            # The connection is gone and the lock with it.
            await connection.invalidate()

    async def ping(self) -> None:
        """Raise Unavailable unless the database answers."""
        async with self.transaction() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
