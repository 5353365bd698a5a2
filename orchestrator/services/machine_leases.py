"""What one attempt, or one criterion, has on this machine to itself while it lives: free ports, and folders by name.

Used by ``run_agent`` and the verifier, which hand them on as variables. An flock on a file says who has what: the
kernel lets go of it when its holder dies. A folder keeps what is in it for the next holder, if it is not too large.
"""

import asyncio
import fcntl
import os
import random
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from orchestrator.core.errors import Unavailable
from orchestrator.git.local import remove_tree
from orchestrator.services.disk_watch import measure

_MOST_FOLDERS = 1000
_MOST_TRIED = 2000
"""Ports looked at for one lease: a few microseconds each, and no thread that a cancelled caller would leave behind."""
_HOSTS = ("127.0.0.1", "0.0.0.0")  # noqa: S104 - asked whether it is free, never listened on


@dataclass(frozen=True, slots=True)
class Leased:
    """What was got: ports, and folders by their names."""

    ports: tuple[int, ...] = ()
    folders: tuple[tuple[str, Path], ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """``ORCHESTRATOR_PORTS``, ``ORCHESTRATOR_PORT_1`` and so on, ``ORCHESTRATOR_FOLDER_<NAME>``."""
        told = {f"ORCHESTRATOR_PORT_{number}": str(port) for number, port in enumerate(self.ports, 1)}
        if self.ports:
            told["ORCHESTRATOR_PORTS"] = " ".join(map(str, self.ports))
        return told | {f"ORCHESTRATOR_FOLDER_{name.upper()}": str(path) for name, path in self.folders}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folders."""
        return tuple(path for _, path in self.folders)


class MachineLeases:
    """Leases for work of one kind. ``names`` are the folders each gets, ``most_bytes`` what one may keep."""

    def __init__(
        self, root: Path, kind: str, *, ports: int, between: tuple[int, int], names: Sequence[str], most_bytes: int
    ) -> None:
        self._port_locks = root / "ports"
        self._folders = root / "folders" / kind
        self._ports, self._between = ports, between
        self._names = tuple(names)
        self._most = most_bytes

    @asynccontextmanager
    async def leased(self, project_id: UUID) -> AsyncIterator[Leased]:
        """Ports, and folders that only this project's work gets, for the block. Unavailable where none are free."""
        async with AsyncExitStack() as held:
            ports = self._take_ports(held)
            folders = [(name, self._folder(held, project_id, name)) for name in self._names]
            yield Leased(tuple(ports), tuple(folders))

    def _take_ports(self, held: AsyncExitStack) -> list[int]:
        first, last = self._between
        start, taken = random.randint(first, last), list[int]()  # noqa: S311 - only so that not all begin with one
        if self._ports:
            self._port_locks.mkdir(parents=True, exist_ok=True)
        for step in range(min(last - first + 1, _MOST_TRIED)):
            if len(taken) == self._ports:
                break
            port = first + (start - first + step) % (last - first + 1)
            lock = _lock(self._port_locks / str(port))
            if lock is not None and _is_free(port):
                held.callback(os.close, lock)
                taken.append(port)
            elif lock is not None:
                os.close(lock)
        if len(taken) == self._ports:
            return taken
        raise Unavailable(
            f"No {self._ports} ports between {first} and {last} are free.", hint="PORT_RANGE says which may be given."
        )

    def _folder(self, held: AsyncExitStack, project_id: UUID, name: str) -> Path:
        """The first folder of the name that nobody has; who works at the same time gets another one."""
        parent = self._folders / str(project_id)
        for number in range(1, _MOST_FOLDERS):
            path = parent / (name if number == 1 else f"{name}.{number}")
            lock = _lock_beside(path)
            if lock is not None:
                held.callback(os.close, lock)
                held.push_async_callback(self._trim, path)
                return path
        raise Unavailable(f"Every folder {name} of this project is in use.")

    async def _trim(self, path: Path) -> None:
        """Let go what a holder made too large, while it is still held."""
        if await asyncio.to_thread(measure, [path], self._most) > self._most:
            doomed = path.with_name(f".{path.name}.old")
            await remove_tree(doomed)
            os.rename(path, doomed)  # at once: whoever has it next must not see it go
            await remove_tree(doomed)


async def forget_projects(root: Path, left: Collection[UUID]) -> None:
    """Delete the folders of these projects."""
    for project_id in left:
        for kind in await asyncio.to_thread(_kinds, root):
            await remove_tree(kind / str(project_id))


def projects_with_folders(root: Path) -> set[UUID]:
    """The projects that have folders."""
    found = set()
    for kind in _kinds(root):
        for path in kind.iterdir():
            with suppress(ValueError):
                found.add(UUID(path.name))
    return found


def _kinds(root: Path) -> list[Path]:
    return list((root / "folders").glob("*"))


def _lock(path: Path) -> int | None:
    """A held lock, or None where somebody has it. The files stay: who removed one could not know who waits for it."""
    with ExitStack() as undo:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        undo.callback(os.close, handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        undo.pop_all()
        return handle


def _lock_beside(path: Path) -> int | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock(path.with_name(f".{path.name}.lock"))
    if lock is not None:
        path.mkdir(mode=0o700, exist_ok=True)
    return lock


def _is_free(port: int) -> bool:
    """Whether nobody listens there now."""
    for host in _HOSTS:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asked:
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                asked.bind((host, port))
            except OSError:
                return False
    return True
