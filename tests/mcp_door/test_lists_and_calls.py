"""Listing and calling through the door, with the official client in both eras, over real HTTP."""

import asyncio

import pytest
from mcp import MCPError

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.mcp_door.conftest import Connect, local_server, register


async def test_our_own_tools_and_those_of_servers_stand_in_one_list(connect: Connect) -> None:
    async with connect() as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
    assert names[:3] == ["create_task", "preview_route", "get_task"]
    assert {"diagnostics__echo", "code__grep", "graph__sparql", "query_graph", "list_projects"} <= set(names)
    assert len(names) == len(set(names))


async def test_a_tool_of_a_built_in_server_answers(connect: Connect) -> None:
    async with connect() as client:
        result = await client.call_tool("diagnostics__echo", {"text": "hello", "deep": {"nothing": None}})
    assert not result.is_error
    assert result.structured_content == {"text": "hello", "deep": {"nothing": None}}


async def test_a_third_party_server_is_listed_and_called(connect: Connect, container: Container, ada: Caller) -> None:
    await register(container, ada, **local_server("time", "-m", "mcp_server_time", "--local-timezone", "UTC"))
    async with connect() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "timezone" in tools["time__get_current_time"].input_schema["properties"]
        result = await client.call_tool("time__get_current_time", {"timezone": "Europe/Berlin"})
    assert "Europe/Berlin" in result.content[0].text


async def test_an_unknown_tool_is_a_protocol_error(connect: Connect) -> None:
    async with connect() as client:
        for name in ("nothing", "diagnostics__nothing", "nobody__echo"):
            with pytest.raises(MCPError, match="Unknown tool") as raised:
                await client.call_tool(name, {})
            assert raised.value.error.code == -32602


async def test_wrong_arguments_are_a_result_the_model_can_mend(connect: Connect) -> None:
    async with connect() as client:
        result = await client.call_tool("diagnostics__wait", {"seconds": "soon"})
        own = await client.call_tool("get_task", {"task_id": "none"})
    assert result.is_error
    assert result.structured_content["error"]["field"] == "arguments.seconds"
    assert own.is_error
    assert own.structured_content["error"]["field"] == "arguments.task_id"


async def test_a_tools_own_error_is_its_result(connect: Connect) -> None:
    async with connect() as client:
        result = await client.call_tool("diagnostics__fail", {"message": "no luck"})
    assert result.is_error
    assert result.content[0].text == "no luck"


async def test_fifty_calls_at_once_are_all_answered_by_their_own_answer(connect: Connect) -> None:
    async with connect() as client:
        results = await asyncio.gather(
            *(client.call_tool("diagnostics__echo", {"number": number}) for number in range(50))
        )
    assert [result.structured_content["number"] for result in results] == list(range(50))


async def test_progress_of_a_tool_reaches_the_client_before_its_result(connect: Connect) -> None:
    told: list[float] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async with connect() as client:
        await client.call_tool("diagnostics__wait", {"seconds": 1.2}, progress_callback=hear)
    assert told == [0.5, 1.0, 1.2]


async def test_lists_say_how_long_they_hold_and_changes_are_announced(connect: Connect, era: str) -> None:
    async with connect() as client:
        assert client.server_capabilities.tools.list_changed
        listed = await client.list_tools()
    if era != "legacy":
        assert (listed.ttl_ms, listed.cache_scope) == (5000, "private")
