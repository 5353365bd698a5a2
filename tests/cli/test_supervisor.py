"""Children are kept alive, stopped in order, and never outlive the supervisor."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from orchestrator.cli.start import supervisor as module
from orchestrator.cli.start.supervisor import Child, Supervisor
from orchestrator.embedded.processes import wait_until

_ROOT = Path(__file__).parents[2]
_IDLE = "import signal; signal.pause()"
_SUPERVISED = f"from orchestrator.cli.start.parent import leave_with_parent as l; l(); {_IDLE}"


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    made = Supervisor({**os.environ, "PYTHONPATH": str(_ROOT)}, lambda _: None)
    yield made
    await made.stop()


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def _until(condition: object, seconds: float = 10) -> bool:
    async def check() -> bool:
        return bool(condition())  # type: ignore[operator]

    return await wait_until(check, seconds)


async def test_a_dead_child_is_started_again(supervisor: Supervisor) -> None:
    child = await supervisor.start("idle", _python(_IDLE))
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert await _until(lambda: child.pid not in (None, first))
    assert (child.ends, child.last_code) == (1, -signal.SIGKILL)


async def test_the_pause_before_a_restart_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
    made = Supervisor(os.environ, said.append)
    await made.start("broken", _python("raise SystemExit(3)"))
    assert await _until(lambda: len(said) >= 3)
    await made.stop()
    assert [line.rsplit("in ", 1)[1] for line in said[:3]] == ["0.01 s", "0.02 s", "0.04 s"]
    assert "exit code 3" in said[0]


async def test_children_stop_in_the_order_they_started(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "import signal, sys\n"
        "def bye(*_): open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, bye); open(sys.argv[1] + sys.argv[2], 'w'); signal.pause()"
    )
    made = Supervisor(os.environ, lambda _: None)
    for name in "abc":
        await made.start(name, [*_python(code), str(log), name])
    assert await _until(lambda: all(Path(f"{log}{name}").exists() for name in "abc"))
    await made.stop()
    assert log.read_text() == "abc"


async def test_a_child_that_ignores_term_is_killed_with_what_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_TERM_SECONDS", 0.2)
    pid_file = tmp_path / "pid"
    code = (
        "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"p = subprocess.Popen([sys.executable, '-c', {_IDLE!r}]); open({str(pid_file)!r}, 'w').write(f'{{p.pid}}.')\n"
        "while True: signal.pause()"
    )
    made = Supervisor(os.environ, lambda _: None)
    child = await made.start("stubborn", _python(code))
    assert await _until(lambda: pid_file.exists() and pid_file.read_text().endswith("."))
    grandchild = int(pid_file.read_text().rstrip("."))
    await made.stop()
    assert child.pid is None
    assert await _until(lambda: not _runs(grandchild))


async def test_children_leave_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from orchestrator.cli.start.supervisor import Supervisor\n"
        "async def main():\n"
        "    s = Supervisor(os.environ, print)\n"
        f"    c = await s.start('x', [sys.executable, '-c', {_SUPERVISED!r}])\n"
        "    print(c.pid, flush=True); await asyncio.Event().wait()\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen(_python(script), stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    assert await _until(lambda: not _runs(child))


async def test_a_child_of_nobody_watches_nothing() -> None:
    done = await asyncio.create_subprocess_exec(
        *_python("from orchestrator.cli.start.parent import leave_with_parent as l; l(); print(input())"),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=_ROOT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(done.communicate(b"still mine\n"), 20)
    assert output == b"still mine\n"


def test_a_child_that_has_not_started_has_no_pid() -> None:
    assert Child("none", []).pid is None
