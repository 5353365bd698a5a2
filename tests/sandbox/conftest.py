"""Programs that really run in a sandbox, and what became of them."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.sandbox.ending import end
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Limits, Wish

PYTHON = sys.executable


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def with_mark(mark: str) -> list[int]:
    """Processes of this machine whose arguments hold the mark, zombies left out."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes() and alive(int(pid)):
                found.append(int(pid))
        except OSError:
            continue
    return found


async def gone(mark: str, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while with_mark(mark):  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.01)


async def spawn(
    starter: Starter, command: Sequence[str], wish: Wish | None = None, env: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **(env or {})}
    start = await starter.start(command, environment=environment, wish=wish or Wish())
    return await asyncio.create_subprocess_exec(
        *start.arguments,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def stop(process: asyncio.subprocess.Process) -> None:
    await end(process.pid, process.wait, grace_seconds=0.0, term_seconds=0.5)
    process._transport.close()  # type: ignore[attr-defined]


async def run(starter: Starter, script: str, *args: str, wish: Wish | None = None, **env: str) -> Ran:
    """Run a Python script in the sandbox to its end. Its arguments are put in: those of a command line are shown."""
    whole = f"import sys; sys.argv[1:] = {list(args)!r}\n{script}"
    process = await spawn(starter, [PYTHON, "-c", whole], wish, env)
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        await stop(process)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def limited(**limits: int) -> Wish:
    return Wish(limits=Limits(**limits))


@pytest.fixture
async def starter(tmp_path: Path) -> Starter:
    """A starter that hides a data folder; the tests of this folder need a kernel that allows sandboxes."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "secret").write_text("ours")
    made = Starter(hidden=[data])
    verdict = await made.verdict()
    if not verdict.possible:
        pytest.skip(f"no sandbox here: {verdict.reason}")
    return made
