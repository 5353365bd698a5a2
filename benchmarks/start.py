"""How long the second start of the whole service takes until GET /ready answers 200."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx

from benchmarks.report import Row, row
from benchmarks.service import ROOT, free_port

_STARTS = 4


async def start(folder: Path) -> list[Row]:
    """Start ``python -m orchestrator up`` several times in one folder; the first prepares the databases."""
    seconds = [await _one_start(folder) for _ in range(_STARTS)]
    return [
        row("first_start", "first start to ready", seconds[:1], "s"),
        row("second_start", "second start to ready", seconds[1:], "s", at_most=5),
    ]


async def _one_start(folder: Path) -> float:
    port = free_port()
    environment = os.environ | {"DATA_DIR": str(folder), "PORT": str(port), "LOG_LEVEL": "WARNING"}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "up"], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        await _ready(port)
        return time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 30)


async def _ready(port: int) -> None:
    async with httpx.AsyncClient() as client:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{port}/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.02)
    raise RuntimeError("the service did not become ready within 60 s")
