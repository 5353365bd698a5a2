"""How long a fresh API takes to list the tools of 16 stdio servers that nobody has started yet, quick and slow ones.

The slowest one alone, started and listed the same way before, is what the whole is compared with. The time runs from
the first ``tools/list`` on; listing is repeated until every server is there.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.load import Connection
from benchmarks.mcp_calls import requests_to
from benchmarks.report import Row, row
from benchmarks.service import ROOT, running_service

_SLOW = str(Path(__file__).parent / "slow_server.py")
_QUICK, _SLOWEST = 0.0, 1.5
_DELAYS = (_QUICK,) * 6 + (0.5,) * 4 + (_SLOWEST,) * 4
_RUNS = 5
_SECONDS = 60


async def cold_start(folder: Path) -> list[Row]:
    """Seconds to the quick ones and to all, over the slowest one alone."""
    quick, whole, over = [], [], []
    for number in range(_RUNS):
        alone = {"slowest": _slow(_SLOWEST), "git": _module("mcp_server_git"), "time": _module("mcp_server_time")}
        slowest = 0.0
        for name, command in alone.items():
            _, seconds = await _listed(folder / f"{number}-{name}", {name: command}, {name})
            slowest = max(slowest, seconds)
        servers = {f"slow-{index}": _slow(delay) for index, delay in enumerate(_DELAYS)}
        servers |= {name: alone[name] for name in ("git", "time")}
        fast = {f"slow-{index}" for index, delay in enumerate(_DELAYS) if delay == _QUICK}
        first, seconds = await _listed(folder / f"{number}-all", servers, fast)
        quick.append(first)
        whole.append(seconds)
        over.append(seconds - slowest)
    return [
        row("cold_quick", "16 stdio servers, cold: the quick ones are listed", quick, "s", at_most=1),
        row("cold_all", "16 stdio servers, cold: all are listed", whole, "s"),
        row("cold_over_slowest", "the same, over the slowest one alone", over, "s", at_most=1),
    ]


def _slow(seconds: float) -> list[str]:
    return [sys.executable, "-S", "-E", _SLOW, str(seconds)]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name] + (["--repository", str(ROOT)] if name.endswith("git") else [])


async def _listed(folder: Path, servers: dict[str, list[str]], first: set[str]) -> tuple[float, float]:
    """Seconds from the first list on until those named are in one, and until all are."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-bench-") as home:
        entries = {name: {"command": command[0], "args": command[1:]} for name, command in servers.items()}
        config = Path(home) / "mcp.json"
        config.write_text(json.dumps({"mcpServers": entries}))
        options = {"light_workers": 0, "monitor": False, "MCP_CONFIG": str(config)}
        async with running_service(folder, **options) as service:  # type: ignore[arg-type]
            headers = {"Authorization": f"Bearer {service.token}"}
            lists = await requests_to("modern", service.port, "/mcp", headers, "tools/list", {})
            connection = await Connection.open(service.port)
            began = time.perf_counter()
            quick = 0.0
            while True:
                body = (await connection.ask(lists.requests[0])).body
                now = time.perf_counter() - began
                there = {name for name in servers if f'"{name}__'.encode() in body}
                quick = quick or (now if first <= there else 0.0)
                if len(there) == len(servers):
                    connection.close()
                    return quick, now
                if now > _SECONDS:
                    raise RuntimeError(f"not listed within {_SECONDS} s: {sorted(servers.keys() - there)}")
