"""The service with six servers of others behind it, over stdio or HTTP, and a page that one of them may fetch.

Three servers and the Inspector come from npm; where it does not answer, the tests are skipped and say so.
"""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp_server_fetch.server import create_server as fetch_server
from mcp_server_git.server import create_server as git_server
from mcp_server_time.server import create_server as time_server

from orchestrator.core.caller import Caller
from tests.console.conftest import node, npm_or_skip
from tests.mcp_door.conftest import Service, ada, container, register, service, token
from tests.serving import serve_asgi

__all__ = ["ada", "container", "service", "token"]

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node_modules" / "@modelcontextprotocol"


@dataclass(frozen=True)
class House:
    """Where clients go: everything, and chosen servers under the names they gave; and what to call there."""

    url: str
    token: str
    calls: dict[str, tuple[str, dict[str, Any], str]]
    """By server: a tool, its arguments, and what the answer holds."""

    @property
    def everything(self) -> str:
        return f"{self.url}/mcp"

    @property
    def plain(self) -> str:
        return f"{self.url}/mcp/plain"


@pytest.fixture(scope="session")
def packages() -> Path:
    """The npm packages."""
    npm_or_skip("tests/counterparts")
    return PACKAGES


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a file in it."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "note.txt").write_text("a note")
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    return folder


async def _page(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    found = scope["path"] == "/page"
    status = 200 if found else 404
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"a page" if found else b""})


def _calls(repository: Path, page: str) -> dict[str, tuple[str, dict[str, Any], str]]:
    return {
        "git": ("git_status", {"repo_path": str(repository)}, "note.txt"),
        "time": ("get_current_time", {"timezone": "UTC"}, "UTC"),
        "fetch": ("fetch", {"url": f"{page}/page", "raw": True}, "a page"),
    }


@pytest.fixture
async def over_stdio(
    service: Service, ada: Caller, token: str, packages: Path, repository: Path
) -> AsyncIterator[House]:
    """All six as processes of the service."""
    async with serve_asgi(_page, lifespan="off") as page:
        script = {name: str(packages / f"server-{name}" / "dist" / "index.js") for name in _OF_NPM}
        commands = {
            "everything": [str(node()), script["everything"], "stdio"],
            "filesystem": [str(node()), script["filesystem"], str(repository)],
            "memory": [str(node()), script["memory"]],
            "git": [sys.executable, "-m", "mcp_server_git", "--repository", str(repository)],
            "time": [sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC"],
            "fetch": [sys.executable, "-m", "mcp_server_fetch", "--ignore-robots-txt", "--allow-private-ips"],
        }
        env = {"memory": {"MEMORY_FILE_PATH": str(repository.parent / "memory.json")}}
        # In their sandboxes, but for what their work is: a page to fetch, a file to remember in.
        granted: dict[str, dict[str, Any]] = {
            "fetch": {"network": "full"},
            "memory": {"folders": [{"path": str(repository.parent), "access": "rw"}]},
        }
        entries = [
            await register(
                service.container,
                ada,
                name=name,
                transport="stdio",
                command=command,
                args=args,
                env=env.get(name, {}),
                **granted.get(name, {}),
            )
            for name, (command, *args) in commands.items()
        ]
        await _plain(service, ada, entries)
        remembered = {"entities": [{"name": "Ada", "entityType": "person", "observations": ["counts"]}]}
        calls = _calls(repository, page) | {
            "everything": ("get-sum", {"a": 2, "b": 3}, "5"),
            "filesystem": ("read_text_file", {"path": str(repository / "note.txt")}, "a note"),
            "memory": ("create_entities", remembered, ""),
        }
        yield House(service.url, token, calls)


_OF_NPM = ("everything", "filesystem", "memory")


@pytest.fixture
async def over_http(service: Service, ada: Caller, token: str, repository: Path) -> AsyncIterator[House]:
    """Those that can be bound to loopback, over streamable HTTP."""
    apps = {
        "git": git_server(repository),
        "time": time_server("UTC"),
        "fetch": fetch_server(ignore_robots_txt=True, allow_private_ips=True),
    }
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(serve_asgi(_page, lifespan="off"))
        entries = []
        for name, server in apps.items():
            url = await stack.enter_async_context(serve_asgi(server.streamable_http_app()))
            values = {"name": name, "transport": "streamable_http", "url": f"{url}/mcp"}
            entries.append(await register(service.container, ada, **values))
        await _plain(service, ada, entries)
        yield House(service.url, token, _calls(repository, page))


async def _plain(service: Service, ada: Caller, entries: list[Any]) -> None:
    face = {"name": "plain", "servers": [str(entry.id) for entry in entries], "prefix": False}
    await service.container.endpoints.create(ada, face)
