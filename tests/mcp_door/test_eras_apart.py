"""What one era has and the other has not: it is carried over, or refused in words that say why; never left silent."""

import asyncio
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.shared.exceptions import MCPDeprecationWarning

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from tests.mcp_door.conftest import HOSTILE, Connect, Service, local_server, make_token, register
from tests.mcp_door.test_access import INITIALIZE, post
from tests.mcp_door.test_eras import ERAS
from tests.mcp_door.test_eras import behind as behind

MODERN = "2026-07-28"
ASKING = [("eras__ask", "elicitation"), ("eras__think", "sampling"), ("eras__where", "roots")]


def _text(result: Any) -> str:
    return "".join(part.text for part in result.content)


async def _folders(_: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///work")])


async def test_what_one_era_has_is_carried_over_or_refused_with_the_reason(
    behind: tuple[str, str], connect: Connect
) -> None:
    """Folders, questions that nobody declared, and log levels, all over one server."""
    async with connect(list_roots_callback=_folders) as client:
        assert _text(await client.call_tool("eras__where", {})) == "file:///work"
    await _refused_with_what_to_declare(connect)
    await _heard_from_the_level_named(connect)


async def _refused_with_what_to_declare(connect: Connect) -> None:
    async with connect() as client:
        for tool, capability in ASKING:
            try:
                result = await client.call_tool(tool, {})
                assert result.is_error
                told = _text(result)
            except MCPError as error:
                told = f"{error.message} {error.data}"
            assert capability in told


async def _heard_from_the_level_named(connect: Connect) -> None:
    heard: list[str] = []

    async def hear(message: types.LoggingMessageNotificationParams) -> None:
        heard.append(str(message.data))

    async with connect(logging_callback=hear) as client:
        assert _text(await client.call_tool("eras__say", {})) == "said"
        silent = client.session.initialize_result is None
        assert heard == ([] if silent else ["a debug", "a error"])
    heard.clear()
    async with connect(logging_callback=hear, log_level="error") as client:
        if client.session.initialize_result is not None:
            with pytest.warns(MCPDeprecationWarning):  # in this era it is the way
                await client.set_logging_level("error")
        await client.call_tool("eras__say", {})
        assert heard == ["a error"]


async def test_a_server_that_asks_as_soon_as_it_is_greeted_gets_an_answer(
    connect: Connect, container: Container, ada: Caller
) -> None:
    await register(container, ada, **local_server("curious", str(HOSTILE), "asks-roots-at-once"))
    async with connect(list_roots_callback=_folders) as client:
        assert "file:///work" in _text(await client.call_tool("curious__poke", {}))


async def _subscribe(client: Client, uri: str) -> None:
    if client.session.initialize_result is not None:
        with pytest.warns(MCPDeprecationWarning):  # in this era it is the way
            await client.session.subscribe_resource(uri)
        return
    async with client.listen(resource_subscriptions=[uri]):
        pass


async def test_a_resource_nobody_has_cannot_be_watched(connect: Connect, era: str) -> None:
    async with connect() as client:
        with pytest.raises(MCPError, match="Resource not found") as refused:
            await _subscribe(client, "nowhere://at/all")
    assert refused.value.code == (-32002 if era == "legacy" else -32602)


@pytest.mark.parametrize("of_server", ["modern", "legacy"])
async def test_who_wants_to_hear_of_what_a_server_never_tells_is_told_so(
    connect: Connect, container: Container, ada: Caller, of_server: str
) -> None:
    await register(container, ada, **local_server("mute", str(ERAS), of_server, "stdio", "mute"))
    async with connect() as client:
        for _ in range(2):
            with pytest.raises(MCPError, match="does not tell of changes"):
                await _subscribe(client, "note://1")


async def test_a_listener_is_told_which_of_its_wishes_are_heard(
    connect: Connect, container: Container, ada: Caller, era: str
) -> None:
    if era == "legacy":
        return  # there each wish is a request of its own
    for name, more in (("eras", []), ("mute", ["mute"])):
        await register(container, ada, **local_server(name, str(ERAS), "modern", "stdio", *more))
    own = ["note://1", "orchestrator+mute:note://1"]
    wishes = {"tools_list_changed": True, "resource_subscriptions": own}
    async with connect() as client, client.listen(**wishes) as stream:  # type: ignore[arg-type]
        assert stream.honored.resource_subscriptions == ["note://1"]
        assert stream.honored.tools_list_changed


async def test_watching_needs_the_scope_that_reading_needs(connect: Connect, container: Container, ada: Caller) -> None:
    await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    reader = await make_token(container, ada, Scope.TASKS_READ)
    async with connect(reader) as client:
        with pytest.raises(MCPError, match="lacks the scope"):
            await _subscribe(client, "note://1")


@pytest.mark.parametrize("method", ["ping", "logging/setLevel", "resources/subscribe", "initialize"])
async def test_what_the_newer_era_dropped_is_an_unknown_method_there(service: Service, token: str, method: str) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    }  # fmt: skip
    params = {"level": "error", "uri": "note://1", **INITIALIZE["params"], "_meta": meta}  # type: ignore[dict-item]
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    answer = await post(service, body, token=token, MCP_Protocol_Version=MODERN, Mcp_Method=method)
    error = answer.json()["error"]
    assert (answer.json()["id"], error["code"]) == (7, -32601), answer.text
    assert error["message"]


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen", "tasks/get", "tasks/update"])
async def test_what_the_older_era_did_not_have_is_an_unknown_method_there(
    service: Service, token: str, method: str
) -> None:
    session = (await post(service, token=token)).headers["mcp-session-id"]
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    await post(service, ready, token=token, Mcp_Session_Id=session)
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {"taskId": "1", "notifications": {}}}
    async with asyncio.timeout(10):
        answer = await post(service, body, token=token, Mcp_Session_Id=session)
    assert '"code":-32601' in answer.text.replace(" ", "")
    assert "Method not found" in answer.text


@pytest.mark.parametrize("of_server", ["modern", "legacy"])
async def test_a_form_that_is_filled_in_wrongly_is_refused_with_the_field_and_can_be_filled_in_again(
    connect: Connect, container: Container, ada: Caller, era: str, of_server: str
) -> None:
    if era != "legacy" and of_server == "modern":
        return  # both play the rounds out between themselves
    await register(container, ada, **local_server("eras", str(ERAS), of_server, "stdio"))
    answers: list[Any] = [5, "Ada"]

    async def named(_: Any, __: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": answers.pop(0)})

    async with connect(elicitation_callback=named) as client:
        with pytest.raises(MCPError, match=r"content\.name: 5 is not of type 'string'") as refused:
            await client.call_tool("eras__ask", {})
        place = "result" if era == "legacy" else "inputResponses.1"
        assert refused.value.data["field"] == f"{place}.content.name"
        assert _text(await client.call_tool("eras__ask", {})) == "accept {'name': 'Ada'}"
