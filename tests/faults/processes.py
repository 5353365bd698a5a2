"""Processes of the service as a test sees them: start one, kill it, freeze it, ask whether it lives."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from orchestrator.cli.start.parent import kill_session

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Process:
    """One running program of the service, the leader of a session of its own."""

    pid: int
    log: Path

    def kill(self) -> None:
        """kill -9 this one process."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def kill_all(self) -> None:
        """kill -9 it and everything it started."""
        kill_session(self.pid)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def children(self) -> list[psutil.Process]:
        return list(psutil.Process(self.pid).children())

    @property
    def alive(self) -> bool:
        return runs(self.pid)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def runs(pid: int) -> bool:
    """Whether it still does something; a zombie only waits for its parent to look."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Nursery:
    """Forks processes of the service."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def start(self, argv: Sequence[str], environment: Mapping[str, str], cwd: Path, log: Path) -> Process:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = {"argv": list(argv), "env": dict(environment), "cwd": str(cwd), "log": str(log)}
        self._process.stdin.write(json.dumps(told).encode() + b"\n")
        self._process.stdin.flush()
        return Process(int(self._process.stdout.readline()), log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
