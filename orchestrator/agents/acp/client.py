"""What an agent may ask of us: leave to act, files of its worktree, commands. The client half of the SDK's connection.

Used by the session. Rules that forbid hold for everything it asks, also for what it does not ask leave for. Errors of
ours become the protocol's; the agent goes on and may do something else.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from acp.exceptions import RequestError
from acp.schema import (
    AllowedOutcome,
    CreateTerminalResponse,
    DeniedOutcome,
    EnvVariable,
    KillTerminalResponse,
    PermissionOption,
    ReadTextFileResponse,
    ReleaseTerminalResponse,
    RequestPermissionResponse,
    TerminalExitStatus,
    TerminalOutputResponse,
    ToolCallUpdate,
    WaitForTerminalExitResponse,
    WriteTextFileResponse,
)

from orchestrator.agents.acp.config import Unruled
from orchestrator.agents.acp.files import read_text, relative, write_text
from orchestrator.agents.acp.kinds import understood
from orchestrator.agents.acp.terminals import Terminals
from orchestrator.agents.base import Action, Choice, People, pick
from orchestrator.core.errors import DeniedByPolicy, NotFound, OrchestratorError

Answer = TypeVar("Answer")
_MOST_CHOICES = 16


class Client:
    """The answers of one run."""

    def __init__(
        self,
        root: Path,
        people: People | None,
        unruled: Unruled,
        terminals: Terminals | None,
        *,
        files: bool,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        self._root = root
        self._people = people
        self._unruled = unruled
        self._terminals = terminals
        self._files = files
        self._kinds = kinds or {}
        self.closing = False
        self.cost: float | None = None
        self.hear: Callable[[ToolCallUpdate], None] = lambda _: None
        """Told what leave is asked for, before anybody is asked."""

    def on_connect(self, conn: Any) -> None:
        """Nothing to remember of the connection."""

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **kwargs: Any
    ) -> RequestPermissionResponse:
        """Leave to act, by rule or by a person; the agent offers the answers."""
        tool_call = understood(tool_call, self._kinds)
        self.hear(tool_call)
        choices = [Choice(one.option_id, _in_words(one)[:200], one.kind) for one in options[:_MOST_CHOICES]]
        chosen = None if self.closing else await _translated(self._permit(self._action(tool_call), choices))
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=chosen.id))

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **kwargs: Any
    ) -> ReadTextFileResponse:
        """A file of the worktree."""
        self._need(self._files, "fs/read_text_file")
        await self._check("read", f"read {path[:300]}", path=path)
        text = await _translated(asyncio.to_thread(read_text, self._root, path, line, limit))
        return ReadTextFileResponse(content=text)

    async def write_text_file(self, session_id: str, path: str, content: str, **kwargs: Any) -> WriteTextFileResponse:
        """Write a file of the worktree."""
        self._need(self._files, "fs/write_text_file")
        await self._check("edit", f"write {path[:300]}", path=path)
        await _translated(asyncio.to_thread(write_text, self._root, path, content))
        return WriteTextFileResponse()

    async def create_terminal(
        self,
        session_id: str,
        command: str,
        args: list[str] | None = None,
        env: list[EnvVariable] | None = None,
        cwd: str | None = None,
        output_byte_limit: int | None = None,
        **kwargs: Any,
    ) -> CreateTerminalResponse:
        """Start a command in the worktree."""
        terminals = self._need(self._terminals, "terminal/create")
        line = " ".join([command, *(args or ())])
        await self._check("execute", f"run {line[:300]}", command=line)
        given = {one.name: one.value for one in (env or ())[:100]}
        made = terminals.create(command, args or (), given, cwd, output_byte_limit)
        return CreateTerminalResponse(terminal_id=await _translated(made))

    async def terminal_output(self, session_id: str, terminal_id: str, **kwargs: Any) -> TerminalOutputResponse:
        """What a command wrote so far."""
        terminal = await _translated(self._terminal(terminal_id))
        code = terminal.process.exit_code
        return TerminalOutputResponse(
            output=terminal.output(), truncated=terminal.truncated,
            exit_status=None if code is None else TerminalExitStatus(**_exit(code)),
        )  # fmt: skip

    async def wait_for_terminal_exit(
        self, session_id: str, terminal_id: str, **kwargs: Any
    ) -> WaitForTerminalExitResponse:
        """How a command ended, once it has."""
        terminal = await _translated(self._terminal(terminal_id))
        await terminal.wait()
        return WaitForTerminalExitResponse(**_exit(terminal.process.exit_code))

    async def kill_terminal(self, session_id: str, terminal_id: str, **kwargs: Any) -> KillTerminalResponse:
        """End a command."""
        terminal = await _translated(self._terminal(terminal_id))
        await terminal.kill()
        return KillTerminalResponse()

    async def release_terminal(self, session_id: str, terminal_id: str, **kwargs: Any) -> ReleaseTerminalResponse:
        """End a command and forget it."""
        terminals = self._need(self._terminals, "terminal/release")
        await _translated(terminals.release(terminal_id))
        return ReleaseTerminalResponse()

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """No extension is known."""
        raise RequestError.method_not_found(f"_{method}")

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Extensions that only tell something are not heard."""

    async def _permit(self, action: Action, choices: Sequence[Choice]) -> Choice | None:
        if self._people is not None:
            return await self._people.permit(action, choices, self._unruled)
        # Nobody is there: what would have to be asked is refused.
        return pick(choices, allow=self._unruled == "allow")

    async def _check(self, tool: str, title: str, *, path: str = "", command: str = "") -> None:
        """Refuse what a rule forbids; what no rule forbids is the agent's own affair in its own tree."""
        if self._people is None:
            return
        paths = ("/".join(await _translated(_relative(self._root, path))),) if path else ()
        why = await self._people.forbids(Action(tool, title, paths, command, cost=self.cost))
        if why is not None:
            raise _as_theirs(DeniedByPolicy(why))

    def _action(self, call: ToolCallUpdate) -> Action:
        given = call.raw_input if isinstance(call.raw_input, dict) else {}
        # One that tells no arguments (Gemini CLI) has the command as the call's title.
        command = given.get("command", "") or (call.title or "" if call.kind == "execute" else "")
        words = " ".join(map(str, command)) if isinstance(command, list) else str(command)
        prefix = f"{self._root}/"
        places = [os.path.normpath(os.path.join(self._root, place.path)) for place in (call.locations or ())[:50]]
        paths = tuple("." if place + "/" == prefix else place.removeprefix(prefix)[:500] for place in places)
        tool = str(call.kind or "other")
        title = (call.title or words or tool)[:1000]
        return Action(tool, title, paths, words[:20_000], call.raw_input, self.cost)

    async def _terminal(self, identifier: str) -> Any:
        return self._need(self._terminals, "terminal").get(identifier)

    @staticmethod
    def _need(part: Answer, method: str) -> Any:
        if not part:
            raise RequestError.method_not_found(method)
        return part


async def _relative(root: Path, path: str) -> tuple[str, ...]:
    return relative(root, path)


async def _translated(work: Awaitable[Answer]) -> Answer:
    try:
        return await work
    except OrchestratorError as error:
        raise _as_theirs(error) from error


def _in_words(option: PermissionOption) -> str:
    """An answer's name; one that only repeats its kind (Goose) is said as people would."""
    return option.name.replace("_", " ").capitalize() if option.name == option.kind else option.name


def _as_theirs(error: OrchestratorError) -> RequestError:
    if isinstance(error, NotFound):
        # The protocol's own words for its code: agents look for them before they write a file that is new.
        return RequestError(-32002, f"Resource not found: {error.message}", {"code": error.code})
    return RequestError(-32602, error.message, {"code": error.code})


def _exit(code: int | None) -> dict[str, Any]:
    if code is None:
        return {}
    return {"exit_code": code} if code >= 0 else {"signal": str(-code)}
