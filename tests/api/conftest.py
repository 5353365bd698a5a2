"""A served application of this test module, with people, a project and a task to aim at."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from orchestrator.config import Settings
from orchestrator.core.ids import new_id
from orchestrator.main import create_app

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Api:
    """A running API and somebody who may use it."""

    url: str
    email: str
    headers: dict[str, str]
    known: dict[str, str]
    """Path parameters that exist: project_id, task_id, server_id …"""
    data_dir: Path

    def log_in(self) -> dict[str, str]:
        """The headers of a fresh log-in."""
        return _log_in(self.url, self.email)


def _log_in(url: str, email: str) -> dict[str, str]:
    answer = httpx2.post(f"{url}/api/v1/auth/login", json={"email": email, "password": PASSWORD}, timeout=30)
    answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="module")
def api(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    data_dir = tmp_path_factory.mktemp("api")
    settings = Settings(
        _env_file=None,
        data_dir=data_dir,
        database_url=database_url,
        redis_url=redis_url,
        # Random commands must not become processes, nor random addresses reach the neighbourhood.
        allow_stdio_servers=False,
        allow_private_urls=False,
        requests_per_minute=1_000_000,
        log_level="ERROR",
    )
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1)
    )
    started = threading.Event()
    startup = server.startup

    async def starting(*arguments: Any, **named: Any) -> None:
        await startup(*arguments, **named)
        started.set()

    server.startup = starting  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, name="api", daemon=True)
    thread.start()
    assert started.wait(60)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield _peopled(f"http://127.0.0.1:{port}", data_dir)
    finally:
        server.should_exit = True
        thread.join(30)


def _peopled(url: str, data_dir: Path) -> Api:
    email = f"{new_id()}@example.org"
    with httpx2.Client(base_url=f"{url}/api/v1", timeout=30) as client:
        made = client.post("/auth/register", json={"email": email, "password": PASSWORD})
        assert made.status_code == 201, made.text
        headers = _log_in(url, email)
        client.headers.update(headers)
        project = client.post("/projects", json={"name": "aim", "template": "empty"})
        assert project.status_code in (201, 202), project.text
        task = client.post("/tasks", json={"type": "nothing_can_do_this", "required_capabilities": ["nobody"]})
        assert task.status_code == 202, task.text
        servers = client.get("/mcps").json()["items"]
    project_id = project.json()["project_id"]
    known = {"user_id": made.json()["id"], "task_id": task.json()["task_id"], "server_id": str(servers[0]["id"])}
    return Api(url, email, headers, known | {"project_id": project_id, "kg_id": project_id}, data_dir)


@pytest.fixture
def golden() -> Path:
    return Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
