"""`up` as a person meets it: ready, healing, stopped by a signal; and a killed one does not hinder the next."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from orchestrator.embedded.processes import end_everything_below, wait_until

_ROOT = Path(__file__).parents[2]
_Start = Callable[[], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[_Start]:
    """Starts `up` with one worker of each kind left out, and waits for its banner."""
    started: list[subprocess.Popen[str]] = []
    environment = os.environ | {
        "DATA_DIR": str(tmp_path / "data"), "HOST": "127.0.0.1", "PORT": "0", "DATABASE_URL": "", "REDIS_URL": "",
        "LIGHT_WORKERS": "0", "AGENT_WORKERS": "0", "HEAVY_WORKERS": "0",
    }  # fmt: skip

    def run() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "orchestrator", "up"]
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stderr is not None
        return process, _base_url(process.stderr)

    yield run
    for process in started:
        children = psutil.Process(process.pid).children() if process.poll() is None else []
        process.kill()
        process.communicate()
        psutil.wait_procs(children, timeout=15)
    end_everything_below(tmp_path)


def _base_url(stderr: IO[str]) -> str:
    said = []
    for line in stderr:
        said.append(line)
        if found := re.search(r"Console +(http://\S+)", line):
            return found.group(1)
    raise AssertionError("it ended before it was ready:\n" + "".join(said))


def _ready(base_url: str) -> bool:
    with urllib.request.urlopen(f"{base_url}/ready", timeout=5) as answer:
        return bool(json.load(answer)["status"] == "ready")


def _processes(process: subprocess.Popen[str], data: Path) -> dict[str, psutil.Process]:
    children = {child.cmdline()[-1]: child for child in psutil.Process(process.pid).children()}
    postgres = int((data / "embedded/postgres/postmaster.pid").read_text().split()[0])
    redis = int((data / "embedded/redis/redis.pid").read_text())
    return children | {"postgres": psutil.Process(postgres), "redis": psutil.Process(redis)}


def _gone(processes: dict[str, psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes.values())


async def test_it_heals_and_a_signal_stops_all_of_it(start: _Start, tmp_path: Path) -> None:
    process, base_url = start()
    assert _ready(base_url)
    before = _processes(process, tmp_path / "data")
    assert set(before) == {"api", "monitor", "postgres", "redis"}
    for name in ("api", "redis"):
        before[name].kill()

    async def healed() -> bool:
        try:
            return _ready(base_url) and _processes(process, tmp_path / "data")["redis"].pid != before["redis"].pid
        except (OSError, ValueError, psutil.Error):
            return False

    assert await wait_until(healed, 40)
    after = _processes(process, tmp_path / "data")
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 0
    assert _gone(before | after)


async def test_what_a_killed_one_leaves_is_adopted_by_the_next(start: _Start, tmp_path: Path) -> None:
    process, _ = start()
    left = _processes(process, tmp_path / "data")
    servers = {name: left.pop(name) for name in ("postgres", "redis")}
    process.kill()

    async def children_left() -> bool:
        return _gone(left)

    assert await wait_until(children_left, 20)
    process, base_url = start()
    assert _ready(base_url)
    now = _processes(process, tmp_path / "data")
    assert [now[name].pid for name in servers] == [server.pid for server in servers.values()]
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0
    assert _gone(now)
