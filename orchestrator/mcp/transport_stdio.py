"""The stdio transport: a local server as a child process, JSON-RPC lines over its pipes.

Used by ``session`` only, as the transport of an SDK client. Where the SDK's own transport trusts the server, this one
starts it as its entry's sandbox says, bounds every line, keeps the last of stderr, tells a death at once, and ends all
that the server started.
"""

import asyncio
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, cast

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, jsonrpc_message_adapter

from orchestrator.core.errors import ServerUnreachable
from orchestrator.mcp.command import resolve_command
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.lines import LineSplitter, Oversized
from orchestrator.mcp.misshapen import misshapen_answer
from orchestrator.mcp.wire_errors import ANSWER_TOO_LARGE
from orchestrator.sandbox.ending import end, sweep
from orchestrator.sandbox.environment import minimal_environment
from orchestrator.sandbox.starter import Start, Starter

log = structlog.get_logger(__name__)

Item = SessionMessage | Exception

_STDERR_BYTES = 8192
_RUBBISH_LINES = 1000
_READ_AHEAD = 256
_FLOOD_BYTES = 64 * 1024 * 1024
_LAST_WORDS_SECONDS = 0.2
_GRACE_SECONDS = 1.0


class StdioTransport(asyncio.SubprocessProtocol):
    """One child process; an async context manager that yields the stream pair an SDK client wants."""

    def __init__(
        self,
        definition: ServerDefinition,
        starter: Starter,
        *,
        max_message_bytes: int,
        on_end: Callable[[str], None],
    ) -> None:
        self._definition = definition
        self._starter = starter
        self._max_bytes = max_message_bytes
        self._on_end = on_end
        self._splitter = LineSplitter(max_message_bytes)
        self._stderr = b""
        self._rubbish: deque[bytes] = deque(maxlen=3)
        self.rubbish_lines = 0
        self.misbehaved: str | None = None
        self.stopping = False
        self._ended = False
        self._process: asyncio.SubprocessTransport | None = None
        self._exited = asyncio.Event()
        self.start: Start | None = None
        self._backlog: deque[Item] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._send: MemoryObjectSendStream[Item]
        self._receive: MemoryObjectReceiveStream[Item]

    @property
    def pid(self) -> int | None:
        """The id of our child: the server's launcher, which stands for it."""
        return None if self._process is None else self._process.get_pid()

    def exit_reason(self) -> str | None:
        """How the process ended on its own, if it did."""
        code = None if self._process is None or self.stopping else self._process.get_returncode()
        if code is None:
            return None
        return f"was killed by signal {-code}" if code < 0 else f"exited with status {code}"

    def last_words(self) -> str:
        """The last lines of stderr, or of stdout where those were no messages; may hold secrets: redact before use."""
        text = self._stderr.decode(errors="replace").strip()
        if not text and self._rubbish:
            text = b"\n".join(self._rubbish).decode(errors="replace").strip()
        return "\n".join(text.splitlines()[-8:])[-1500:]

    async def __aenter__(self) -> tuple[MemoryObjectReceiveStream[Item], "_StdinStream"]:
        self._send, self._receive = anyio.create_memory_object_stream[Item](_READ_AHEAD)
        try:
            await self._spawn()
        except BaseException:
            # Cancelled or refused: nothing of a half-made start may stay.
            await self.__aexit__(None, None, None)
            raise
        return self._receive, _StdinStream(self)

    async def _spawn(self) -> None:
        environment = minimal_environment(self._definition.env)
        command = resolve_command(self._definition.command or "", environment)
        program = (command, *self._definition.args)
        wish = self._definition.sandbox
        self.start = await self._starter.start(program, environment=environment, wish=wish)
        if not self.start.enclosed and wish.mode != "off":
            log.warning("mcp_server_without_sandbox", server=self._definition.name, reason=self.start.open_because)
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self, *self.start.arguments, env=environment, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise ServerUnreachable(f"The command could not be started: {error}.", field="command") from error

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if self._process is not None and self._process.get_returncode() is None:
            self.stopping = True
        try:
            await self._stop()
        finally:
            if self._flushing is not None:
                self._flushing.cancel()
            self._close_streams()

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if (stdin := process.get_pipe_transport(0)) is not None:
            stdin.close()
        if (stdout := process.get_pipe_transport(1)) is not None:
            # What is still written is read and dropped: a full pipe would keep the server from leaving.
            cast("asyncio.ReadTransport", stdout).resume_reading()
        ending = asyncio.ensure_future(end(process.get_pid(), self._exited.wait, grace_seconds=_GRACE_SECONDS))
        try:
            await asyncio.shield(ending)
        finally:
            # Cancelled or not, the server must go before the pipes are let go.
            while not ending.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(ending)
            if process.get_returncode() == -signal.SIGKILL:
                # Nobody was left to take what the server started along.
                await asyncio.to_thread(sweep, process.get_pid())
            with suppress(PermissionError, ProcessLookupError):
                process.close()

    def _close_streams(self) -> None:
        self._send.close()
        self._receive.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The child runs."""
        self._process = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Bytes of stdout or stderr."""
        if fd == 2:
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]
        elif not self._ended:
            for line in self._splitter.feed(data):
                self._take(line)
            if self._splitter.pending > max(8 * self._max_bytes, _FLOOD_BYTES):
                self._give_up(f"wrote {self._splitter.pending} bytes without a line break")

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """A pipe is gone: without stdout there is no server."""
        if fd == 1:
            self._end("closed its stdout")
        elif fd == 0:
            self._writable.set()
            self._end("closed its stdin")

    def process_exited(self) -> None:
        """The child is dead. Something it started may still hold its stdout, and last words may be on the way."""
        self._exited.set()
        asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, self._end, "exited")

    def pause_writing(self) -> None:
        """The server does not read fast enough."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The server has caught up."""
        self._writable.set()

    # Lines in, messages out.

    def _take(self, line: bytes | Oversized) -> None:
        if isinstance(line, Oversized):
            self._take_oversized(line)
            return
        if not line.strip():
            return
        try:
            self._pass_on(SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False)))
        except ValueError:
            if (answer := misshapen_answer(line)) is not None:
                self._pass_on(SessionMessage(answer))
                return
            self._rubbish.append(line[:300])
            self.rubbish_lines += 1
            if self.rubbish_lines > _RUBBISH_LINES:
                self._give_up(f"wrote over {_RUBBISH_LINES} lines to stdout that are no JSON-RPC messages")

    def _take_oversized(self, line: Oversized) -> None:
        request_id = line.request_id
        if request_id is None:
            self._give_up(f"wrote a message of {line.size} bytes; the limit is {self._max_bytes}")
            return
        error = ErrorData(code=ANSWER_TOO_LARGE, message=f"{line.size} bytes; the limit is {self._max_bytes}")
        self._pass_on(SessionMessage(JSONRPCError(jsonrpc="2.0", id=request_id, error=error)))

    def _pass_on(self, message: SessionMessage) -> None:
        if not self._backlog:
            with suppress(anyio.WouldBlock):
                self._deliver(message)
                return
        self._backlog.append(message)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.ensure_future(self._flush())

    def _deliver(self, message: Item) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._send.send_nowait(message)

    async def _flush(self) -> None:
        """Hand the backlog over at the reader's pace, with the pipe paused meanwhile."""
        pipe = self._process.get_pipe_transport(1) if self._process else None
        stdout = cast("asyncio.ReadTransport | None", pipe)
        if stdout is not None and not stdout.is_closing():
            stdout.pause_reading()
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            while self._backlog:
                await self._send.send(self._backlog.popleft())
        if stdout is not None and not stdout.is_closing():
            stdout.resume_reading()
        if self._ended:
            self._send.close()

    def _give_up(self, why: str) -> None:
        self.misbehaved = self.misbehaved or why
        self._end(why)

    def _end(self, why: str) -> None:
        if self._ended:
            return
        self._ended = True
        if not self._backlog:
            self._send.close()
        self._on_end(why)

    async def write(self, message: SessionMessage) -> None:
        """Write one message, waiting while the server's pipe is full."""
        await self._writable.wait()
        stdin: Any = self._process.get_pipe_transport(0) if self._process else None
        if self._ended or stdin is None or stdin.is_closing():
            raise anyio.BrokenResourceError
        stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")


class _StdinStream:
    """The sending half for the SDK: straight to the pipe, without a task in between."""

    def __init__(self, transport: StdioTransport) -> None:
        self._transport = transport

    async def send(self, item: SessionMessage, /) -> None:
        await self._transport.write(item)

    async def aclose(self) -> None:
        """Nothing to do: the transport closes the pipe with the process."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to do, as in ``aclose``."""
