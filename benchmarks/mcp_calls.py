"""Prepared ``tools/call`` requests of both eras over the thin client, and how fast a target answers them."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from benchmarks.load import Answer, Connection
from benchmarks.report import percentile

CONNECTIONS = 20
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


@dataclass(frozen=True)
class Target:
    """Where requests go, and the requests as bytes, one for each connection: an id is unique within a session."""

    port: int
    requests: tuple[bytes, ...]

    async def one_after_another(self, times: int) -> float:
        """The median of so many calls in seconds."""
        connection = await Connection.open(self.port)
        answers = [_checked(await connection.ask(self.requests[0])) for _ in range(times)]
        connection.close()
        return percentile([answer.seconds for answer in answers], 0.5)

    async def at_once(self, times: int) -> float:
        """Calls a second over all connections."""
        started = time.perf_counter()
        await asyncio.gather(*(self._some(number, times // CONNECTIONS) for number in range(CONNECTIONS)))
        return times / (time.perf_counter() - started)

    async def _some(self, number: int, times: int) -> None:
        connection = await Connection.open(self.port)
        for _ in range(times):
            _checked(await connection.ask(self.requests[number]))
        connection.close()


async def calls_to(era: str, port: int, path: str, headers: Mapping[str, str], tool: str = "echo") -> Target:
    """A prepared call of the echo tool; in the older era inside a session that is opened here."""
    params = {"name": tool, "arguments": {"text": "hello"}}
    return await requests_to(era, port, path, headers, "tools/call", params)


async def requests_to(
    era: str, port: int, path: str, headers: Mapping[str, str], method: str, params: Mapping[str, object]
) -> Target:
    """The same for any method."""
    told = dict(params)
    if era == "modern":
        told["_meta"] = META
        named = {"Mcp-Name": str(told["name"])} if "name" in told else {}
        headers = {**headers, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, **named}
    else:
        headers = {**headers, **await session(port, path, headers)}
    numbers = range(1, CONNECTIONS + 1)
    return Target(port, tuple(post(port, path, headers, method, told, number) for number in numbers))


async def session(port: int, path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Open a session of the older era: its headers; a server may go without an id."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    accept = {"Accept": "application/json, text/event-stream"}
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers={**headers, **accept}, timeout=30) as client:
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
        answer = await client.post(path, json=body)
        known = answer.raise_for_status().headers.get("mcp-session-id")
        named = {"MCP-Protocol-Version": "2025-11-25"} | ({"Mcp-Session-Id": known} if known else {})
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await client.post(path, json=ready, headers=named)
    return named


def post(
    port: int, path: str, headers: Mapping[str, str], method: str, params: Mapping[str, object], number: int
) -> bytes:
    """One whole HTTP request."""
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()
    lines = [
        f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}",
        "Content-Type: application/json", "Accept: application/json, text/event-stream",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _checked(answer: Answer) -> Answer:
    if answer.status != 200 or b"hello" not in answer.body or b'"isError":true' in answer.body:
        raise RuntimeError(f"a call failed: {answer.status} {answer.body[:300]!r}")
    return answer
