"""Starts a whole service in a folder of its own for a benchmark: databases, API, workers, monitor; stops it by pid."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from orchestrator.cli.upkeep.migrate import upgrade
from orchestrator.embedded.pair import start_embedded

ROOT = Path(__file__).parents[1]
_READY_SECONDS = 120


@dataclass(slots=True)
class Service:
    """A running service and how to reach it."""

    url: str
    port: int
    database_url: str
    redis_url: str
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    token: str = ""

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of the service's own commands."""
        command = [sys.executable, "-m", "orchestrator", *arguments]
        child = subprocess.Popen(command, env=self.environment, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
        self.processes.append(child)
        return child

    def stop(self) -> None:
        """Stop every process: first asked, then killed."""
        for child in self.processes:
            child.terminate()
        for child in self.processes:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait(5)


def free_port() -> int:
    """A loopback port nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running_service(
    folder: Path, *, light_workers: int = 2, agent_workers: int = 0, monitor: bool = True, **settings: str
) -> AsyncIterator[Service]:
    """A service with one API, some light workers and a monitor, ready to be asked, with a user's access token."""
    pair = await start_embedded(folder)
    await asyncio.to_thread(upgrade, pair.database_url)
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": pair.database_url,
        "REDIS_URL": pair.redis_url,
        "DATA_DIR": str(folder),
        "PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "REQUESTS_PER_MINUTE": "100000000",
        **settings,
    }
    service = Service(f"http://127.0.0.1:{port}", port, pair.database_url, pair.redis_url, environment)
    try:
        service.spawn("api")
        for _ in range(light_workers):
            service.spawn("worker", "light")
        for _ in range(agent_workers):
            service.spawn("worker", "agents")
        if monitor:
            service.spawn("monitor")
        await _ready(service)
        service.token = await _register(service)
        yield service
    finally:
        service.stop()
        await pair.stop()


async def _ready(service: Service) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if (await client.get(f"{service.url}/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"the service did not become ready within {_READY_SECONDS} s")


async def _register(service: Service) -> str:
    person = {"email": "bench@example.org", "password": "a long enough password"}
    async with httpx.AsyncClient() as client:
        (await client.post(f"{service.url}/api/v1/auth/register", json=person)).raise_for_status()
        answer = await client.post(f"{service.url}/api/v1/auth/login", json=person)
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token
