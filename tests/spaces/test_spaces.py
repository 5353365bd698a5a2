"""A user's own Space carries heavy work: connected through Hugging Face, consented to, called with the user's token."""

# ruff: noqa: F811 - fixtures of another folder are imported and then named as parameters
import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from mcp.server import MCPServer

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Requirement
from orchestrator.core.errors import Conflict, NotFound
from orchestrator.models import Identity, User
from orchestrator.services.task_service import TaskRequest
from tests.fakes.huggingface import FakeHuggingFace
from tests.serving import serve_asgi
from tests.tasks.conftest import wait, worker  # noqa: F401 - fixtures, asked for by name below

HEAVY = TaskRequest("train", {"tool": "train", "arguments": {"rows": 3}}, (Requirement("train"),), is_heavy=True)


@pytest.fixture
def hub() -> Iterator[FakeHuggingFace]:
    with FakeHuggingFace() as fake:
        yield fake


@pytest.fixture
async def space_url() -> AsyncIterator[str]:
    server = MCPServer("space")

    @server.tool()
    def train(rows: int) -> str:
        """Train on some rows."""
        return f"trained on {rows} rows"

    async with serve_asgi(server.streamable_http_app(json_response=True)) as url:
        yield url


@pytest.fixture
def settings(settings: Settings, hub: FakeHuggingFace) -> Settings:
    return settings.model_copy(update={"hf_url": hub.url})


@pytest.fixture
async def container(settings: Settings) -> AsyncIterator[Container]:
    made = build_container(settings)
    yield made
    await made.close()


@pytest.fixture
async def caller(container: Container, hub: FakeHuggingFace) -> Caller:
    user = User(email="ada@example.org")
    async with container.database.session() as session:
        session.add(user)
        await session.flush()
        token = container.secretbox.encrypt(hub.add_user("ada"))
        session.add(
            Identity(user_id=user.id, provider="huggingface", subject="1", access_token_encrypted=token, scopes=[])
        )
    return Caller(user.id)


async def test_a_space_must_exist_for_the_user_on_hugging_face(container: Container, caller: Caller) -> None:
    with pytest.raises(NotFound):
        await container.spaces.connect(caller, "ada/none", mcp_path="/mcp", consent=True)


async def test_a_space_that_does_not_run_is_refused_with_its_stage(
    container: Container, caller: Caller, hub: FakeHuggingFace
) -> None:
    hub.add_repo("ada/asleep", "space", stage="PAUSED", host="")
    with pytest.raises(Conflict, match="PAUSED"):
        await container.spaces.connect(caller, "ada/asleep", mcp_path="/mcp", consent=True)


async def test_heavy_work_waits_for_consent_and_then_runs_in_the_space(
    container: Container,
    caller: Caller,
    hub: FakeHuggingFace,
    space_url: str,
    worker: object,
    wait: object,
) -> None:
    hub.add_repo("ada/trainer", "space", host=space_url)
    row = await container.spaces.connect(caller, "ada/trainer", mcp_path="/mcp", consent=False)
    assert row["capabilities"] == ["train"]
    born = await container.tasks.create(caller, HEAVY)
    assert born["state"] == "awaiting_consent"
    assert "ada/trainer" in str(born["waiting_for"])
    await container.tasks.consent(caller, born["id"], grant=True, patch={"user_space": True})
    done = await asyncio.wait_for(wait(born["id"]), 20)  # type: ignore[operator]
    assert (done["state"], done["target_type"]) == ("completed", "user_space")
    assert "trained on 3 rows" in str(done["result"])


async def test_a_standing_consent_lets_heavy_work_start_at_once_and_nobody_else_sees_the_space(
    container: Container, caller: Caller, hub: FakeHuggingFace, space_url: str
) -> None:
    hub.add_repo("ada/trainer", "space", host=space_url)
    await container.spaces.connect(caller, "ada/trainer", mcp_path="/mcp", consent=True)
    route = await container.tasks.preview(caller, HEAVY)
    assert route.type == "user_space"
    other = User(email="eve@example.org")
    async with container.database.session() as session:
        session.add(other)
    theirs = await container.tasks.preview(Caller(other.id), HEAVY)
    assert theirs.chosen is None
    assert "ada/trainer" not in str(theirs.as_dict())
