"""Any client era against any server era and transport: every feature either works or says clearly why it cannot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.shared.exceptions import MCPDeprecationWarning

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.launches import LAUNCHES
from tests.mcp_door.conftest import Connect, approve_all, local_server, register, until
from tests.serving import free_port, listens

ERAS = Path(__file__).parents[1] / "mcp" / "servers" / "eras.py"
BEHIND = [
    ("modern", "stdio", "http"), ("legacy", "stdio", "http"), ("modern", "http", "http"), ("legacy", "http", "http"),
    ("legacy", "sse", "http"), ("modern", "stdio", "stdio"), ("legacy", "stdio", "stdio"),
]  # fmt: skip
"""Era and transport of the server, and the door its clients come through."""


@pytest.fixture(params=BEHIND, ids="-".join)
async def behind(request: pytest.FixtureRequest, container: Container, ada: Caller) -> AsyncIterator[tuple[str, str]]:
    """A server of an era behind the gateway, on a transport."""
    era, transport, _ = request.param
    if transport == "stdio":
        await register(container, ada, **local_server("eras", str(ERAS), era, "stdio"))
        yield era, transport
        return
    port = free_port()
    server = LAUNCHES.run(ERAS, era, transport, str(port))
    try:
        await listens(port)
        path = "sse" if transport == "sse" else "mcp"
        kind = "sse" if transport == "sse" else "streamable_http"
        await register(container, ada, name="eras", transport=kind, url=f"http://127.0.0.1:{port}/{path}")
        yield era, transport
    finally:
        server.kill()  # asked to stop, it would wait for us to hang up


async def _named(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    assert params.message == "What is your name?"
    return types.ElicitResult(action="accept", content={"name": "Ada"})


async def _thought(_: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    return types.CreateMessageResult(
        role="assistant", model="brain", content=types.TextContent(type="text", text="so it is")
    )


def _text(result: Any) -> str:
    return "".join(part.text for part in result.content)


async def test_every_feature_works_or_says_why_it_cannot(
    behind: tuple[str, str], connect: Connect, container: Container, ada: Caller, tmp_path: Path
) -> None:
    """All over one server: to start one, and a gateway before it, costs more than to use them."""
    async with connect() as client:
        await _tools_and_errors(client)
        await _progress(client)
        await _resources(client)
        await _prompts_and_completions(client)
        await _cancellation(client, tmp_path / "mark")
        await _nobody_to_ask(client)
    async with connect(elicitation_callback=_named, sampling_callback=_thought) as client:
        assert _text(await client.call_tool("eras__ask", {})) == "accept {'name': 'Ada'}"
        assert _text(await client.call_tool("eras__think", {})) == "brain: so it is"
    await _changes(connect, container, ada)


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


async def _cancellation(client: Client, mark: Path) -> None:
    """A cancelled call is cancelled where it runs."""
    call = asyncio.create_task(client.call_tool("eras__nap", {"mark": str(mark)}))
    await until(mark.exists)
    call.cancel()
    await until(lambda: mark.read_text() == "cancelled")


async def _nobody_to_ask(client: Client) -> None:
    """A client that cannot be asked is told so."""
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


async def _changes(connect: Connect, container: Container, ada: Caller) -> None:
    """Changes are announced to who wants to know."""
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
