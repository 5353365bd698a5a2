"""Memory of the API process and the time of ``tools/list`` with 50 servers of 100 tools and 100 connected clients.

Half of the clients speak the older era, every fifth listens for changes. Every server is called once, so that all
sessions are open. The servers are one other process; only the API's own memory counts.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.load import Connection, PlainConnection
from benchmarks.many_servers import SERVERS, TOOLS
from benchmarks.mcp_calls import Target, post, requests_to
from benchmarks.report import Row, percentile, row
from benchmarks.service import Service, free_port, running_service

_SERVER = str(Path(__file__).parent / "many_servers.py")
_CLIENTS, _LISTS = 100, 3
_READY_SECONDS = 60
_LISTEN = {
    "notifications": {"toolsListChanged": True},
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    },
}


@dataclass
class _Client:
    """One connected client: its prepared list request, its connections."""

    lists: Target
    connection: PlainConnection
    stream: Connection | None


async def memory(folder: Path) -> list[Row]:
    """Resident memory before and after, and the median of a list."""
    port = free_port()
    server = subprocess.Popen([sys.executable, _SERVER, str(port)])
    try:
        async with running_service(folder, light_workers=0, monitor=False) as service:
            before = _megabytes(service)
            headers = {"Authorization": f"Bearer {service.token}"}
            await _register(service, port, headers)
            await _call_each(service, headers)
            async with _clients(service, headers) as clients:
                seconds = [await asyncio.to_thread(_list, client) for _ in range(_LISTS) for client in clients]
                after = _megabytes(service)
        return [
            row("api_rss_before", "memory of the API without servers", [before], "MB"),
            row("api_rss", f"memory of the API, {SERVERS} servers × {TOOLS} tools, {_CLIENTS} clients", [after], "MB",
                at_most=300),
            row("tools_list_p50", f"tools/list of {SERVERS * TOOLS} tools, p50", [1000 * percentile(part, 0.5)
                for part in _parts(seconds)], "ms", at_most=10),
        ]  # fmt: skip
    finally:
        server.terminate()
        server.wait(10)


def _megabytes(service: Service) -> float:
    return float(psutil.Process(service.processes[0].pid).memory_info().rss) / 1e6


def _parts(seconds: list[float]) -> list[list[float]]:
    return [seconds[start : start + _CLIENTS] for start in range(0, len(seconds), _CLIENTS)]


async def _register(service: Service, port: int, headers: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as client:
        await _until_ready(f"http://127.0.0.1:{port}/0/mcp")
        for number in range(SERVERS):
            url = f"http://127.0.0.1:{port}/{number}/mcp"
            entry = {"name": f"many-{number}", "transport": "streamable_http", "url": url}
            made = await client.post("/api/v1/mcps", json=entry)
            made.raise_for_status()
            (await client.post(f"/api/v1/mcps/{made.json()['id']}/probe")).raise_for_status()


async def _until_ready(url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < deadline:
            try:
                await client.get(url)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return
    raise RuntimeError("the servers did not start")


async def _call_each(service: Service, headers: dict[str, str]) -> None:
    for number in range(SERVERS):
        params = {"name": f"many-{number}__tool_000", "arguments": {"argument_0": "x"}}
        target = await requests_to("modern", service.port, "/mcp", headers, "tools/call", params)
        connection = await Connection.open(service.port)
        answer = await connection.ask(target.requests[0])
        connection.close()
        if f"{number}: tool_000".encode() not in answer.body:
            raise RuntimeError(f"a call failed: {answer.status} {answer.body[:300]!r}")


@asynccontextmanager
async def _clients(service: Service, headers: dict[str, str]) -> AsyncIterator[list[_Client]]:
    clients: list[_Client] = []
    try:
        for number in range(_CLIENTS):
            clients.append(await _connect(service, headers, modern=number % 2 == 0, listens=number % 5 == 0))
        yield clients
    finally:
        for client in clients:
            client.connection.close()
            if client.stream is not None:
                client.stream.close()


async def _connect(service: Service, headers: dict[str, str], *, modern: bool, listens: bool) -> _Client:
    lists = await requests_to("modern" if modern else "legacy", service.port, "/mcp", headers, "tools/list", {})
    stream = None
    if listens:
        stream = await Connection.open(service.port)
        if modern:
            told = {**headers, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"}
            opened = post(service.port, "/mcp", told, "subscriptions/listen", _LISTEN, 1)
        else:
            # The session's own headers are in its list request: the same, asked for with GET.
            head, _, _ = lists.requests[0].partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n")[1:] if not line.startswith((b"Content-", b"Accept"))]
            opened = b"\r\n".join([b"GET /mcp HTTP/1.1", *lines, b"Accept: text/event-stream"]) + b"\r\n\r\n"
        await stream.read_until(opened, b"200 OK")
    return _Client(lists, PlainConnection(service.port), stream)


def _list(client: _Client) -> float:
    answer = client.connection.ask(client.lists.requests[0])
    if answer.status != 200 or answer.body.count(b'"tool_099"') + answer.body.count(b"__tool_099") < SERVERS:
        raise RuntimeError(f"a list is not whole: {answer.status} {answer.body[:300]!r}")
    return answer.seconds
