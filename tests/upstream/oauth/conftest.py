"""Services without a door, an authorization server that may misbehave, an MCP server behind it, a browser's steps."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.mcp.builtin import CallContext
from orchestrator.services.server_entry import ServerEntry
from tests.fakes.authorization import FakeAuthorization
from tests.mcp_door.conftest import make_caller
from tests.upstream.protected import Protected, protected_by


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": "http://testserver"})


@pytest.fixture
async def container(settings: Settings) -> AsyncIterator[Container]:
    made = build_container(settings)
    yield made
    await made.close()


@pytest.fixture
async def ada(container: Container) -> Caller:
    """An admin of the service."""
    return await make_caller(container)


@pytest.fixture
async def bob(container: Container) -> Caller:
    return await make_caller(container, "bob@example.org", is_admin=False)


@pytest.fixture
def place() -> Iterator[FakeAuthorization]:
    with FakeAuthorization() as fake:
        yield fake


@pytest.fixture
async def protected(place: FakeAuthorization) -> AsyncIterator[Protected]:
    async with protected_by(place) as server:
        yield server


async def register(container: Container, caller: Caller, server: Protected, **oauth: Any) -> ServerEntry:
    """An entry that everybody sees and that is reached with OAuth."""
    values = {"name": "protected", "transport": "streamable_http", "url": server.url,
              "oauth": {"mode": "per_user", **oauth}}  # fmt: skip
    return await container.registry.create(caller, values, shared=True)


async def visit(url: str) -> tuple[str, dict[str, str]]:
    """What a browser brings back from the authorization server: the tag of our address, and the answer."""
    async with httpx.AsyncClient() as browser:
        gone = await browser.get(url)
    assert gone.status_code == 302, gone.text
    back = urlsplit(gone.headers["location"])
    answer = {name: values[0] for name, values in parse_qs(back.query).items()}
    return back.path.rpartition("/")[2], answer


async def log_in(container: Container, caller: Caller, entry: ServerEntry) -> ServerEntry:
    """Go the whole way."""
    url, cookie = await container.connect.begin(caller, entry.id)
    tag, answer = await visit(url)
    return await container.connect.finish(caller, cookie, tag, answer)


async def call(container: Container, caller: Caller, entry: ServerEntry, tool: str = "whoami") -> str:
    """What a tool answers to a caller."""
    definition = await container.registry.definition(entry, caller.user_id)
    result = await container.pool.call_tool(definition, tool, {}, context=CallContext(user_id=caller.user_id))
    return result.text
