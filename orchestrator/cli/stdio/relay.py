"""Carries one client's messages to the service and the service's to the client, each as it is on the wire.

Used by ``mcp stdio``, for clients of both eras. Requests run beside each other; notices and answers of the client go in
their order. The newer era gets its headers here and is cancelled by hanging up; the older one has its session in
``stdio_session``. Every request is answered: by the service, or by an error that says why not.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2

from orchestrator.cli.stdio.endpoint import McpHttp, Told, messages
from orchestrator.cli.stdio.messages import (
    HEADER_MISMATCH,
    Message,
    RequestId,
    Unreadable,
    answered_as,
    failure,
    notice,
    read,
    routing_headers,
)
from orchestrator.cli.stdio.session import Session, SessionGone, Sessions
from orchestrator.core.errors import OrchestratorError, RateLimited, Unavailable
from orchestrator.mcp.lines import Oversized

_AT_ONCE = 100
_MOST, _MOST_BYTES = 2000, 16 * 1024 * 1024
_PATIENCE_SECONDS = 60.0
_LISTING = "orchestrator-stdio-tools"
_ASKS_FOR_HEADERS = b'"x-mcp-header"'

Write = Callable[[bytes], Awaitable[None]]
Places = dict[str, dict[tuple[str, ...], str]]


class _HeadersWanted(Exception):
    """The service wants arguments of this tool repeated in headers; it has not called it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    task: asyncio.Task[None]
    message: Message


class StdioRelay:
    """One client. ``write`` takes lines for it, ``say`` words for people."""

    def __init__(self, http: McpHttp, write: Write, say: Callable[[str], None]) -> None:
        self._http = http
        self._write = write
        self._say = say
        self._sessions = Sessions(http, self._hear, say)
        self._running: dict[RequestId, _Running] = {}
        self._greeting: asyncio.Task[None] | None = None
        self._questions: dict[RequestId, Session] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._bytes = 0
        self._freed = asyncio.Event()
        self._places: Places = {}

    async def take(self, line: bytes | Oversized) -> None:
        """One line of the client; returns when the next one may be taken."""
        if isinstance(line, bytes) and not line.strip():
            return
        try:
            message = read(line)
        except Unreadable as error:
            await self._write(error.answer)
            return
        if message.version is None and message.method != "initialize" and self._greeting is not None:
            await asyncio.wait({self._greeting})  # a client may go on writing; until then there is no session
        if message.method is None:
            await self._reply(message)
        elif "id" in message.wire:
            await self._begin(message)
        elif message.method == "notifications/cancelled":
            await self._cancel(message)
        else:
            await self._notify(message)

    async def settled(self, seconds: float) -> None:
        """Wait until all requests are answered, for some time at most."""
        if tasks := [one.task for one in self._running.values() if one.message.method != "subscriptions/listen"]:
            await asyncio.wait(tasks, timeout=seconds)

    async def aclose(self) -> None:
        """Give up what runs, and the session."""
        tasks = [one.task for one in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sessions.aclose()

    # What the client says.

    async def _begin(self, message: Message) -> None:
        if not await self._room(len(message.line)):
            await self._write(failure(message.id, RateLimited("Too many requests are under way; wait for answers.")))
            return
        if (before := self._running.get(message.id)) is not None:
            before.task.cancel()  # a client that uses an id again waits for the later answer
        task = asyncio.create_task(self._answer(message), name="mcp request")
        self._running[message.id] = one = _Running(task, message)
        if message.method == "initialize":
            self._greeting = task
        self._bytes += len(message.line)
        task.add_done_callback(lambda _: self._ended(one))

    async def _room(self, size: int) -> bool:
        """Take no more than can be held: a client that writes and does not read is waited for, though not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while self._running and (len(self._running) >= _MOST or self._bytes + size > _MOST_BYTES):
                    self._freed.clear()
                    await self._freed.wait()
                return True
        return False

    def _ended(self, one: _Running) -> None:
        self._freed.set()
        self._bytes -= len(one.message.line)
        if self._running.get(one.message.id) is one:
            del self._running[one.message.id]

    async def _answer(self, message: Message) -> None:
        """See to it that a request is answered, whatever happens."""
        try:
            async with self._slots:
                await self._exchange(message)
        except OrchestratorError as error:
            await self._write(failure(message.id, error))
        except Exception as error:  # noqa: BLE001 - the edge of a request: nobody else would tell the client
            self._say(f"{message.method} failed here: {type(error).__name__}: {error}")
            await self._write(failure(message.id, Unavailable(f"The door over stdio failed: {type(error).__name__}.")))

    async def _exchange(self, message: Message) -> None:
        old = message.version is None and message.method != "initialize"
        session = self._sessions.current if old else None
        try:
            await self._send(message, session)
        except _HeadersWanted:
            await self._learn(message)
            await self._send(message, None, last=True)
        except SessionGone:
            assert session is not None
            session = await self._sessions.renewed(session)
            await self._send(message, session, last=True)

    async def _send(self, message: Message, session: Session | None, *, last: bool = False) -> None:
        async with self._http.send("POST", self._headers(message, session), message.line) as answer:
            if session is not None and answer.status_code == 404:
                if last:
                    raise Unavailable("The session ended as soon as it was opened again.")
                raise SessionGone
            async for told in messages(answer):
                if "method" in told[1]:
                    await self._hear(told, session)
                    continue
                if _wants_headers(message, told[1]) and not last:
                    raise _HeadersWanted
                await self._pass_on(message, told, answer.headers)
                return
        raise Unavailable("The service hung up before it answered.")

    def _headers(self, message: Message, session: Session | None) -> dict[str, str]:
        if message.version is None:
            return session.headers if session is not None else {}
        headers = routing_headers(message)
        if message.method == "tools/call" and (places := self._places.get(str(message.params.get("name")))):
            from orchestrator.mcp.param_headers import headers_of  # noqa: PLC0415  heavy: it loads the SDK

            headers |= headers_of(places, message.params.get("arguments"))
        return headers

    async def _pass_on(self, message: Message, told: Told, headers: httpx2.Headers) -> None:
        """The answer to a request, once what it means for us is known."""
        raw, wire = told
        if "result" in wire:
            if message.method == "initialize":
                self._sessions.opened(message, headers, wire["result"])
            elif message.method == "tools/list" and message.version is not None and _ASKS_FOR_HEADERS in raw:
                await self._remember(wire)
            self._sessions.note(message)
        await self._write(raw if wire.get("id") == message.id else answered_as(wire, message.id))

    async def _notify(self, message: Message) -> None:
        """Clients of the newer era have no notices but the one that cancels."""
        session = self._sessions.current
        if session is None:
            self._say(f"{message.method} was not sent: there is no session it could belong to")
            return
        await self._tell(message, session)
        if message.method == "notifications/initialized":
            self._sessions.ready(message)

    async def _cancel(self, message: Message) -> None:
        """Hanging up cancels in the newer era, the notice in the older one; there, too, nobody waits any more."""
        told = message.params.get("requestId")
        one = self._running.get(told) if isinstance(told, str | int) else None
        if one is None or one.message.method == "initialize":
            return
        one.task.cancel()  # first of all: the service answers the notice by an error, and nobody is to hear it
        if one.message.version is None and self._sessions.current is not None:
            await self._tell(message, self._sessions.current)

    async def _reply(self, message: Message) -> None:
        """The client's answer to a question, to the session that asked; another one never asked it."""
        session = self._questions.pop(message.id, None)
        if session is None or session is not self._sessions.current:
            self._say("an answer was not sent: nobody waits for it")
            return
        await self._tell(message, session)

    async def _tell(self, message: Message, session: Session) -> None:
        try:
            async with self._http.send("POST", session.headers, message.line) as answer:
                if answer.status_code == 404:
                    await self._forget_questions(session)
                    return
                async for _, wire in messages(answer):
                    self._say(f"{message.method or 'an answer'} was refused: {str(wire.get('error'))[:300]}")
        except OrchestratorError as error:
            self._say(f"{message.method or 'an answer'} was not sent: {error.message}")

    # What the service says.

    async def _hear(self, told: Told, session: Session | None) -> None:
        """A notice or a question on its way to the client."""
        raw, wire = told
        key = wire.get("id")
        if isinstance(key, str | int) and session is not None:
            self._questions[key] = session
        elif wire["method"] == "notifications/cancelled":
            self._take_back(wire.get("params"))
        if session is not None and session is self._sessions.current:
            await self._forget_questions(session)
        await self._write(raw)

    def _take_back(self, params: object) -> None:
        key = params.get("requestId") if isinstance(params, dict) else None
        if isinstance(key, str | int):
            self._questions.pop(key, None)

    async def _forget_questions(self, current: Session) -> None:
        """Questions of a session that is gone are taken back: their answers would reach nobody."""
        for key in [key for key, asked in self._questions.items() if asked is not current]:
            del self._questions[key]
            await self._write(notice("notifications/cancelled", requestId=key, reason="The session has ended."))

    # Arguments in headers.

    async def _learn(self, message: Message) -> None:
        """Ask for the tools, since this client has not, or long ago."""
        params = {"_meta": message.params.get("_meta")}
        body = Message(b"", {"jsonrpc": "2.0", "id": _LISTING, "method": "tools/list", "params": params})
        wire, _ = await self._http.ask(routing_headers(body), answered_as(body.wire, _LISTING))
        await self._remember(wire)

    async def _remember(self, wire: dict[str, Any]) -> None:
        from orchestrator.mcp.param_headers import of_list  # noqa: PLC0415  heavy: it loads the SDK

        self._places = of_list((wire.get("result") or {}).get("tools"))


def _wants_headers(message: Message, wire: dict[str, Any]) -> bool:
    error = wire.get("error")
    return message.method == "tools/call" and isinstance(error, dict) and error.get("code") == HEADER_MISMATCH
