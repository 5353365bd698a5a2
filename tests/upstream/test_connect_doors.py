"""Connecting to a server through the doors: a browser's way there and back, a token's, and that of MCP clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.models import User
from orchestrator.services.server_entry import ServerEntry
from tests.api.test_mcps import refused
from tests.fakes.authorization import FakeAuthorization
from tests.mcp_door.conftest import Service
from tests.upstream.oauth.conftest import log_in, register, visit
from tests.upstream.oauth.conftest import place as place
from tests.upstream.oauth.conftest import protected as protected
from tests.upstream.protected import Protected


@pytest.fixture
async def entry(container: Container, ada: Caller, protected: Protected) -> ServerEntry:
    return await register(container, ada, protected)


@asynccontextmanager
async def browser_of(service: Service, caller: Caller) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which somebody has logged in to the console."""
    async with service.container.database.session() as session:
        user = await session.get_one(User, caller.user_id)
    started = await service.container.sessions.start_cookie(user, user_agent="test")
    cookies = {"orc_session": started.secret}
    headers = {"Accept": "text/html", "X-CSRF-Token": started.csrf_token}
    async with httpx.AsyncClient(
        base_url=f"{service.url}/api/v1", cookies=cookies, headers=headers, timeout=60
    ) as browser:
        yield browser


async def test_a_browser_goes_there_and_comes_back(service: Service, ada: Caller, entry: ServerEntry) -> None:
    async with browser_of(service, ada) as browser:
        gone = await browser.get(f"/mcps/{entry.id}/connect")
        assert gone.status_code == 303, gone.text
        tag, answer = await visit(gone.headers["location"])
        back = await browser.get(f"/mcps/callback/{tag}", params=answer)
        assert (back.status_code, back.headers["location"]) == (303, f"/servers?connected={entry.id}")
        told = (await browser.get(f"/mcps/{entry.id}/connection")).json()
        assert (told["status"], told["scopes"], told["mode"]) == ("connected", ["read"], "per_user")
        assert "token" not in str(told).lower()
        asked = (await browser.post(f"/mcps/{entry.id}/connect")).json()["url"]
        assert urlsplit(asked).path == "/authorize"
        assert (await browser.delete(f"/mcps/{entry.id}/connect")).status_code == 204
        assert (await browser.get(f"/mcps/{entry.id}/connection")).json()["status"] == "needs_login"


async def test_a_browser_without_a_log_in_is_sent_to_ours_first(service: Service, entry: ServerEntry) -> None:
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1", headers={"Accept": "text/html"}) as browser:
        gone = await browser.get(f"/mcps/{entry.id}/connect")
        assert gone.headers["location"] == f"/login?next=/api/v1/mcps/{entry.id}/connect"
        back = await browser.get(f"/mcps/callback/{'0' * 24}", params={"code": "c", "state": "s"})
        assert back.headers["location"] == "/servers?error=not_authenticated"


async def test_another_browser_cannot_finish_what_it_did_not_start(
    service: Service, ada: Caller, bob: Caller, entry: ServerEntry, place: FakeAuthorization
) -> None:
    async with browser_of(service, ada) as browser, browser_of(service, bob) as other:
        gone = await browser.get(f"/mcps/{entry.id}/connect")
        tag, answer = await visit(gone.headers["location"])
        back = await other.get(f"/mcps/callback/{tag}", params=answer)
        assert back.headers["location"] == "/servers?error=not_authenticated"
    assert place.asked("/token") == []


async def test_a_token_gets_the_address_of_our_page_and_cannot_start_the_log_in(
    as_ada: httpx.AsyncClient, entry: ServerEntry
) -> None:
    told = (await as_ada.post(f"/mcps/{entry.id}/connect")).json()
    assert told["url"].endswith(f"/api/v1/mcps/{entry.id}/connect")
    assert refused(await as_ada.get(f"/mcps/{entry.id}/connect"), 403, "forbidden")
    answer = await as_ada.post(f"/mcps/{entry.id}/execute", json={"tool": "whoami"})
    assert refused(answer, 424, "credentials_needed")
    assert answer.json()["details"]["url"] == told["url"]


async def test_a_client_that_can_open_addresses_is_asked_to(
    service: Service, container: Container, ada: Caller, token: str, entry: ServerEntry, era: str
) -> None:
    asked: list[Any] = []

    async def open_it(_: Any, params: Any) -> ElicitResult:
        asked.append(params)
        await log_in(container, ada, entry)
        return ElicitResult(action="accept")

    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
        transport = streamable_http_client(f"{service.url}/mcp", http_client=http)
        async with Client(transport, mode=era, elicitation_callback=open_it) as client:
            if era == "legacy":
                with pytest.raises(MCPError) as needed:
                    await client.call_tool("protected__whoami", {})
                (question,) = needed.value.error.data["elicitations"]
                assert needed.value.error.code == -32042
                assert question["url"].endswith(f"/mcps/{entry.id}/connect")
                await log_in(container, ada, entry)
            result = await client.call_tool("protected__whoami", {})
    assert result.content[0].text == "whoami by ada"
    assert [one.url.endswith(f"/mcps/{entry.id}/connect") for one in asked] == ([True] if era == "auto" else [])


async def test_every_other_client_reads_the_address(service: Service, token: str, entry: ServerEntry, era: str) -> None:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
        transport = streamable_http_client(f"{service.url}/mcp", http_client=http)
        async with Client(transport, mode=era) as client:
            result = await client.call_tool("protected__whoami", {})
    assert result.is_error
    assert f"/mcps/{entry.id}/connect" in result.content[0].text


async def test_our_document_names_itself_and_one_way_back(service: Service) -> None:
    async with httpx.AsyncClient() as client:
        told = (await client.get(f"{service.url}/.well-known/mcp-client/{'a' * 24}")).json()
        odd = await client.get(f"{service.url}/.well-known/mcp-client/..%2f..%2fetc")
    assert told["client_id"].endswith(f"/.well-known/mcp-client/{'a' * 24}")
    assert [uri.endswith(f"/api/v1/mcps/callback/{'a' * 24}") for uri in told["redirect_uris"]] == [True]
    assert 400 <= odd.status_code < 500
