"""A program that speaks the Agent Client Protocol and does what a script says: ``python -m …scripted.acp_process``.

Started by the ``agent:scripted-acp`` entry, tests, the demo and the benchmark. The script comes as JSON in the prompt;
any other prompt is answered. It also misbehaves as told: it crashes, floods, hangs, writes what is no message.
"""

import asyncio
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn, cast

import orjson
from acp import Agent, Client, run_agent
from acp.exceptions import RequestError
from acp.helpers import (
    plan_entry,
    start_tool_call,
    text_block,
    tool_content,
    tool_diff_content,
    update_agent_message_text,
    update_agent_thought_text,
    update_plan,
    update_tool_call,
)
from acp.schema import (
    AgentCapabilities,
    AllowedOutcome,
    AuthenticateResponse,
    AuthEnvVar,
    EnvVarAuthMethod,
    Implementation,
    InitializeResponse,
    LoadSessionResponse,
    McpCapabilities,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    SessionMode,
    SessionModeState,
    SetSessionModeResponse,
    ToolCallLocation,
    ToolCallUpdate,
    ToolKind,
)

from orchestrator.agents.scripted.script import Script, Step

_OPTIONS = [
    PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
    PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    PermissionOption(option_id="reject", name="Reject", kind="reject_once"),
]
_MODES = [SessionMode(id="act", name="Act"), SessionMode(id="ask", name="Ask")]
_WANTS_KEY = "SCRIPTED_KEY"
"""Where it has this variable it wants to be logged in with it first."""


class ScriptedProgram:
    """The agent's side of the conversation."""

    def __init__(self) -> None:
        self._client: Client
        self._root = Path.cwd()
        self._cancelled = asyncio.Event()
        self._turns: list[list[Step]] = []
        self._calls = 0
        self._servers: list[str] = []
        self._mode = "act"
        self._logged_in = _WANTS_KEY not in os.environ

    def on_connect(self, conn: Client) -> None:
        """Remember who we talk to."""
        self._client = conn

    async def initialize(self, protocol_version: int, **kwargs: Any) -> InitializeResponse:
        """Say hello."""
        info = Implementation(name="scripted", version="1")
        able = AgentCapabilities(load_session=True, mcp_capabilities=McpCapabilities(http=True))
        by_key = EnvVarAuthMethod(type="env_var", id="key", name="Key", vars=[AuthEnvVar(name=_WANTS_KEY)])
        return InitializeResponse(
            protocol_version=1,
            agent_capabilities=able,
            agent_info=info,
            auth_methods=[by_key] if not self._logged_in else [],
        )

    async def authenticate(self, method_id: str, **kwargs: Any) -> AuthenticateResponse:
        """Log in with the key it was started with."""
        self._logged_in = method_id == "key"
        return AuthenticateResponse()

    async def new_session(self, cwd: str, **kwargs: Any) -> NewSessionResponse:
        """A session in a folder."""
        if not self._logged_in:
            raise RequestError.auth_required()
        self._root = Path(cwd)
        self._servers = [server.url for server in kwargs.get("mcp_servers") or ()]
        modes = SessionModeState(current_mode_id=self._mode, available_modes=_MODES)
        return NewSessionResponse(session_id=f"scripted-{os.getpid()}", modes=modes)

    async def set_session_mode(self, mode_id: str, session_id: str, **kwargs: Any) -> SetSessionModeResponse:
        """Work in another mode; ``{mode}`` says which."""
        self._mode = mode_id
        return SetSessionModeResponse()

    async def load_session(self, cwd: str, session_id: str, **kwargs: Any) -> LoadSessionResponse:
        """Take up a session: what was said is said again, as the protocol wants it."""
        self._root = Path(cwd)
        if (kept := _state(session_id)) is not None and kept.exists():
            script = Script.model_validate(orjson.loads(kept.read_bytes()))
            self._turns = [*([script.steps] if script.steps else []), *script.turns]
        await self._client.session_update(session_id, update_agent_message_text("as we said before"))
        return LoadSessionResponse()

    async def cancel(self, session_id: str, **kwargs: Any) -> None:
        """Stop the turn."""
        self._cancelled.set()

    async def prompt(self, session_id: str, prompt: list[Any], **kwargs: Any) -> PromptResponse:
        """Do the script in the prompt, or the next turn of the one before."""
        self._cancelled.clear()
        steps = self._steps(prompt)
        for number, step in enumerate(steps):
            _keep(session_id, steps[number:], self._turns)
            doing = asyncio.ensure_future(self._do(session_id, step))
            stopping = asyncio.ensure_future(self._cancelled.wait())
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not doing.done():
                doing.cancel()
                return PromptResponse(stop_reason="cancelled")
            if not self._result(session_id, doing, steps[number + 1 :]):
                break
        _keep(session_id, [], self._turns)
        return PromptResponse(stop_reason="end_turn")

    def _result(self, session: str, doing: "asyncio.Future[bool]", left: list[Step]) -> bool:
        """How a step came out; one that failed is not done again by who takes up the session."""
        if doing.exception() is not None:
            _keep(session, left, self._turns)
        return doing.result()

    def _steps(self, prompt: list[Any]) -> list[Step]:
        text = prompt[0].text
        if (script := _script_in(text)) is not None:
            self._turns = [*script.turns]
            return list(script.steps)
        return self._turns.pop(0) if self._turns else [Step(do="say", text=f"You said: {text}")]

    async def _do(self, session: str, step: Step) -> bool:
        """One step; False when it was not allowed and the turn is over."""
        done: bool = await getattr(self, f"_{step.do}")(session, step)
        return done

    async def _say(self, session: str, step: Step) -> bool:
        text = step.text.replace("{mcp}", " ".join(self._servers)).replace("{mode}", self._mode)
        for _ in range(step.count):
            await self._client.session_update(session, update_agent_message_text(text))
        return True

    async def _told(self, session: str, text: str) -> bool:
        await self._client.session_update(session, update_agent_message_text(text))
        return True

    async def _think(self, session: str, step: Step) -> bool:
        await self._client.session_update(session, update_agent_thought_text(step.text))
        return True

    async def _plan(self, session: str, step: Step) -> bool:
        await self._client.session_update(session, update_plan([plan_entry(text) for text in step.steps]))
        return True

    async def _wait(self, session: str, step: Step) -> bool:
        await asyncio.sleep(step.seconds)
        return True

    async def _tool(self, session: str, step: Step) -> bool:
        for _ in range(step.count):
            call = await self._begin(session, step.tool or "search", step.text or step.tool, step.arguments)
            done = update_tool_call(call, status="completed", content=[tool_content(text_block(step.text))])
            await self._client.session_update(session, done)
        return True

    async def _read(self, session: str, step: Step) -> bool:
        answer = await self._client.read_text_file(session_id=session, path=self._path(step))
        return await self._told(session, answer.content)

    async def _write(self, session: str, step: Step) -> bool:
        return await self._edit(session, step, None, step.text)

    async def _replace(self, session: str, step: Step) -> bool:
        before = (await self._client.read_text_file(session_id=session, path=self._path(step))).content
        return await self._edit(session, step, before, before.replace(step.find, step.text))

    async def _edit(self, session: str, step: Step, before: str | None, after: str) -> bool:
        path = self._path(step)
        call = await self._begin(session, "edit", f"Edit {step.path}", {"path": path}, path)
        try:
            await self._client.write_text_file(session_id=session, path=path, content=after)
        except RequestError as error:
            told = update_tool_call(call, status="failed", content=[tool_content(text_block(str(error)))])
            await self._client.session_update(session, told)
            return await self._told(session, f"refused: {error}")
        content = [tool_diff_content(path, after, before)]
        await self._client.session_update(session, update_tool_call(call, status="completed", content=content))
        return True

    async def _run(self, session: str, step: Step) -> bool:
        try:
            made = await self._client.create_terminal(session_id=session, command=step.text)
        except RequestError as error:
            return await self._told(session, f"refused: {error}")
        ended = await self._client.wait_for_terminal_exit(session_id=session, terminal_id=made.terminal_id)
        output = await self._client.terminal_output(session_id=session, terminal_id=made.terminal_id)
        await self._client.release_terminal(session_id=session, terminal_id=made.terminal_id)
        return await self._told(session, f"{ended.exit_code}: {output.output}")

    async def _permit(self, session: str, step: Step) -> bool:
        self._calls += 1
        places = [ToolCallLocation(path=self._path(step))] if step.path else None
        kind = cast("ToolKind", step.tool or "other")
        wanted = ToolCallUpdate(
            tool_call_id=f"call-{self._calls}", title=step.text or step.tool, kind=kind, raw_input=step.arguments,
            locations=places,
        )  # fmt: skip
        answer = await self._client.request_permission(session_id=session, tool_call=wanted, options=_OPTIONS)
        outcome = answer.outcome
        chosen = outcome.option_id if isinstance(outcome, AllowedOutcome) else "nobody agreed"
        await self._told(session, f"[{chosen}]")
        return chosen in ("allow", "always")

    async def _ask(self, session: str, step: Step) -> bool:
        return await self._told(session, "the protocol has no question of this kind")

    async def _fail(self, session: str, step: Step) -> bool:
        raise RequestError(-32603, step.text or "the script says so")

    async def _crash(self, session: str, step: Step) -> NoReturn:
        sys.stderr.write(step.text or "it crashes as told")
        sys.stderr.flush()
        os._exit(step.count)

    async def _flood(self, session: str, step: Step) -> bool:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": step.text or "x"}}
        line = orjson.dumps(
            {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session, "update": update}}
        )
        _pour([line + b"\n"], step.count)
        return True

    async def _endless(self, session: str, step: Step) -> bool:
        _pour([b"x" * 65536], step.count // 65536 + 1)
        return True

    async def _garbage(self, session: str, step: Step) -> bool:
        _pour([step.text.encode() + b"\n"], step.count)
        return True

    async def _hang(self, session: str, step: Step) -> bool:
        while True:  # also when it is asked to stop
            await asyncio.shield(asyncio.sleep(3600))

    async def _spawn(self, session: str, step: Step) -> bool:
        """Leave a child behind that nobody waits for; its mark says which."""
        command = [sys.executable, "-c", f"import time; time.sleep({step.seconds})", step.text]
        subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)  # noqa: ASYNC220 - as told
        return True

    async def _begin(self, session: str, kind: str, title: str, given: Any, path: str | None = None) -> str:
        self._calls += 1
        call = f"call-{self._calls}"
        places = [ToolCallLocation(path=path)] if path else None
        told = start_tool_call(
            call,
            title,
            kind=cast("ToolKind", kind),
            status="in_progress",
            locations=places,
            raw_input=given,
        )
        await self._client.session_update(session, told)
        return call

    def _path(self, step: Step) -> str:
        return str(self._root / step.path)


def _script_in(text: str) -> Script | None:
    """The script a prompt is; one with words behind it is said, like any other."""
    try:
        return Script.model_validate(orjson.loads(text)) if text.startswith("{") else None
    except orjson.JSONDecodeError:
        return None


def _state(session: str) -> Path | None:
    """Where the session is kept: in the home that was lent to this program, never in that of who runs it."""
    home = os.environ.get("HOME", "")
    return Path(home) / f"{session}.json" if home and home != pwd.getpwuid(os.getuid()).pw_dir else None


def _keep(session: str, left: list[Step], turns: list[list[Step]]) -> None:
    if (place := _state(session)) is not None:
        place.write_text(Script(steps=left, turns=turns).model_dump_json())


def _pour(parts: list[bytes], times: int) -> None:
    """Write to stdout past the protocol, waiting for the reader: from now on this program has no manners."""
    os.set_blocking(1, True)
    with os.fdopen(os.dup(1), "wb") as out:
        for _ in range(times):
            out.writelines(parts)


def main() -> None:
    """Speak over stdin and stdout until stdin is closed."""
    asyncio.run(run_agent(cast("Agent", ScriptedProgram())))


if __name__ == "__main__":
    main()
