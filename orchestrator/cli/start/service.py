"""The whole service as one block: databases, migrations, children, ready; and all of it stopped in order at the end.

Used by ``up`` and ``demo``. Children get the database URLs in their environment. What is embedded is watched and
started again when it dies. If this process is killed the children leave by themselves, and the next start adopts the
embedded servers.
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli.start.settings import check_surroundings
from orchestrator.cli.start.supervisor import Supervisor
from orchestrator.cli.upkeep.schema import newest_revision
from orchestrator.config import Settings
from orchestrator.core.errors import NotConfigured, OrchestratorError, TimedOut, Unavailable
from orchestrator.embedded.pair import Embedded, start_embedded
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.query.client import GraphQueries

_MIGRATE_SECONDS = 300.0
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.03
_ENDS_BEFORE_GIVING_UP = 3
_WATCH_SECONDS = 1.0
_TOLD = "error: DATABASE_URL: "
"""How a command of ours ends that could not use the database."""
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  compared with, never bound here

Say = Callable[[str], None]


@dataclass(frozen=True)
class Service:
    """A running service."""

    base_url: str
    database_url: str
    redis_url: str
    supervisor: Supervisor
    embedded: Embedded | None
    seconds: float


@asynccontextmanager
async def service(settings: Settings, say: Say, logs: Path | None = None) -> AsyncIterator[Service]:
    """Run the service for the length of the block; it is ready when the block begins. ``logs``: see Supervisor."""
    started = time.monotonic()
    port = _free_port(settings.host, settings.port)
    await check_surroundings(settings)
    async with _databases(settings, say) as (embedded, database_url, redis_url):
        environment = os.environ | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DATA_DIR": str(settings.data_dir.expanduser().resolve()),
            "HOST": settings.host,
            "PORT": str(port),
        }
        newest = newest_revision()
        if embedded is None or newest is None or await embedded.schema_revision() != newest:
            await _migrate(environment)
        supervisor = Supervisor(environment, say, logs)
        try:
            host = "127.0.0.1" if settings.host in _EVERYWHERE else settings.host
            await _start_children(supervisor, settings, host, port)
            await _wait_for(host, port, supervisor, ready=True)
            base_url = settings.public_url.rstrip("/") or f"http://{_in_url(host)}:{port}"
            yield Service(base_url, database_url, redis_url, supervisor, embedded, time.monotonic() - started)
        finally:
            await supervisor.stop()
            # They are nobody's children, so that API and workers can share them; without us nobody asks them again.
            graphs = settings.data_dir.expanduser().resolve() / "kg"
            await asyncio.gather(GraphQueries().stop_below(graphs), GraphUpdates().stop_below(graphs))


@asynccontextmanager
async def _databases(settings: Settings, say: Say) -> AsyncIterator[tuple[Embedded | None, str, str]]:
    """The embedded servers for the URLs that are not set, and the URLs to use."""
    if settings.database_url and settings.redis_url:
        yield None, settings.database_url, settings.redis_url
        return
    if not (settings.data_dir.expanduser() / "embedded").exists():
        say("Preparing the embedded databases for the first time …")
    pair = await start_embedded(settings.data_dir, postgres=not settings.database_url, redis=not settings.redis_url)
    watch = asyncio.create_task(_watch(pair, say), name="watch-embedded")
    try:
        yield pair, settings.database_url or pair.database_url, settings.redis_url or pair.redis_url
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await pair.stop()


async def _watch(pair: Embedded, say: Say) -> None:
    """Start a server again that died; one that cannot start is tried again for as long as we run."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            for name in await pair.ensure():
                say(f"{name} died and was started again")
        except OrchestratorError as error:
            say(f"{error.message}")


async def _migrate(environment: dict[str, str]) -> None:
    """In a process of its own: alembic and every table would stay in our memory for ever."""
    process = await asyncio.create_subprocess_exec(
        *_command("migrate"),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _MIGRATE_SECONDS)
    except TimeoutError as error:
        details = {"seconds": _MIGRATE_SECONDS}
        raise TimedOut(
            "The migrations took too long; does another process hold the database?", details=details
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        told = output.decode(errors="replace").strip()
        if told.startswith(_TOLD):
            message, _, hint = told.removeprefix(_TOLD).partition("\n")
            raise NotConfigured(message, field="DATABASE_URL", hint=hint.removeprefix("hint:").strip())
        raise Unavailable(f"The database could not be migrated:\n{told[-2000:]}")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *arguments]


async def _start_children(supervisor: Supervisor, settings: Settings, host: str, port: int) -> None:
    """The API first: it stops first too, so that nothing new comes in while the workers finish.

    Each takes seconds of CPU to load. On two cores the API and one worker load side by side; the others wait.
    """
    later = [(f"agent worker {number + 1}", _command("worker", "agents")) for number in range(settings.agent_workers)]
    later += [(f"heavy worker {number + 1}", _command("worker", "heavy")) for number in range(settings.heavy_workers)]
    later.append(("monitor", _command("monitor")))
    await supervisor.start("api", _command("api"))
    for number in range(settings.light_workers):
        await supervisor.start(f"light worker {number + 1}", _command("worker", "light"))
    await _wait_for(host, port, supervisor, ready=False)
    for name, command in later:
        await supervisor.start(name, command)


def _free_port(host: str, port: int) -> int:
    """The port itself if nobody listens on it; a free one for 0."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        hint = "Choose another: PORT=8001 make run. Or stop what listens there."
        raise NotConfigured(f"Cannot listen on {host}:{port}: {error.strerror}", field="PORT", hint=hint) from error


async def _wait_for(host: str, port: int, supervisor: Supervisor, *, ready: bool) -> None:
    """Until the API says it is ready, or answers at all; a child that keeps ending makes it an error."""
    end = time.monotonic() + _READY_SECONDS
    while (answer := await _ask_ready(host, port))[0] != 200:
        if answer[0] and not ready:
            return
        for child in supervisor.children:
            if child.ends >= _ENDS_BEFORE_GIVING_UP:
                raise Unavailable(f"The {child.name} does not start.", hint="Its messages stand above.")
        if time.monotonic() > end:
            raise TimedOut(
                f"Not ready after {_READY_SECONDS:g} s: {answer[1][:500]}", details={"seconds": _READY_SECONDS}
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _ask_ready(host: str, port: int) -> tuple[int, str]:
    """Status and body of GET /ready, by hand: an HTTP client costs more to import than this whole program."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET /ready HTTP/1.0\r\nHost: {_in_url(host)}\r\n\r\n".encode())
                head, _, body = (await reader.read(65536)).partition(b"\r\n\r\n")
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        return 0, str(error)
    fields = head.split(maxsplit=2)
    status = int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
    return status, body.decode(errors="replace")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
