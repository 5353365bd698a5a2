"""The embedded pair: one PostgreSQL and one Redis per data folder, shared by everybody who starts it there.

Used by ``orchestrator up`` and the tests. Whoever comes second in a folder attaches to what runs; the last one to
leave stops it. Who uses it is known by locks that the kernel drops when a process dies, so after kill -9 the next
start adopts the servers that were left, or replaces them. It does not watch the servers: call ``ensure`` for that.
"""

from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.embedded.folder import Folder, Lock, open_folder
from orchestrator.embedded.postgres import Postgres
from orchestrator.embedded.redis import Redis

_TURN_SECONDS = 180.0  # somebody else may be preparing the folder for the first time


@dataclass
class _Use:
    """One server, and our share in it."""

    server: Postgres | Redis
    share: Lock

    async def start(self) -> None:
        if not await self.server.is_ready():
            await self.server.start()
        self.share.share()

    async def leave(self) -> None:
        try:
            if self.share.is_last():
                await self.server.stop()
        finally:
            self.share.release()


@dataclass
class Embedded:
    """A running pair. The URL of a server that was not asked for is empty."""

    database_url: str
    redis_url: str
    _folder: Folder
    _uses: list[_Use] = field(default_factory=list)

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each server that runs now, by its name."""
        processes = {use.server.name: use.server.process() for use in self._uses}
        return {name: process.pid for name, process in processes.items() if process is not None}

    async def schema_revision(self) -> str:
        """The migration the embedded database is at; empty before the first."""
        servers = [use.server for use in self._uses if isinstance(use.server, Postgres)]
        return await servers[0].schema_revision() if servers else ""

    async def ensure(self) -> list[str]:
        """Start again what died; returns the names of what was started."""
        dead = [use for use in self._uses if use.server.process() is None]
        if dead:
            async with _Turn(self._folder):
                for use in dead:
                    await use.start()
        return [use.server.name for use in dead]

    async def stop(self) -> None:
        """Leave the pair, stopping each server that nobody else uses. Calling it again does nothing."""
        uses, self._uses = self._uses, []
        if not uses:
            return
        async with _Turn(self._folder):
            for use in reversed(uses):
                await use.leave()


class _Turn:
    """Starting and stopping in one folder happens one at a time."""

    def __init__(self, folder: Folder) -> None:
        self._lock = Lock(folder.root / "turn.lock")

    async def __aenter__(self) -> None:
        await self._lock.acquire(_TURN_SECONDS)

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


async def start_embedded(
    data_dir: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True
) -> Embedded:
    """Start the pair of ``data_dir``, or attach to it; ``durable=False`` is for tests: a power cut breaks it."""
    folder = open_folder(data_dir)
    uses: list[_Use] = []
    database = Postgres(folder, durable=durable) if postgres else None
    delivery = Redis(folder) if redis else None
    async with _Turn(folder):
        try:
            for server in (database, delivery):
                if server is not None:
                    uses.append(_Use(server, Lock(folder.root / f"{server.name.lower()}.users")))
                    await uses[-1].start()
        except BaseException:
            for use in reversed(uses):
                await use.leave()
            raise
    return Embedded(database.url if database else "", delivery.url if delivery else "", folder, uses)
