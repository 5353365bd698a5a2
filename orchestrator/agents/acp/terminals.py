"""The commands an agent has us run in its worktree: enclosed like itself, output bounded, ended with the run.

Used by the client side. A terminal gets none of the agent's secrets. Who may run what is asked before, elsewhere.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.agents.acp.files import relative
from orchestrator.agents.acp.process import AgentProcess
from orchestrator.core.errors import Conflict, InvalidInput, NotFound
from orchestrator.core.ids import new_id
from orchestrator.sandbox.environment import minimal_environment
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Wish

_MOST_OPEN = 16
_MOST_BYTES = 1024 * 1024
_CHUNK = 64 * 1024
_SHELL = "/bin/sh"


class _Terminal:
    """One command and the end of what it wrote."""

    def __init__(self, process: AgentProcess, most: int) -> None:
        self.process = process
        self._most = most
        self._kept = b""
        self.truncated = False
        self._reading = asyncio.create_task(self._read(), name="terminal")

    async def _read(self) -> None:
        while chunk := await self.process.reader.read(_CHUNK):
            whole = self._kept + chunk
            self.truncated = self.truncated or len(whole) > self._most
            self._kept = whole[-self._most :] if self._most else b""
        await self.process.exited()

    def output(self) -> str:
        """What is kept, cut at the border of a character."""
        kept = self._kept
        while self.truncated and kept and kept[0] & 0xC0 == 0x80:
            kept = kept[1:]
        return kept.decode("utf-8", "replace")

    async def wait(self) -> None:
        """Until the command has ended."""
        await asyncio.shield(self._reading)

    async def kill(self) -> None:
        """End the command and all it started; what it wrote stays."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.process.stop(0.0)


class Terminals:
    """The terminals of one run."""

    def __init__(
        self,
        starter: Starter,
        wish: Wish,
        root: Path,
        ours: Mapping[str, bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``environment`` is what every command gets beside what the agent gives it."""
        self._starter = starter
        self._wish = wish
        self._root = root
        self._ours = ours
        self._environment = dict(environment or {})
        self._open: dict[str, _Terminal] = {}

    async def create(
        self, command: str, args: Sequence[str], env: Mapping[str, str], cwd: str | None, most: int | None
    ) -> str:
        """Start a command; its terminal's id."""
        if len(self._open) >= _MOST_OPEN:
            raise Conflict(f"{_MOST_OPEN} terminals are open; release one first")
        environment = minimal_environment({**self._environment, **env})
        folder = self._root if cwd in (None, str(self._root)) else self._root.joinpath(*relative(self._root, str(cwd)))
        process = await AgentProcess.spawn(
            self._starter, self._words(command, args, environment, folder), environment=environment, wish=self._wish,
            cwd=folder, ours=self._ours, line_bytes=_CHUNK,
        )  # fmt: skip
        process.writer.close()
        identifier = str(new_id())
        self._open[identifier] = _Terminal(process, min(_MOST_BYTES if most is None else most, _MOST_BYTES))
        return identifier

    def get(self, identifier: str) -> _Terminal:
        """An open terminal."""
        if identifier not in self._open:
            raise NotFound("There is no such terminal.", field="terminalId")
        return self._open[identifier]

    async def release(self, identifier: str) -> None:
        """End and forget a terminal."""
        terminal = self.get(identifier)
        del self._open[identifier]
        await terminal.kill()

    async def close(self) -> None:
        """End them all."""
        terminals, self._open = list(self._open.values()), {}
        await asyncio.gather(*(terminal.kill() for terminal in terminals))

    def _words(self, command: str, args: Sequence[str], environment: Mapping[str, str], cwd: Path) -> tuple[str, ...]:
        """The command as the starter wants it; one that is a whole line goes to a shell, as agents mean it."""
        if "\0" in command or any("\0" in word for word in args):
            raise InvalidInput("A command holds no NUL.", field="command")
        if not args and len(command.split()) > 1:
            return (_SHELL, "-c", f"exec 2>&1; {command}")
        found = shutil.which(command, path=environment.get("PATH")) if "/" not in command else str(cwd / command)
        if found is None:
            raise NotFound(f"The command {command[:100]!r} was not found.", field="command")
        # Both streams in one, as a terminal shows them.
        return (_SHELL, "-c", 'exec "$@" 2>&1', "sh", found, *args)
