"""One run of an ACP agent: start it, open or take up a session, prompt, follow, and end it whole.

Loaded by the agent at the first run, because the SDK's shapes cost half a second. Whatever goes wrong with the program
or the protocol becomes AgentFailed with its last words; cancelling asks the agent first and then ends its process.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from acp import PROTOCOL_VERSION
from acp.client.connection import ClientSideConnection
from acp.exceptions import RequestError
from acp.interfaces import Client as TheirClient
from acp.schema import (
    ClientCapabilities,
    FileSystemCapabilities,
    HttpHeader,
    HttpMcpServer,
    Implementation,
    InitializeResponse,
    PromptResponse,
    SessionModeState,
    TextContentBlock,
)
from pydantic import ValidationError

from orchestrator import __version__
from orchestrator.agents.acp.client import Client
from orchestrator.agents.acp.config import Launch
from orchestrator.agents.acp.login import AUTH_REQUIRED, logged_in
from orchestrator.agents.acp.presence import resolve
from orchestrator.agents.acp.process import AgentProcess
from orchestrator.agents.acp.terminals import Terminals
from orchestrator.agents.acp.updates import Updates
from orchestrator.agents.acp.wire import Wire, WireLimits
from orchestrator.agents.base import AgentContext, AgentResult
from orchestrator.core.errors import AgentFailed, NotConfigured, OrchestratorError, QuotaReached, TimedOut
from orchestrator.core.events import EventKind
from orchestrator.core.quota import answer_says_stop, says_stop, wait_in_words
from orchestrator.core.spending import Usage
from orchestrator.sandbox.environment import minimal_environment
from orchestrator.sandbox.starter import Starter

_START_SECONDS = 120.0
_CANCEL_SECONDS = 3.0
_LEAVE_SECONDS = 1.0
_MOST_TURNS = 50
_SUMMARY_CHARS = 4000

Answer = TypeVar("Answer")


async def run(
    launch: Launch, prompt: str, context: AgentContext, starter: Starter, limits: WireLimits | None = None
) -> AgentResult:
    """The agent's answer to the prompt; what it changed is in the workspace."""
    limit = asyncio.timeout(context.limits.seconds)
    try:
        async with limit, _running(launch, context, starter, limits or WireLimits()) as session:
            return await session.carry_out(prompt)
    except TimeoutError as error:
        if not limit.expired():
            raise
        seconds = context.limits.seconds
        raise TimedOut(f"The agent took longer than {seconds:g} s.", details={"seconds": seconds}) from error


@asynccontextmanager
async def _running(
    launch: Launch, context: AgentContext, starter: Starter, limits: WireLimits
) -> AsyncIterator["_Session"]:
    """A started program with its conversation; ended whole afterwards."""
    command = await asyncio.to_thread(resolve, launch.commands)
    if command is None:
        names = " or ".join(command[0] for command in launch.commands)
        raise NotConfigured(f"{names} is not installed on the service's machine.", hint=launch.install or None)
    root = await asyncio.to_thread(_real, context.require_workspace())
    seen = {str(folder): False for folder in (*context.readable, *launch.folders)}
    seen |= {str(folder): True for folder in context.writable}
    inside = launch.wish.mode != "off" and (await starter.verdict()).possible
    home = context.home if inside else None
    own = {"HOME": str(home)} if home is not None else {}
    told = {**(launch.inside if inside else {}), **launch.env, **launch.secrets}
    process = await AgentProcess.spawn(
        starter, command, wish=launch.wish, cwd=root,
        environment=minimal_environment({**own, **context.environment, **told}),
        ours={str(root): True, **seen, **dict.fromkeys(own.values(), True)}, line_bytes=limits.line,
    )  # fmt: skip
    ours = {str(root): True, **seen}
    terminals = Terminals(starter, launch.wish, root, ours, context.environment) if launch.terminals else None
    try:
        _tell_start(context, process)
        session = _Session(launch, context, process, root, terminals, limits)
        try:
            yield session
        finally:
            await session.close()
    finally:
        if terminals is not None:
            await asyncio.shield(terminals.close())
        await process.stop(_LEAVE_SECONDS)


class _Session:
    """A conversation with a running program."""

    def __init__(
        self,
        launch: Launch,
        context: AgentContext,
        process: AgentProcess,
        root: Path,
        terminals: Terminals | None,
        limits: WireLimits,
    ) -> None:
        self._launch = launch
        self._context = context
        self._process = process
        self._root = root
        self._updates = Updates(context.tell, str(root), launch.kinds)
        self._client = Client(root, context.people, launch.unruled, terminals, files=launch.files, kinds=launch.kinds)
        self._client.hear = self._updates.asked
        self._wire = Wire(process.reader, process.writer, self._take, limits)
        self._connection = ClientSideConnection(cast("TheirClient", self._client), self._wire)
        self._too_many: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._id = ""
        self._modes: SessionModeState | None = None
        self._lent = AsyncExitStack()
        self._prompting = False
        self._turns: list[Any] = []

    async def carry_out(self, prompt: str) -> AgentResult:
        """The prompt and whatever people add meanwhile, turn by turn."""
        hello = await self._asked(self._hello(), _START_SECONDS)
        await self._asked(self._open(hello), _START_SECONDS)
        resumed = bool(self._context.go_on) and self._id == self._context.earlier_session
        first = [self._context.go_on] if resumed else [prompt, self._context.notes]
        answer = await self._prompt([*first, *await self._said()])  # words at a resume are heard at once
        turns = 1
        while turns < _MOST_TURNS and (said := await self._said()):
            answer = await self._prompt(list(said))
            turns += 1
        self._updates.finish()
        text = self._updates.answer
        if answer_says_stop(text):
            raise self._stopped(text)
        data: dict[str, Any] = {
            "answer": text, "finish": answer.stop_reason, "session": self._id, "turns": turns,
            "tool_calls": self._updates.tool_calls, "usage": self._used(answer),
        }  # fmt: skip
        if hello.agent_info is not None:
            data["agent"] = {"name": hello.agent_info.name[:200], "version": hello.agent_info.version[:100]}
        return AgentResult(text[:_SUMMARY_CHARS] or f"{self._launch.name} ended its turn and said nothing.", data)

    async def close(self) -> None:
        """End the conversation: a prompt that is under way is cancelled, and its answer waited for a moment."""
        self._client.closing = True
        self._updates.finish()
        await asyncio.shield(asyncio.create_task(self._wind_down()))

    async def _wind_down(self) -> None:
        with suppress(ConnectionError, RequestError, TimeoutError):
            if self._prompting and self._id and self._wire.fault is None and self._process.exit_code is None:
                async with asyncio.timeout(_CANCEL_SECONDS):
                    await self._connection.cancel(self._id)
        await self._connection.close()
        self._too_many.cancel()
        await self._lent.aclose()

    async def _hello(self) -> InitializeResponse:
        hello: InitializeResponse = await self._connection.initialize(
            PROTOCOL_VERSION,
            ClientCapabilities(
                fs=FileSystemCapabilities(read_text_file=self._launch.files, write_text_file=self._launch.files),
                terminal=self._launch.terminals,
            ),
            Implementation(name="orchestrator", version=__version__),
        )
        if hello.protocol_version != PROTOCOL_VERSION:
            raise AgentFailed(
                f"{self._launch.name} speaks version {hello.protocol_version} of the protocol; we speak "
                f"{PROTOCOL_VERSION}."
            )
        return hello

    async def _open(self, hello: InitializeResponse) -> None:
        """A new session, or that of an earlier attempt where the agent can take it up."""
        earlier, servers = self._context.earlier_session, await self._servers(hello)
        if earlier and await self._take_up(hello, earlier, servers):
            self._id = earlier
        else:
            made = self._logged_in(hello, lambda: self._connection.new_session(str(self._root), mcp_servers=[*servers]))
            opened = await made
            self._id, self._modes = opened.session_id, opened.modes
        self._context.tell(
            EventKind.LOG, message=f"session {self._id[:200]}", session=self._id[:200], resumed=self._id == earlier,
            folder=self._root.name,
        )  # fmt: skip
        await self._choose_mode()

    async def _choose_mode(self) -> None:
        """The mode its entry wants, where the session offers modes; that it has none of the name is told."""
        wanted, modes = self._launch.mode, self._modes
        if not wanted or modes is None or modes.current_mode_id == wanted:
            return
        if wanted in {one.id for one in modes.available_modes}:
            await self._connection.set_session_mode(self._id, wanted)
        else:
            self._context.tell(EventKind.LOG, message=f"its session has no mode {wanted!r}: it stays as it is")

    def _logged_in(self, hello: InitializeResponse, ask: Callable[[], Awaitable[Answer]]) -> Awaitable[Answer]:
        given = {name for name, value in {**self._launch.env, **self._launch.secrets}.items() if value}
        return logged_in(self._connection, hello, given, ask)

    async def _servers(self, hello: InitializeResponse) -> list[HttpMcpServer]:
        """Our own MCP endpoint, for a program that can and may reach it."""
        able = hello.agent_capabilities.mcp_capabilities if hello.agent_capabilities is not None else None
        lend = self._context.lend_mcp
        reaches = self._process.start.enclosed is False or self._launch.wish.network == "full"
        if lend is None or not self._launch.tools or not reaches or able is None or not able.http:
            return []
        access = await self._lent.enter_async_context(lend())
        header = HttpHeader(name="Authorization", value=f"Bearer {access.token}")
        return [HttpMcpServer(type="http", name=access.name, url=access.url, headers=[header])]

    async def _take_up(self, hello: InitializeResponse, earlier: str, servers: list[HttpMcpServer]) -> bool:
        """Whether the agent took up the earlier session: resumed without a replay, or loaded with one."""
        able = hello.agent_capabilities
        if able is None:
            return False
        sessions = able.session_capabilities
        resumes = sessions is not None and sessions.resume is not None
        if not resumes and not able.load_session:
            return False
        try:
            self._updates.replaying = not resumes
            connection = self._connection
            take: Callable[..., Awaitable[Any]] = connection.resume_session if resumes else connection.load_session
            told = {"session_id": earlier, "cwd": str(self._root), "mcp_servers": [*servers]}
            self._modes = (await self._logged_in(hello, lambda: take(**told))).modes
        except RequestError as error:
            self._context.tell(EventKind.LOG, message=f"the earlier session is gone: {str(error)[:300]}")
            return False
        finally:
            self._updates.replaying = False
        return True

    async def _prompt(self, texts: list[str]) -> PromptResponse:
        blocks = [TextContentBlock(type="text", text=text) for text in texts if text]
        self._prompting = True
        answer = await self._or_rest(self._asked(self._connection.prompt(self._id, list(blocks)), None))
        self._prompting = False
        if answer.usage is not None:
            self._turns.append(answer.usage)
            self._note()
        if answer.stop_reason == "end_turn":
            return answer
        what = {
            "max_tokens": "reached its limit of tokens", "max_turn_requests": "reached its limit of requests",
            "refusal": "refused to go on", "cancelled": "says that it was cancelled",
        }[answer.stop_reason]  # fmt: skip
        details = {"finish": answer.stop_reason, "usage": self._used(answer)}
        raise AgentFailed(f"{self._launch.name} {what}.", details=details)

    async def _or_rest(self, turn: Coroutine[Any, Any, PromptResponse]) -> PromptResponse:
        """The answer to a prompt; when a pause is asked for meanwhile the turn is cancelled, and Paused raised."""
        points = self._context.safe_points
        if points is None:
            return await turn
        prompting, asked = asyncio.create_task(turn), asyncio.create_task(points.asked())
        try:
            await asyncio.wait({prompting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not prompting.done():
                self._client.closing = True
                await self._connection.cancel(self._id)
                await asyncio.wait({prompting})
            failed = prompting.exception() is not None and asked.done()
            if failed or (asked.done() and prompting.result().stop_reason == "cancelled"):
                self._prompting = False
                await points.reached()
            return prompting.result()
        finally:
            for task in (prompting, asked):
                task.cancel()

    async def _said(self) -> list[str]:
        if self._context.people is None:
            return []
        texts = list(await self._context.people.said())
        for text in texts:
            self._context.tell(EventKind.MESSAGE, role="user", text=text)
        return texts

    def _take(self, params: Any) -> None:
        self._updates.take(params)
        self._client.cost = self._updates.usage.get("cost")
        self._note()
        most = self._context.limits.tool_calls
        if self._updates.tool_calls > most and not self._too_many.done():
            text = f"The agent made more than {most} tool calls."
            self._too_many.set_exception(AgentFailed(text, details={"limit": "tool_calls"}))

    def _note(self) -> None:
        """What the program says that it used: tokens turn by turn, money where it tells dollars."""
        if self._context.meter is None:
            return
        told = self._updates.usage
        money = told.get("cost") if str(told.get("currency", "")).upper() == "USD" else None
        tokens_in, tokens_out = (
            sum(getattr(turn, name) or 0 for turn in self._turns) for name in ("input_tokens", "output_tokens")
        )
        self._context.meter.note(Usage(tokens_in, 0, tokens_out, 0, money))

    async def _asked(self, question: Awaitable[Answer], seconds: float | None) -> Answer:
        """The agent's answer, unless it breaks the rules or leaves meanwhile."""
        asking = asyncio.ensure_future(question)
        try:
            both: set[asyncio.Future[Any]] = {asking, self._too_many}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._too_many.done():
                self._too_many.result()
            if not asking.done():
                raise AgentFailed(f"{self._launch.name} did not answer within {seconds:g} s of its start.")
            return asking.result()
        except RequestError as error:
            raise self._refused(error) from error
        except ValidationError as error:
            text = str(error.errors(include_url=False, include_input=False)[0]["msg"])[:300]
            raise AgentFailed(f"{self._launch.name} answered against the protocol: {text}") from error
        except ConnectionError as error:
            raise await self._left() from error
        finally:
            if not asking.done():
                asking.cancel()

    async def _left(self) -> OrchestratorError:
        """The conversation ended in the middle: because we had enough of it, or the program left."""
        if self._wire.fault is not None:
            return AgentFailed(f"{self._launch.name} {self._wire.fault}.")
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._process.exited()
        how = self._process.how_it_ended()
        return self._stopped(how) if says_stop(how) else AgentFailed(f"{self._launch.name} {how}")

    def _stopped(self, said: str) -> QuotaReached:
        """The agent's account takes no more."""
        seconds = wait_in_words(said, datetime.now(UTC))
        details = {"retry_after": seconds} if seconds is not None else {}
        return QuotaReached(f"{self._launch.name} is stopped by its provider: {said}", details=details)

    def _refused(self, error: RequestError) -> OrchestratorError:
        said = str(error)[:500]
        if isinstance(error.data, dict) and (more := error.data.get("details") or error.data.get("message")):
            said = f"{said}: {str(more)[:500]}"
        for secret in self._launch.secrets.values():
            said = said.replace(secret, "***") if secret else said
        if says_stop(said):
            return self._stopped(said)
        hint = None
        if error.code == AUTH_REQUIRED:
            hint = "log its program in on the service's machine, or pass its key on: see AGENT_SECRETS"
        return AgentFailed(f"{self._launch.name} reports an error: {said}", hint=hint, details={"code": error.code})

    def _used(self, answer: PromptResponse) -> dict[str, Any]:
        used = dict(self._updates.usage)
        if answer.usage is not None:
            used |= {"input_tokens": answer.usage.input_tokens, "output_tokens": answer.usage.output_tokens}
        return used


def _tell_start(context: AgentContext, process: AgentProcess) -> None:
    start = process.start
    if start.enclosed:
        context.tell(EventKind.LOG, message="works in a sandbox", sandbox=True)
    else:
        context.tell(EventKind.LOG, message=f"works without a sandbox: {start.open_because}", sandbox=False)


def _real(path: Path) -> Path:
    return path.resolve()
