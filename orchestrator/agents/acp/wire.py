"""The pipes of an agent's process as the SDK's transport: one JSON message a line, everything bounded.

Used by the session. What an agent only tells (updates of its session) is taken here, in the order it came, before the
SDK sees it: a flood makes no task per message. A line without end, broken messages and floods end the conversation with
``fault`` set; a program that prints something else now and then is borne with.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

_UPDATE = "session/update"


@dataclass(frozen=True, slots=True)
class WireLimits:
    """Bytes and messages of one run. ``noise`` are lines that are no messages at all."""

    line: int = 16 * 1024 * 1024
    total: int = 512 * 1024 * 1024
    messages: int = 500_000
    noise: int = 200
    send_seconds: float = 60.0


class Wire:
    """One conversation. ``on_update`` gets the parameters of each session update."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_update: Callable[[Any], None],
        limits: WireLimits,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_update = on_update
        self._limits = limits
        self._bytes = self._messages = self._noise = 0
        self.heard = asyncio.Event()
        self.fault: str | None = None
        self.rubbish = b""

    async def send(self, message: dict[str, Any]) -> None:
        """Write one message; ConnectionError when the agent does not read it in time."""
        try:
            self._writer.write(orjson.dumps(message) + b"\n")
            async with asyncio.timeout(self._limits.send_seconds):
                await self._writer.drain()
        except TimeoutError as error:
            self._give_up("does not read what it is told")
            raise ConnectionError("the agent does not read") from error

    async def receive(self) -> dict[str, Any] | None:
        """The next request or answer; None at the end of the conversation, and once it cannot go on."""
        while self.fault is None:
            line = await self._line()
            if line is None:
                return None
            message = self._parse(line) if line.strip() else None
            if message is None:
                continue
            if message.get("method") == _UPDATE and "id" not in message:
                self._on_update(message.get("params"))
                # A buffer full of updates must not keep the loop from everybody else.
                await asyncio.sleep(0)
                continue
            return message
        return None

    async def close(self) -> None:
        """Close our end: a well-behaved agent leaves."""
        with suppress(OSError, RuntimeError):
            self._writer.close()

    async def _line(self) -> bytes | None:
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            self._give_up(f"wrote a line of more than {self._limits.line} bytes")
            return None
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.heard.set()
        self._bytes += len(line)
        self._messages += 1
        if self._bytes > self._limits.total or self._messages > self._limits.messages:
            self._give_up(f"flooded us: {self._messages} messages, {self._bytes} bytes")
            return None
        return line

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            self._note(line)
            return None
        if not isinstance(message, dict) or not _is_message(message):
            self._give_up(f"wrote what is no message of the protocol: {_shown(line)}")
            return None
        return message

    def _note(self, line: bytes) -> None:
        """A line that is no JSON: one that was meant as a message is a fault, others are the program's chatter."""
        self.rubbish = line[:300]
        self._noise += 1
        if line.lstrip().startswith(b"{"):
            self._give_up(f"wrote broken JSON: {_shown(line)}")
        elif self._noise > self._limits.noise:
            self._give_up(f"wrote over {self._limits.noise} lines that are no messages: {_shown(line)}")

    def _give_up(self, why: str) -> None:
        self.fault = self.fault or why


def _is_message(message: dict[str, Any]) -> bool:
    known_id = "id" not in message or (isinstance(message["id"], int | str) and not isinstance(message["id"], bool))
    method = message.get("method")
    return known_id and ("id" in message if method is None else isinstance(method, str))


def _shown(line: bytes) -> str:
    return line[:120].decode("utf-8", "replace").strip()
