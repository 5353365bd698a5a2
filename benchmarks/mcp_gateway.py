"""``tools/call`` through the MCP endpoint, and through other gateways, against the same call made directly over HTTP.

Both eras, over one thin client. Target and gateways are one process each. One is a direct call of the older era, as
where the goals come from; against a direct call of the newer era, which costs a server half as much, there are rows of
their own. Policy, record and metrics are on, as they always are. A relay of bytes shows what any process in between
costs on the machine at hand; rivals and the row with sleeping cores get fewer rounds, since theirs take so long.
"""

import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from benchmarks.awake import cores_awake
from benchmarks.mcp_calls import calls_to
from benchmarks.mcp_compare import Measured, compared
from benchmarks.mcp_rivals import RIVALS, Rival, Running, running
from benchmarks.report import NotMeasuredError, Row, not_measured, say
from benchmarks.service import Service, free_port, running_service

SERVER = str(Path(__file__).parent / "echo_server.py")
GOALS = (2.5, 1.7)
_THEIRS, _THEIR_ROUNDS = (20, 60), 3
_ASLEEP = (100, 200)


async def gateway(folder: Path) -> list[Row]:
    """Sequential latency and throughput at 20 connections, in ratios, ours and those of others."""
    port = free_port()
    server = subprocess.Popen([sys.executable, SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with running_service(folder / "service", light_workers=0) as service, AsyncExitStack() as stack:
            headers = await made_known(service, {"transport": "streamable_http", "url": f"http://127.0.0.1:{port}/mcp"})
            rivals, rows = await _rivals(port, folder, stack)
            base = await calls_to("legacy", port, "/mcp", {})
            for era in ("legacy", "modern"):
                direct = await calls_to(era, port, "/mcp", {})
                through = await calls_to(era, service.port, "/mcp/plain", headers)
                ours = Measured("gateway", "through /mcp", through, goals=GOALS)
                others, missing = await _others(era, rivals)
                with cores_awake():
                    rows += await compared(era, base, direct, [ours, *others]) + missing
                asleep = Measured(
                    "asleep", "through /mcp, cores not kept awake", through, _ASLEEP, rounds=_THEIR_ROUNDS
                )
                rows += (await compared(era, base, direct, [asleep]))[1:]
            return rows
    finally:
        server.terminate()
        server.wait(10)


async def made_known(service: Service, entry: dict[str, Any]) -> dict[str, str]:
    """Register the target, under an endpoint without prefixes; the headers of calls."""
    headers = {"Authorization": f"Bearer {service.token}"}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as client:
        made = await client.post("/api/v1/mcps", json={"name": "echo", **entry})
        made.raise_for_status()
        face = {"name": "plain", "servers": [made.json()["id"]], "prefix": False}
        (await client.post("/api/v1/mcps/endpoints", json=face)).raise_for_status()
    return headers


async def _rivals(port: int, folder: Path, stack: AsyncExitStack) -> tuple[list[tuple[Rival, Running]], list[Row]]:
    """Those that started, and a row for each that did not."""
    found, missing = [], []
    for rival in RIVALS:
        say(f"starting {rival.title}")
        try:
            found.append((rival, await stack.enter_async_context(running(rival, port, folder))))
        except NotMeasuredError as error:
            say(str(error))
            missing.append(not_measured(rival.name, rival.title, str(error)))
    return found, missing


async def _others(era: str, rivals: list[tuple[Rival, Running]]) -> tuple[list[Measured], list[Row]]:
    """Those that answer in this era, and a row for each that does not."""
    found, missing = [], []
    for rival, there in rivals:
        if era not in rival.eras:
            missing.append(not_measured(f"{rival.name}_{era}", f"{rival.title}, {era}", "it does not speak this era"))
            continue
        try:
            target = await calls_to(era, there.port, there.path, there.headers, there.tool)
            await target.one_after_another(5)
        except (httpx.HTTPError, RuntimeError, EOFError, OSError) as error:
            missing.append(not_measured(f"{rival.name}_{era}", f"{rival.title}, {era}", str(error)[:200]))
            continue
        found.append(Measured(rival.name, rival.title, target, _THEIRS, rounds=_THEIR_ROUNDS))
    return found, missing
