"""The API's event loop starts programs without copying the process, and they behave as under any other loop."""

import asyncio
import signal
import subprocess
import sys

import pytest

from orchestrator.event_loop import Loop

_COPIES = """
import asyncio, os, sys
from orchestrator.event_loop import Loop
copied = []
os.register_at_fork(before=lambda: copied.append(True))

async def main():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    return await process.wait()

with asyncio.Runner(loop_factory=Loop) as runner:
    assert runner.run(main()) == 0
print(len(copied))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels cannot watch a process by a descriptor")
def test_a_program_starts_without_a_copy_of_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", _COPIES], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "0"


def test_a_program_reads_writes_and_ends() -> None:
    async def talk() -> tuple[bytes, bytes, int | None]:
        program = "import sys; data = sys.stdin.read(); print(len(data)); print('told', file=sys.stderr); sys.exit(7)"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=-1, stdout=-1, stderr=-1)
        out, errors = await process.communicate(b"x" * 1_000_000)
        return out, errors, process.returncode

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(talk()) == (b"1000000\n", b"told\n", 7)


def test_a_killed_program_tells_by_which_signal() -> None:
    async def kill() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
        process.kill()
        return await process.wait()

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(kill()) == -signal.SIGKILL


def test_a_program_that_is_not_there_is_an_error_at_once() -> None:
    async def start() -> None:
        await asyncio.create_subprocess_exec("/nonexistent/program")

    with asyncio.Runner(loop_factory=Loop) as runner, pytest.raises(FileNotFoundError):
        runner.run(start())
