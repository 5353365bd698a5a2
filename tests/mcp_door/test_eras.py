"""Any client era against any server era and transport: every feature either works or says clearly why it cannot."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.shared.exceptions import MCPDeprecationWarning

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.mcp_door.conftest import Connect, approve_all, local_server, register, until
from tests.serving import free_port

ERAS = Path(__file__).parents[1] / "mcp" / "servers" / "eras.py"
BEHIND = [("modern", "stdio"), ("legacy", "stdio"), ("modern", "http"), ("legacy", "http"), ("legacy", "sse")]


@pytest.fixture(params=BEHIND, ids="-".join)
async def behind(request: pytest.FixtureRequest, container: Container, ada: Caller) -> AsyncIterator[tuple[str, str]]:
    """A server of an era behind the gateway, on a transport."""
    era, transport = request.param
    if transport == "stdio":
        await register(container, ada, **local_server("eras", str(ERAS), era, "stdio"))
        yield era, transport
        return
    port = free_port()
    server = subprocess.Popen([sys.executable, str(ERAS), era, transport, str(port)])
    try:
        await asyncio.to_thread(_wait_for, port, server)
        path = "sse" if transport == "sse" else "mcp"
        kind = "sse" if transport == "sse" else "streamable_http"
        await register(container, ada, name="eras", transport=kind, url=f"http://127.0.0.1:{port}/{path}")
        yield era, transport
    finally:
        server.kill()  # asked to stop, it would wait for us to hang up
        server.wait(10)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        assert server.poll() is None
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
        except httpx.TransportError:
            continue
        return
    pytest.fail("the server does not listen")


async def _named(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    assert params.message == "What is your name?"
    return types.ElicitResult(action="accept", content={"name": "Ada"})


async def _thought(_: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    return types.CreateMessageResult(
        role="assistant", model="brain", content=types.TextContent(type="text", text="so it is")
    )


def _text(result: Any) -> str:
    return "".join(part.text for part in result.content)


async def test_what_is_listed_can_be_used(behind: tuple[str, str], connect: Connect) -> None:
    async with connect() as client:
        await _tools_and_errors(client)
        await _progress(client)
        await _resources(client)
        await _prompts_and_completions(client)


async def _tools_and_errors(client: Client) -> None:
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"eras__add", "eras__fail"} <= names
    assert _text(await client.call_tool("eras__add", {"a": 2, "b": 3})) == "5"
    with pytest.raises(MCPError) as caught:
        await client.call_tool("eras__fail", {})
    assert (caught.value.code, caught.value.message, caught.value.data) == (-32050, "out of stock", {"left": 0})


async def _progress(client: Client) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    await client.call_tool("eras__count", {"to": 3}, progress_callback=hear)
    assert told == [(1, 3, "counted 1"), (2, 3, "counted 2"), (3, 3, "counted 3")]


async def _resources(client: Client) -> None:
    assert "note://1" in {str(one.uri) for one in (await client.list_resources()).resources}
    templates = (await client.list_resource_templates()).resource_templates
    assert "note://{number}/text" in {one.uri_template for one in templates}
    binary = (await client.read_resource("note://1")).contents[0]
    assert isinstance(binary, types.BlobResourceContents)
    assert binary.blob == "AAE="
    text = (await client.read_resource("note://7/text")).contents[0]
    assert isinstance(text, types.TextResourceContents)
    assert text.text == "note 7"
    with pytest.raises(MCPError) as caught:
        await client.read_resource("note://nowhere/at/all")
    assert caught.value.code in (-32002, -32602)


async def _prompts_and_completions(client: Client) -> None:
    assert "eras__greet" in {prompt.name for prompt in (await client.list_prompts()).prompts}
    prompt = await client.get_prompt("eras__greet", {"name": "Ada"})
    assert "Greet Ada." in str(prompt.messages[0].content)
    ref = types.PromptReference(type="ref/prompt", name="eras__greet")
    assert (await client.complete(ref, {"name": "name", "value": "A"})).completion.values == ["Ada"]


async def test_a_cancelled_call_is_cancelled_where_it_runs(
    behind: tuple[str, str], connect: Connect, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    async with connect() as client:
        call = asyncio.create_task(client.call_tool("eras__nap", {"mark": str(mark)}))
        await until(mark.exists)
        call.cancel()
        await until(lambda: mark.read_text() == "cancelled")


async def test_a_person_is_asked_in_the_middle_of_a_call(behind: tuple[str, str], connect: Connect) -> None:
    async with connect(elicitation_callback=_named) as client:
        assert _text(await client.call_tool("eras__ask", {})) == "accept {'name': 'Ada'}"


async def test_the_clients_model_is_asked_in_the_middle_of_a_call(behind: tuple[str, str], connect: Connect) -> None:
    async with connect(sampling_callback=_thought) as client:
        assert _text(await client.call_tool("eras__think", {})) == "brain: so it is"


async def test_a_client_that_cannot_be_asked_is_told_so(behind: tuple[str, str], connect: Connect) -> None:
    async with connect() as client:
        try:
            told = _text(await client.call_tool("eras__ask", {}))
        except MCPError as error:
            told = error.message
    assert told
    assert not told.startswith("accept")


class _Heard:
    """What a client was told, in both eras."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def message(self, message: object) -> None:
        method = getattr(message, "method", "")
        if method:
            self.events.append(method)


async def _listening(stack: AsyncExitStack, client: Client, heard: _Heard, uris: list[str]) -> None:
    """Hear of changes, as each era does."""
    if client.session.initialize_result is not None:
        for uri in uris:
            with pytest.warns(MCPDeprecationWarning):  # in this era it is the way
                await client.session.subscribe_resource(uri)
        return
    stream = await stack.enter_async_context(client.listen(tools_list_changed=True, resource_subscriptions=uris))

    async def read() -> None:
        async for event in stream:
            heard.events.append(type(event).__name__)

    task = asyncio.create_task(read())
    stack.callback(task.cancel)


async def test_changes_are_announced_to_who_wants_to_know(
    behind: tuple[str, str], connect: Connect, container: Container, ada: Caller
) -> None:
    heard = _Heard()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(message_handler=heard.message))
        await _listening(stack, client, heard, ["note://1"])
        await client.call_tool("eras__touch", {})
        await until(lambda: {"notifications/resources/updated", "ResourceUpdated"} & set(heard.events))
        before = {tool.name for tool in (await client.list_tools()).tools}
        heard.events.clear()  # that the server was registered is news, too
        await client.call_tool("eras__grow", {})
        await until(lambda: {"notifications/tools/list_changed", "ToolsListChanged"} & set(heard.events))
        (entry,) = [one for one in await container.registry.all() if one.name == "eras"]
        await approve_all(container, ada, entry)
        after = {tool.name for tool in (await client.list_tools(cache_mode="refresh")).tools}
        assert after - before == {"eras__grown"}
        assert _text(await client.call_tool("eras__grown", {})) == "here"
