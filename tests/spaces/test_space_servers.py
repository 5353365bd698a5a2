"""Spaces that carry an MCP server are found on Hugging Face and registered with one call, with the user's own token."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from mcp.server import MCPServer
from sqlalchemy import select
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.models import Identity
from tests.fakes.huggingface import FakeHuggingFace
from tests.mcp_door.conftest import Service, make_caller, make_token
from tests.mcp_door.conftest import container as container
from tests.mcp_door.conftest import service as service
from tests.serving import serve_asgi


class _OwnersOnly:
    """A private Space: it answers nobody without its owner's token."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.token = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"").decode()
        if scope["type"] == "http" and given != f"Bearer {self.token}":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self.app(scope, receive, send)


@pytest.fixture
def hub() -> Iterator[FakeHuggingFace]:
    with FakeHuggingFace() as fake:
        yield fake


@pytest.fixture
async def space() -> AsyncIterator[tuple[_OwnersOnly, str]]:
    server = MCPServer("space")

    @server.tool()
    def upper(text: str) -> str:
        """In capitals."""
        return text.upper()

    app = _OwnersOnly(server.streamable_http_app(json_response=True, streamable_http_path="/gradio_api/mcp/"))
    async with serve_asgi(app) as url:
        yield app, url


@pytest.fixture
def settings(settings: Settings, hub: FakeHuggingFace) -> Settings:
    return settings.model_copy(update={"hf_url": hub.url})


@pytest.fixture
async def ada(container: Container, hub: FakeHuggingFace, space: tuple[_OwnersOnly, str]) -> Caller:
    caller = await make_caller(container, is_admin=False)
    token = hub.add_user("ada", organizations=("acme",))
    space[0].token = token
    sealed = container.secretbox.encrypt(token)
    async with container.database.session() as session:
        session.add(
            Identity(user_id=caller.user_id, provider="huggingface", subject="1", access_token_encrypted=sealed,
                     scopes=[])
        )  # fmt: skip
    return caller


@pytest.fixture
async def api(service: Service, container: Container, ada: Caller) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {await make_token(container, ada)}"}
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


async def test_a_space_is_found_registered_and_called_with_its_owners_token(
    api: httpx.AsyncClient, hub: FakeHuggingFace, space: tuple[_OwnersOnly, str]
) -> None:
    hub.add_repo("ada/shout", "space", private=True, sdk="gradio", host=space[1], tags=("gradio", "mcp-server"))
    hub.add_repo("acme/tools", "space", sdk="docker", stage="PAUSED", host="", tags=("mcp-server",))
    hub.add_repo("ada/plain", "space", sdk="gradio", tags=("gradio",))
    hub.add_repo("eve/other", "space", tags=("mcp-server",))
    found = (await api.get("/user/spaces/discover")).json()["items"]
    assert [(one["space_id"], one["stage"], one["server_id"]) for one in found] == [
        ("acme/tools", "PAUSED", None),
        ("ada/shout", "RUNNING", None),
    ]
    assert (found[0]["url"], found[1]["url"]) == (None, f"{space[1]}/gradio_api/mcp/")
    made = await api.post("/user/spaces/register", json={"space_id": "ada/shout"})
    assert made.status_code == 201, made.text
    entry = made.json()
    assert (entry["name"], entry["health"], entry["tools"], entry["shared"]) == ("ada.shout", "healthy", 1, False)
    assert entry["header_names"] == ["Authorization"]
    assert space[0].token not in made.text
    body = {"tool": "upper", "arguments": {"text": "quiet"}}
    answer = await api.post(f"/mcps/{entry['id']}/execute", json=body)
    assert answer.json()["content"][0]["text"] == "QUIET"
    assert (await api.get("/user/spaces/discover")).json()["items"][1]["server_id"] == entry["id"]


async def test_registering_again_brings_the_present_token_and_no_second_server(
    api: httpx.AsyncClient, hub: FakeHuggingFace, space: tuple[_OwnersOnly, str], container: Container, ada: Caller
) -> None:
    hub.add_repo("ada/shout", "space", host=space[1], tags=("mcp-server",))
    first = (await api.post("/user/spaces/register", json={"space_id": "ada/shout", "name": "shout"})).json()
    space[0].token = renewed = hub.add_user("ada")
    assert not (await api.post(f"/mcps/{first['id']}/probe")).json()["healthy"]
    async with container.database.session() as session:
        (identity,) = list(await session.scalars(select(Identity)))
        identity.access_token_encrypted = container.secretbox.encrypt(renewed)
    again = (await api.post("/user/spaces/register", json={"space_id": "ada/shout"})).json()
    assert (again["id"], again["health"]) == (first["id"], "healthy")


async def test_a_space_that_does_not_run_or_is_not_there_is_refused(
    api: httpx.AsyncClient, hub: FakeHuggingFace
) -> None:
    hub.add_repo("ada/asleep", "space", stage="PAUSED", host="", tags=("mcp-server",))
    asleep = await api.post("/user/spaces/register", json={"space_id": "ada/asleep"})
    assert (asleep.status_code, asleep.json()["field"]) == (409, "space_id")
    assert (await api.post("/user/spaces/register", json={"space_id": "ada/none"})).status_code == 404
    assert (await api.post("/user/spaces/register", json={"space_id": "../x"})).status_code == 422


async def test_without_a_linked_account_it_says_so(service: Service, container: Container) -> None:
    bob = await make_caller(container, "bob@example.org", is_admin=False)
    headers = {"authorization": f"Bearer {await make_token(container, bob)}"}
    async with httpx.AsyncClient(headers=headers) as client:
        answer = await client.get(f"{service.url}/api/v1/user/spaces/discover")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
