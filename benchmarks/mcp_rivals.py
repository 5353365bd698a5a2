"""Other gateways from PyPI in front of the same target, each in an environment of its own under ``.bench``.

Used by ``mcp_gateway``. Versions are pinned; everything is bounded in time and ended by its process id. One that cannot
be installed or does not answer is reported by name with the reason, never left out.
"""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.report import NotMeasuredError
from benchmarks.service import ROOT, free_port

_PROGRAMS = Path(__file__).parent / "rivals"
_CACHE = ROOT / ".bench"
_INSTALL_SECONDS, _START_SECONDS, _STOP_SECONDS = 400, 120, 10


@dataclass(frozen=True, slots=True)
class Running:
    """A rival that answers: where, by which name its tool goes, with which headers."""

    port: int
    path: str
    tool: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rival:
    """One gateway. ``eras`` are those it is measured in; ``start`` gives its command and environment."""

    name: str
    title: str
    requirement: str
    eras: tuple[str, ...]
    path: str
    start: Callable[[Path, str, int, Path], tuple[list[str], dict[str, str]]]
    tool: str = "echo"
    registers: bool = False


def _program(name: str) -> Callable[[Path, str, int, Path], tuple[list[str], dict[str, str]]]:
    def start(python: Path, target: str, port: int, _folder: Path) -> tuple[list[str], dict[str, str]]:
        return [str(python), str(_PROGRAMS / name), target, str(port)], {}

    return start


_SECRET = secrets.token_urlsafe(48)


def _contextforge(python: Path, _target: str, port: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Its small installation: SQLite, one worker; without its limits of calls, which would refuse most of them."""
    environment = {
        "JWT_SECRET_KEY": _SECRET, "AUTH_ENCRYPTION_SECRET": _SECRET, "PLATFORM_ADMIN_EMAIL": "bench@example.org",
        "PLATFORM_ADMIN_PASSWORD": _SECRET, "DATABASE_URL": f"sqlite:///{folder}/contextforge.db",
        "CACHE_TYPE": "memory", "SSRF_ALLOW_LOCALHOST": "true", "SSRF_ALLOW_PRIVATE_NETWORKS": "true",
        "AUTH_REQUIRED": "false", "MCP_REQUIRE_AUTH": "false", "MCP_CLIENT_AUTH_ENABLED": "true",
        "MCPGATEWAY_ADMIN_API_ENABLED": "true", "MCPGATEWAY_CATALOG_ENABLED": "false", "PLUGINS_ENABLED": "false",
        "MCPGATEWAY_UI_ENABLED": "false", "OTEL_ENABLE_OBSERVABILITY": "false", "LOG_LEVEL": "ERROR",
        "RATE_LIMITING_ENABLED": "false", "TOOL_RATE_LIMIT": "100000", "USE_STATEFUL_SESSIONS": "false",
    }  # fmt: skip
    command = [str(python.parent / "mcpgateway"), "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return command, environment


RIVALS = (
    Rival("byte_relay", "a relay of bytes, no gateway", "", ("legacy", "modern"), "/mcp", _program("byte_relay.py")),
    Rival("sdk_pooled", "SDK proxy with one open session, no gateway", "", ("legacy", "modern"), "/mcp",
          _program("pooled_proxy.py")),
    Rival("fastmcp", "FastMCP 4.2.3 proxy", "fastmcp==4.2.3", ("legacy", "modern"), "/mcp",
          _program("fastmcp_proxy.py")),
    Rival("contextforge", "ContextForge 1.0.7.post20260921", "mcp-contextforge-gateway==1.0.7.post20260921",
          ("legacy",), "/mcp/", _contextforge, tool="bench-echo", registers=True),
)  # fmt: skip


async def install(rival: Rival) -> Path:
    """The Python of its environment, made at the first time."""
    if not rival.requirement:
        return Path(sys.executable)
    folder = _CACHE / rival.requirement.replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        await _run([sys.executable, "-m", "venv", "--clear", str(folder)], "its environment was not made")
        quiet = ["-q", "--disable-pip-version-check", "--no-input"]
        await _run([str(python), "-m", "pip", "install", *quiet, rival.requirement], "it was not installed")
        (folder / "complete").touch()
    return python


async def _run(command: list[str], what: str, environment: Mapping[str, str] | None = None) -> str:
    def run() -> subprocess.CompletedProcess[str]:
        # In the root folder, so that a relative index of the machine's settings is not taken for one of ours.
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False, cwd="/", env=environment
        )

    try:
        done = await asyncio.to_thread(run)
    except subprocess.TimeoutExpired as late:
        raise NotMeasuredError(f"{what} within {_INSTALL_SECONDS} s") from late
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise NotMeasuredError(f"{what}: {lines[-1][:200]}")
    return done.stdout.strip()


@asynccontextmanager
async def running(rival: Rival, target_port: int, folder: Path) -> AsyncIterator[Running]:
    """The rival in front of the target, until the end. Raises NotMeasuredError."""
    python = await install(rival)
    port = free_port()
    folder = folder / rival.name
    folder.mkdir()
    target = f"http://127.0.0.1:{target_port}/mcp"
    command, more = rival.start(python, target, port, folder)
    bare = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
    environment = bare | more
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            await _listening(port, process, folder / "log")
            headers = await _register(python, port, target, environment) if rival.registers else {}
            yield Running(port, rival.path, rival.tool, headers)
        finally:
            await asyncio.to_thread(_stop, process)


async def _listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotMeasuredError(f"it ended with {process.returncode}, saying: {_last_words(log)}")
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise NotMeasuredError(f"it did not listen within {_START_SECONDS} s")


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
    return lines[-1][:200]


async def _register(python: Path, port: int, target: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Make the target known to ContextForge; the headers of its calls."""
    make = [str(python), "-m", "mcpgateway.utils.create_jwt_token", "--admin", "--username", "bench@example.org",
            "--exp", "600", "--secret", _SECRET]  # fmt: skip
    token = (await _run(make, "no token was made", environment)).splitlines()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
        entry = {"name": "bench", "url": target, "transport": "STREAMABLEHTTP"}
        try:
            made = await client.post("/gateways", json=entry)
        except httpx.TransportError as error:
            raise NotMeasuredError(f"it took no server: {error}") from error
    if made.is_error:
        raise NotMeasuredError(f"it took no server: HTTP {made.status_code} {made.text[:200]}")
    return headers


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_STOP_SECONDS)
