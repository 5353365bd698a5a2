"""``tools/call`` through the MCP endpoint, and through other gateways, against the same call made directly.

Both eras, over one thin client. Target and gateways are one process each; rounds alternate between them, so that every
ratio is of one moment. One is a direct call of the older era, as where the goals come from; against a direct call of
the newer era, which costs a server half as much, there are rows of their own. Policy, record and metrics are on, as
they always are. A relay of bytes shows what any process in between costs on the machine at hand.
"""

import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.awake import cores_awake
from benchmarks.mcp_calls import Target, at_once, calls_to, one_after_another
from benchmarks.mcp_rivals import RIVALS, NotMeasuredError, Rival, Running, running
from benchmarks.report import Row, not_measured, row
from benchmarks.service import Service, free_port, running_service

_SERVER = str(Path(__file__).parent / "echo_server.py")
_ROUNDS = 5
_OURS, _THEIRS = (150, 400), (30, 100)
"""Calls of a round: one after another, and at 20 connections. Rivals get fewer, because theirs take so long."""


@dataclass
class _Measured:
    """One gateway in one era: its calls, how many a round, and ratios to direct calls of the same round.

    ``latency`` is against a direct call of the older era, ``own`` against one of its own era.
    """

    name: str
    title: str
    target: Target
    times: tuple[int, int]
    goals: tuple[float, float] | tuple[None, None] = (None, None)
    milliseconds: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    slower: list[float] = field(default_factory=list)

    def rows(self, era: str) -> list[Row]:
        """What was found."""
        most, slowest = self.goals
        return [
            row(f"{self.name}_p50_{era}", f"{self.title}, {era}, p50", self.milliseconds, "ms"),
            row(f"{self.name}_ratio_{era}", f"one call after another, {self.title}, {era}", self.latency, "×",
                at_most=most, baseline="direct, legacy = 1"),
            *self._against_own(era),
            row(f"{self.name}_slower_{era}", f"20 at once, {self.title}, {era}", self.slower, "× slower",
                at_most=slowest, baseline="direct = 1"),
        ]  # fmt: skip

    def _against_own(self, era: str) -> list[Row]:
        if era == "legacy":
            return []
        what = f"one call after another, {self.title}, {era}"
        return [row(f"{self.name}_ratio_own_{era}", what, self.own, "×", baseline=f"direct, {era} = 1")]


async def gateway(folder: Path) -> list[Row]:
    """Sequential latency and throughput at 20 connections, in ratios, ours and those of others."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, _SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with running_service(folder / "service", light_workers=0) as service, AsyncExitStack() as stack:
            headers = await _made_known(service, port)
            rows: list[Row] = []
            rivals = []
            for rival in RIVALS:
                try:
                    rivals.append((rival, await stack.enter_async_context(running(rival, port, folder))))
                except NotMeasuredError as error:
                    rows.append(not_measured(rival.name, rival.title, str(error)))
            base = await calls_to("legacy", port, "/mcp", {})
            for era in ("legacy", "modern"):
                direct = await calls_to(era, port, "/mcp", {})
                through = await calls_to(era, service.port, "/mcp/plain", headers)
                ours = _Measured("gateway", "through /mcp", through, _OURS, (2.5, 1.7))
                others, missing = await _others(era, rivals)
                with cores_awake():
                    rows += await _compared(era, base, direct, [ours, *others]) + missing
                asleep = _Measured("asleep", "through /mcp, cores not kept awake", through, _OURS)
                rows += (await _compared(era, base, direct, [asleep]))[1:]
            return rows
    finally:
        server.terminate()
        server.wait(10)


async def _made_known(service: Service, port: int) -> dict[str, str]:
    """Register the target, under an endpoint without prefixes; the headers of calls."""
    headers = {"Authorization": f"Bearer {service.token}"}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as client:
        entry = {"name": "echo", "transport": "streamable_http", "url": f"http://127.0.0.1:{port}/mcp"}
        made = await client.post("/api/v1/mcps", json=entry)
        made.raise_for_status()
        face = {"name": "plain", "servers": [made.json()["id"]], "prefix": False}
        (await client.post("/api/v1/mcps/endpoints", json=face)).raise_for_status()
    return headers


async def _others(era: str, rivals: list[tuple[Rival, Running]]) -> tuple[list[_Measured], list[Row]]:
    """Those that answer in this era, and a row for each that does not."""
    found, missing = [], []
    for rival, there in rivals:
        if era not in rival.eras:
            missing.append(not_measured(f"{rival.name}_{era}", f"{rival.title}, {era}", "it does not speak this era"))
            continue
        try:
            target = await calls_to(era, there.port, there.path, there.headers, there.tool)
            await one_after_another(target, 5)
        except (httpx.HTTPError, RuntimeError, EOFError, OSError) as error:
            missing.append(not_measured(f"{rival.name}_{era}", f"{rival.title}, {era}", str(error)[:200]))
            continue
        found.append(_Measured(rival.name, rival.title, target, _THEIRS))
    return found, missing


async def _compared(era: str, oldest: Target, direct: Target, gateways: list[_Measured]) -> list[Row]:
    milliseconds: list[float] = []
    for number in range(_ROUNDS + 1):
        for one in gateways:
            # Direct calls around each gateway's, as many as its own: what else the machine does then weighs on both.
            sequential, parallel = one.times
            base = await one_after_another(oldest, sequential)
            own = base if era == "legacy" else await one_after_another(direct, sequential)
            p50 = await one_after_another(one.target, sequential)
            rate = await at_once(direct, parallel)
            theirs = await at_once(one.target, parallel)
            if number:  # the first round warms all up
                milliseconds.append(1000 * own)
                one.milliseconds.append(1000 * p50)
                one.latency.append(p50 / base)
                one.own.append(p50 / own)
                one.slower.append(rate / theirs)
    rows = [row(f"direct_p50_{era}", f"direct, {era}, p50", milliseconds, "ms")]
    for one in gateways:
        rows += one.rows(era)
    return rows
