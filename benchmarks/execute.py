"""POST /mcps/{id}/execute against calling the same server directly with the SDK, one call at a time."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from mcp import Client, StdioServerParameters

from benchmarks.load import Connection, request_bytes
from benchmarks.report import Row, percentile, row
from benchmarks.service import Service, free_port, running_service

_SERVER = str(Path(__file__).parent / "echo_server.py")
_CALLS = 150
_ROUNDS = 5


async def execute(folder: Path) -> list[Row]:
    """Over stdio and over HTTP; both sides alternate in one run."""
    port = free_port()
    remote = subprocess.Popen(
        [sys.executable, _SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with running_service(folder, light_workers=0) as service:
            stdio = {"name": "echo", "transport": "stdio", "command": sys.executable, "args": [_SERVER]}
            http = {"name": "remote", "transport": "streamable_http", "url": f"http://127.0.0.1:{port}/mcp"}
            rows = await _compare(
                service, "stdio", stdio, StdioServerParameters(command=sys.executable, args=[_SERVER])
            )
            return rows + await _compare(service, "http", http, http["url"])
    finally:
        remote.terminate()
        remote.wait(10)


async def _compare(service: Service, kind: str, entry: dict[str, Any], target: Any) -> list[Row]:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {service.token}"}, timeout=60) as client:
        answer = await client.post(f"{service.url}/api/v1/mcps", json=entry)
        answer.raise_for_status()
        path = f"/api/v1/mcps/{answer.json()['id']}/execute"
    request = request_bytes("POST", path, service.token, {"tool": "echo", "arguments": {"text": "x"}})
    connection = await Connection.open(service.port)
    ours, direct = [], []
    async with Client(target) as sdk:
        await sdk.list_tools()
        for _ in range(_ROUNDS):
            direct.append(await _p50(lambda: sdk.call_tool("echo", {"text": "x"})))
            ours.append(await _p50(lambda: _ask(connection, request)))
    ratios = [mine / theirs for mine, theirs in zip(ours, direct, strict=True)]
    return [
        row(f"execute_{kind}", f"POST /mcps/{{id}}/execute, {kind}, p50", [1000 * s for s in ours], "ms"),
        row(f"direct_{kind}", f"the SDK directly, {kind}, p50", [1000 * s for s in direct], "ms"),
        row(f"execute_ratio_{kind}", f"execute against direct, {kind}", ratios, "×", at_most=3, baseline="SDK = 1"),
    ]


async def _ask(connection: Connection, request: bytes) -> None:
    answer = await connection.ask(request)
    if answer.status != 200:
        raise RuntimeError(f"a call failed: {answer.body[:300]!r}")


async def _p50(call: Callable[[], Awaitable[object]]) -> float:
    seconds = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - started)
        await asyncio.sleep(0)
    return percentile(seconds, 0.5)
