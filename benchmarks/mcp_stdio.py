"""``tools/call`` through the MCP endpoint to a server over stdio, against the same call written to its pipe directly.

Both eras. The direct way is a thin client of lines, without anything of an SDK; through the endpoint the same server
runs in its sandbox, and the client comes over HTTP, as every client of a gateway does.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.awake import cores_awake
from benchmarks.mcp_calls import CONNECTIONS, META, calls_to
from benchmarks.mcp_compare import Measured, compared
from benchmarks.mcp_gateway import SERVER, made_known
from benchmarks.report import Row, percentile
from benchmarks.service import running_service

_SECONDS = 30.0
_CALL = {"name": "echo", "arguments": {"text": "hello"}}


class Pipe:
    """Calls of the echo tool over the pipes of one server process."""

    def __init__(self, process: Process, era: str) -> None:
        self._process = process
        self._params: dict[str, Any] = _CALL | ({"_meta": META} if era == "modern" else {})
        self._number = 0

    async def greet(self) -> None:
        """Open the session of the older era."""
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        await self._ask("initialize", hello)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def one_after_another(self, times: int) -> float:
        """The median of so many calls in seconds."""
        seconds = []
        for _ in range(times):
            started = time.perf_counter()
            await self._call()
            seconds.append(time.perf_counter() - started)
        return percentile(seconds, 0.5)

    async def at_once(self, times: int) -> float:
        """Calls a second, 20 of them under way."""
        started = time.perf_counter()
        for _ in range(CONNECTIONS):
            self._send("tools/call", self._params)
        for number in range(times):
            _checked(await self._line())
            if number + CONNECTIONS < times:
                self._send("tools/call", self._params)
        return times / (time.perf_counter() - started)

    async def _call(self) -> None:
        _checked(await self._ask("tools/call", self._params))

    async def _ask(self, method: str, params: dict[str, Any]) -> bytes:
        self._send(method, params)
        return await self._line()

    def _send(self, method: str, params: dict[str, Any]) -> None:
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        async with asyncio.timeout(_SECONDS):
            return await self._process.stdout.readline()


def _checked(line: bytes) -> None:
    if b"hello" not in line or b'"isError":true' in line:
        raise RuntimeError(f"a call failed: {line[:300]!r}")


@asynccontextmanager
async def _pipe(era: str) -> AsyncIterator[Pipe]:
    process = await create_subprocess_exec(sys.executable, SERVER, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    try:
        pipe = Pipe(process, era)
        if era == "legacy":
            await pipe.greet()
        yield pipe
    finally:
        process.kill()
        await process.communicate()


async def stdio(folder: Path) -> list[Row]:
    """Sequential latency and throughput with 20 calls under way, in ratios."""
    rows: list[Row] = []
    entry = {"transport": "stdio", "command": sys.executable, "args": [SERVER]}
    async with running_service(folder / "service", light_workers=0, ALLOW_STDIO_SERVERS="true") as service:
        headers = await made_known(service, entry)
        async with _pipe("legacy") as base, _pipe("modern") as newer:
            for era, direct in (("legacy", base), ("modern", newer)):
                through = await calls_to(era, service.port, "/mcp/plain", headers)
                ours = Measured("stdio", "through /mcp to a stdio server", through)
                with cores_awake():
                    rows += await compared(era, base, direct, [ours], called="direct over stdio")
    return rows
