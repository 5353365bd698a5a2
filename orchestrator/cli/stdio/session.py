"""The session that a client of the older era has with the service, behind its back: opened, listened to, opened again.

Used by the stdio door. A service that was restarted knows no session; the client's own greeting opens another, and what
the client had set (log level, watched resources) is set again. The newer era has no sessions and comes not here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2

from orchestrator.cli.stdio.endpoint import McpHttp, Told, messages
from orchestrator.cli.stdio.messages import Message, notice
from orchestrator.core.errors import OrchestratorError, Unavailable

_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0
_DELETE_SECONDS = 1.0
_LISTS = ("tools", "prompts", "resources")

Hear = Callable[[Told, "Session"], Awaitable[None]]
Say = Callable[[str], None]


class SessionGone(Exception):
    """The service does not know a session any more; it has not read what was sent."""


@dataclass(eq=False)
class Session:
    """One session as the service gave it."""

    id: str
    version: str
    lists: tuple[str, ...]

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each message of it."""
        known = {"Mcp-Session-Id": self.id} if self.id else {}
        return {**known, "MCP-Protocol-Version": self.version}


@dataclass
class _Wishes:
    """What the client did to its session, to be done to the next one: lines as the client wrote them."""

    hello: Message | None = None
    ready: Message | None = None
    level: Message | None = None
    watched: dict[str, Message] = field(default_factory=dict)


class Sessions:
    """The present session of one client. ``hear`` gets what the service says outside of answers."""

    def __init__(self, http: McpHttp, hear: Hear, say: Say) -> None:
        self.current: Session | None = None
        self._http = http
        self._hear = hear
        self._say = say
        self._wishes = _Wishes()
        self._listening: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[Session] | None = None

    def opened(self, hello: Message, answer: httpx2.Headers | Mapping[str, str], result: object) -> None:
        """The client's greeting was answered."""
        self._stop_listening()
        self._wishes = _Wishes(hello)
        self.current = _session(answer, result)

    def note(self, message: Message) -> None:
        """Remember what a request changed in the session, once it was answered well."""
        uri = str(message.params.get("uri"))
        if message.method == "logging/setLevel":
            self._wishes.level = message
        elif message.method == "resources/subscribe":
            self._wishes.watched[uri] = message
        elif message.method == "resources/unsubscribe":
            self._wishes.watched.pop(uri, None)

    def ready(self, message: Message) -> None:
        """The client is ready: from now on it hears what the service has to say."""
        self._wishes.ready = message
        if self.current is not None and self.current.id and self._listening is None:
            self._listening = asyncio.create_task(self._listen(self.current), name="mcp listening")

    async def renewed(self, lost: Session) -> Session:
        """A session in the place of one that is gone; whoever comes second gets what the first one opened."""
        if self.current is not lost and self.current is not None:
            return self.current
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(lost), name="mcp session")
        return await asyncio.shield(self._renewing)  # its client may give up, the others wait on

    async def aclose(self) -> None:
        """End the session at the service, if that is quickly done."""
        tasks = [task for task in (self._listening, self._renewing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.current is None or not self.current.id:
            return
        with suppress(OrchestratorError, TimeoutError):
            async with asyncio.timeout(_DELETE_SECONDS), self._http.send("DELETE", self.current.headers):
                pass

    async def _renew(self, lost: Session) -> Session:
        hello = self._wishes.hello
        assert hello is not None
        wire, headers = await self._http.ask({}, hello.line)
        found = _session(headers, wire.get("result"))
        if "result" not in wire or found.version != lost.version:
            why = f"Its answer is {str(wire.get('error'))[:200]}." if "error" in wire else "It speaks another revision."
            raise Unavailable(f"The session is gone, and no other could be opened: start this client again. {why}")
        self._stop_listening()
        self.current = found
        await self._set_again(found)
        self._say("the session had expired and was opened again")
        for kind in found.lists:  # nobody told of what changed meanwhile
            line = notice(f"notifications/{kind}/list_changed")
            await self._hear((line, {"method": f"notifications/{kind}/list_changed"}), found)
        return found

    async def _set_again(self, session: Session) -> None:
        wishes = self._wishes
        if wishes.ready is not None:
            async with self._http.send("POST", session.headers, wishes.ready.line):
                pass
            self.ready(wishes.ready)
        for message in (wishes.level, *wishes.watched.values()):
            if message is not None:
                wire, _ = await self._http.ask(session.headers, message.line)
                if "error" in wire:
                    self._say(f"{message.method} could not be repeated: {str(wire['error'])[:200]}")

    def _stop_listening(self) -> None:
        if self._listening is not None and self._listening is not asyncio.current_task():
            self._listening.cancel()
        self._listening = None

    async def _listen(self, session: Session) -> None:
        """Hear what the service says of itself, for as long as the session lives; not every service has that."""
        pause = _PAUSE_SECONDS
        while True:
            try:
                if await self._heard_out(session):
                    return
                pause = _PAUSE_SECONDS
            except OrchestratorError as error:
                self._say(f"nothing is heard of changes until the service is back: {error.message}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _heard_out(self, session: Session) -> bool:
        """One stream, to its end; whether this session has no other."""
        async with self._http.send("GET", session.headers) as answer:
            if answer.status_code == 405:
                return True
            if answer.status_code != 404:
                async for told in messages(answer):
                    await self._hear(told, session)
                return False
        await self.renewed(session)
        return True


def _session(headers: Mapping[str, str], result: object) -> Session:
    told = result if isinstance(result, Mapping) else {}
    offered = told.get("capabilities")
    can = offered if isinstance(offered, Mapping) else {}
    lists = tuple(kind for kind in _LISTS if isinstance(can.get(kind), Mapping) and can[kind].get("listChanged"))
    return Session(headers.get("mcp-session-id", ""), str(told.get("protocolVersion", "")), lists)
