"""Who may use the door and for what: tokens, scopes, sessions, hosts and pages."""

import httpx
import pytest
from mcp import MCPError

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Conflict
from orchestrator.core.ids import new_id
from tests.mcp_door.conftest import Connect, Service, local_server, make_caller, make_token, register

READING = {"preview_route", "get_task", "wait_task", "read_notes"}
"""What a token that may only read tasks is shown."""
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
ACCEPT = {"Accept": "application/json, text/event-stream"}


async def post(
    service: Service, body: object = INITIALIZE, *, path: str = "/mcp", token: str | None = None, **headers: str
) -> httpx.Response:
    given = ACCEPT | {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        given["Authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient() as client:
        return await client.post(service.url + path, json=body, headers=given)


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Bearer orc_wrong", "Basic YTpi"])
async def test_nobody_is_told_how_to_authenticate(service: Service, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = await post(service, **headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert (
        f'resource_metadata="{service.url}/.well-known/oauth-protected-resource/mcp"'
        in answer.headers["www-authenticate"]
    )
    assert answer.json()["code"] == "not_authenticated"


async def test_a_session_cookie_is_no_credential_here(service: Service, container: Container, ada: Caller) -> None:
    answer = await post(service, Cookie="orchestrator_session=whatever; __Host-orchestrator_session=whatever")
    assert answer.status_code == 401


async def test_an_access_token_opens_the_door(service: Service, container: Container, ada: Caller) -> None:
    token = container.tokens.issue_access(ada.user_id, new_id())
    answer = await post(service, token=token)
    assert answer.status_code == 200
    assert answer.headers["mcp-session-id"]


async def test_the_path_is_exactly_mcp(service: Service, token: str) -> None:
    assert (await post(service, token=token)).status_code == 200
    assert (await post(service, token=token, path="/mcp/more")).status_code == 404


async def test_a_token_lists_and_calls_what_its_scopes_allow(
    connect: Connect, container: Container, ada: Caller
) -> None:
    reader = await make_token(container, ada, Scope.TASKS_READ)
    async with connect(reader) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == READING
        for name in ("create_task", "diagnostics__echo"):
            with pytest.raises(MCPError, match="lacks the scope") as raised:
                await client.call_tool(name, {})
            assert raised.value.error.data["code"] == "forbidden"
        assert (await client.list_resources()).resources == []
        assert (await client.list_prompts()).prompts == []
        with pytest.raises(MCPError, match="lacks the scope"):
            await client.read_resource("test://static-text")
    foreign = await make_token(container, ada, Scope.MCPS_EXECUTE)
    async with connect(foreign) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert "diagnostics__echo" in names
        assert "get_task" not in names


async def test_nobody_sees_or_calls_another_ones_server(connect: Connect, container: Container, ada: Caller) -> None:
    await register(container, ada, **local_server("mine", "-m", "mcp_server_time"))
    bob = await make_token(container, await make_caller(container, "bob@example.org"))
    async with connect(bob) as client:
        assert not [tool.name for tool in (await client.list_tools()).tools if tool.name.startswith("mine")]
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("mine__get_current_time", {"timezone": "UTC"})


async def test_no_server_may_have_the_name_of_a_built_in_one(
    connect: Connect, container: Container, ada: Caller
) -> None:
    with pytest.raises(Conflict) as caught:
        await register(container, ada, **local_server("diagnostics", "-m", "mcp_server_time"))
    assert caught.value.field == "name"
    async with connect() as client:
        assert (await client.call_tool("diagnostics__echo", {"a": 1})).structured_content == {"a": 1}


async def test_a_session_belongs_to_whoever_opened_it(service: Service, container: Container, token: str) -> None:
    session = (await post(service, token=token)).headers["mcp-session-id"]
    bob = await make_token(container, await make_caller(container, "bob@example.org"))
    stolen = await post(service, LIST, token=bob, Mcp_Session_Id=session)
    assert stolen.status_code == 404
    own = await post(service, LIST, token=token, Mcp_Session_Id=session)
    assert own.status_code == 200


async def test_a_request_for_a_made_up_host_is_refused(service: Service, token: str) -> None:
    answer = await post(service, token=token, Host="evil.example:80")
    assert (answer.status_code, answer.json()["field"]) == (403, "Host")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://localhost.evil.example"])
async def test_a_page_from_elsewhere_is_refused(service: Service, token: str, origin: str) -> None:
    answer = await post(service, token=token, Origin=origin)
    assert (answer.status_code, answer.json()["field"]) == (403, "Origin")


async def test_a_page_of_our_own_may_call(service: Service, token: str) -> None:
    assert (await post(service, token=token, Origin=service.url)).status_code == 200


async def test_a_body_over_the_limit_is_refused(service: Service, token: str) -> None:
    body = INITIALIZE | {"padding": "x" * service.container.settings.max_body_bytes}
    # In process: over a socket the answer comes, and the connection goes, before the client has written it all.
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=ACCEPT) as client:
        answer = await client.post("/mcp", json=body, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_revoked_token_ends_a_session_in_the_middle(
    service: Service, container: Container, ada: Caller
) -> None:
    stored, token = await container.api_tokens.create(ada, "short", frozenset(Scope))
    session = (await post(service, token=token)).headers["mcp-session-id"]
    await container.api_tokens.revoke(ada.user_id, stored.id)
    assert (await post(service, LIST, token=token, Mcp_Session_Id=session)).status_code == 401
