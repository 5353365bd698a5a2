"""``tools/call`` through the MCP endpoint against the same call made directly, in both eras, over one thin client.

The target and the gateway are one process each. Rounds alternate between them, so that the ratio is of one moment.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.load import Answer, Connection
from benchmarks.report import Row, percentile, row
from benchmarks.service import free_port, running_service

_SERVER = str(Path(__file__).parent / "echo_server.py")
_ROUNDS, _SEQUENTIAL, _AT_ONCE, _CONNECTIONS = 5, 150, 400, 20
_META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


@dataclass(frozen=True)
class _Target:
    """Where calls go, and the request as bytes, one for each connection: an id is unique within a session."""

    port: int
    requests: tuple[bytes, ...]


async def gateway(folder: Path) -> list[Row]:
    """Sequential latency and throughput at 20 connections, in ratios."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, _SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with running_service(folder, light_workers=0) as service:
            headers = {"Authorization": f"Bearer {service.token}"}
            async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as client:
                entry = {"name": "echo", "transport": "streamable_http", "url": f"http://127.0.0.1:{port}/mcp"}
                made = await client.post("/api/v1/mcps", json=entry)
                made.raise_for_status()
                face = {"name": "plain", "servers": [made.json()["id"]], "prefix": False}
                (await client.post("/api/v1/mcps/endpoints", json=face)).raise_for_status()
            rows: list[Row] = []
            for era in ("legacy", "modern"):
                direct = await _target(era, port, "/mcp", {})
                through = await _target(era, service.port, "/mcp/plain", headers)
                rows += await _compare(era, direct, through)
            return rows
    finally:
        server.terminate()
        server.wait(10)


async def _target(era: str, port: int, path: str, headers: dict[str, str]) -> _Target:
    """A prepared call; in the older era inside a session that is opened here."""
    params: dict[str, object] = {"name": "echo", "arguments": {"text": "hello"}}
    if era == "modern":
        params["_meta"] = _META
        headers = headers | {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "echo"}
    else:
        headers = headers | await _session(port, path, headers)
    numbers = range(1, _CONNECTIONS + 1)
    return _Target(port, tuple(_post(port, path, headers, number, params) for number in numbers))


async def _session(port: int, path: str, headers: dict[str, str]) -> dict[str, str]:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    accept = {"Accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers | accept, timeout=30) as client:
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
        session = {"Mcp-Session-Id": (await client.post(path, json=body)).headers["mcp-session-id"]}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await client.post(path, json=ready, headers=session)
    return session | {"MCP-Protocol-Version": "2025-11-25"}


def _post(port: int, path: str, headers: dict[str, str], number: int, params: dict[str, object]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()
    lines = [
        f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}",
        "Content-Type: application/json", "Accept: application/json, text/event-stream",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _compare(era: str, direct: _Target, through: _Target) -> list[Row]:
    latency: list[tuple[float, float]] = []
    throughput: list[tuple[float, float]] = []
    for number in range(_ROUNDS + 1):
        p50 = [await _sequential(one) for one in (direct, through)]
        rate = [await _at_once(one) for one in (direct, through)]
        if number:  # the first round warms both up
            latency.append((p50[0], p50[1]))
            throughput.append((rate[0], rate[1]))
    slower = [theirs / ours for theirs, ours in throughput]
    return [
        row(f"direct_p50_{era}", f"direct, {era}, p50", [1000 * mine for mine, _ in latency], "ms"),
        row(f"gateway_p50_{era}", f"through /mcp, {era}, p50", [1000 * mine for _, mine in latency], "ms"),
        row(
            f"gateway_ratio_{era}", f"one call after another through /mcp, {era}, p50",
            [ours / theirs for theirs, ours in latency], "×", at_most=2.5, baseline="direct = 1",
        ),
        row(
            f"gateway_slower_{era}", f"throughput at 20 connections through /mcp, {era}", slower, "× slower",
            at_most=1.7, baseline="direct = 1",
        ),
    ]  # fmt: skip


async def _sequential(target: _Target) -> float:
    connection = await Connection.open(target.port)
    answers = [_checked(await connection.ask(target.requests[0])) for _ in range(_SEQUENTIAL)]
    connection.close()
    return percentile([answer.seconds for answer in answers], 0.5)


async def _at_once(target: _Target) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(_some(target, number) for number in range(_CONNECTIONS)))
    return _AT_ONCE / (time.perf_counter() - started)


async def _some(target: _Target, number: int) -> None:
    connection = await Connection.open(target.port)
    for _ in range(_AT_ONCE // _CONNECTIONS):
        _checked(await connection.ask(target.requests[number]))
    connection.close()


def _checked(answer: Answer) -> Answer:
    if answer.status != 200 or b"hello" not in answer.body:
        raise RuntimeError(f"a call failed: {answer.status} {answer.body[:300]!r}")
    return answer
