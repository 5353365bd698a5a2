"""The door over stdio: a program relays what its client says to the service and back, in both eras, and leaves nothing.

What each era can do is in ``test_eras``, through this door as well; here is what can go wrong between a client, this
program and a service. Its client is a pipe, so that what passes is seen as it is.
"""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import encode_header_value

from orchestrator.bootstrap import Container
from orchestrator.cli.stdio.messages import header_value
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from tests.mcp_door.conftest import (
    Service,
    local_server,
    make_caller,
    make_token,
    register,
    serving,
    stdio_door,
    until,
)
from tests.mcp_door.test_access import ACCEPT, INITIALIZE, LIST
from tests.mcp_door.test_eras import ERAS
from tests.mcp_door.test_lossless import MIRROR
from tests.serving import free_port

pytestmark = pytest.mark.timeout(240)

_SECONDS = 60
_READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
_META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


class _Pipe:
    """A client of the program that sees the bytes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []

    async def say(self, *lines: dict[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        for line in lines:
            self.process.stdin.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        await self.process.stdin.drain()

    async def line(self) -> bytes:
        assert self.process.stdout is not None
        async with asyncio.timeout(_SECONDS):
            return await self.process.stdout.readline()

    async def answer(self, key: object) -> dict[str, Any]:
        """The answer with this id; what comes before it is kept."""
        while True:
            message: dict[str, Any] = json.loads(await self.line())
            if message.get("id") == key and "method" not in message:
                return message
            self.heard.append(message)

    async def until_heard(self, method: str) -> dict[str, Any]:
        while True:
            for message in self.heard:
                if message.get("method") == method:
                    self.heard.remove(message)
                    return message
            self.heard.append(json.loads(await self.line()))

    async def ask(self, key: object, method: str, **params: Any) -> dict[str, Any]:
        await self.say({"jsonrpc": "2.0", "id": key, "method": method, "params": params})
        return await self.answer(key)

    async def greet(self) -> None:
        await self.say(INITIALIZE)
        assert "result" in await self.answer(1)
        await self.say(_READY)

    async def end(self) -> str:
        """Close its input; what it had to say to people, once it is gone by itself."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        async with asyncio.timeout(_SECONDS):
            said = await self.process.stderr.read()
            assert await self.process.wait() == 0
        return said.decode()


Start = Callable[..., AbstractAsyncContextManager[_Pipe]]


@asynccontextmanager
async def _started(url: str, token: str, *, path: str = "/mcp", **environment: str) -> AsyncIterator[_Pipe]:
    what = stdio_door(url, token, path)
    process = await asyncio.create_subprocess_exec(
        what.command, *what.args, env={**os.environ, **(what.env or {}), **environment}, limit=64 * 1024 * 1024,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield _Pipe(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def start(service: Service, token: str) -> Start:
    """Starts the program for this service: ``async with start() as pipe``."""
    return lambda bearer=token, **more: _started(service.url, bearer, **more)


def _call(key: object, tool: str, era: str = "legacy", **arguments: Any) -> dict[str, Any]:
    meta = {} if era == "legacy" else {"_meta": _META}
    params = {"name": tool, "arguments": arguments, **meta}
    return {"jsonrpc": "2.0", "id": key, "method": "tools/call", "params": params}


async def test_what_passes_is_byte_for_byte_what_passes_over_http(
    service: Service, token: str, start: Start, container: Container, ada: Caller, tmp_path: Path, era: str
) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps([{"name": "odd", "inputSchema": {"type": "object", "$anchor": "a"}, "x-unknown": [1]}]))
    await register(
        container, ada, **local_server("mirror", str(MIRROR), "legacy" if era == "legacy" else "modern", str(tools))
    )
    more: dict[str, Any] = {} if era == "legacy" else {"_meta": _META}
    said = {"x-more": {"deep": [1.50, None]}, "content": [{"type": "hologram", "rays": "\u2028\u0085 ü"}]}
    listing = {**LIST, "params": more}
    calling = _call("call", "mirror__odd", era, answer=said)
    async with start() as pipe, httpx.AsyncClient(base_url=service.url, timeout=30) as http:
        headers = {**ACCEPT, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if era == "legacy":
            await pipe.greet()
            opened = await http.post("/mcp", json=INITIALIZE, headers=headers)
            headers |= {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
            await http.post("/mcp", json=_READY, headers=headers)
        for message, name in ((listing, None), (calling, "mirror__odd")):
            own = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": message["method"]} if era != "legacy" else {}
            own |= {"Mcp-Name": name} if name and own else {}
            there = await http.post("/mcp", json=message, headers=headers | own)
            await pipe.say(message)
            assert await pipe.line() == there.content + b"\n"
            assert "result" in there.json(), there.text
        assert await pipe.end() == ""


async def test_a_client_that_does_not_wait_for_the_greetings_answer_is_answered_all_the_same(start: Start) -> None:
    async with start() as pipe:
        await pipe.say(INITIALIZE, _READY, LIST, _call("echo", "diagnostics__echo", word="so soon"))
        assert "result" in await pipe.answer(1)
        answers = {one["id"]: one for one in (json.loads(await pipe.line()), json.loads(await pipe.line()))}
        assert answers[2]["result"]["tools"]
        assert answers["echo"]["result"]["structuredContent"]["word"] == "so soon"
        assert await pipe.end() == ""


async def test_many_requests_at_once_are_all_answered(start: Start, era: str) -> None:
    async with start() as pipe:
        if era == "legacy":
            await pipe.greet()
        keys = [f"k{number}" for number in range(150)]
        await pipe.say(*(_call(key, "diagnostics__echo", era, word=key) for key in keys))
        answers = [json.loads(await pipe.line()) for _ in keys]
        assert {one["id"]: one["result"]["structuredContent"]["word"] for one in answers} == {key: key for key in keys}


async def test_a_client_that_does_not_read_is_waited_for(start: Start) -> None:
    """What it has not taken is not piled up here."""
    big, count = "x" * 500_000, 200
    async with start() as pipe:
        await pipe.greet()
        before = _most_memory(pipe)
        calls = [_call(number + 10, "diagnostics__echo", text=big) for number in range(count)]
        writing = asyncio.create_task(pipe.say(*calls))
        answers = [json.loads(await pipe.line())["id"] for _ in range(count)]
        await writing
        assert set(answers) == {number + 10 for number in range(count)}
        assert _most_memory(pipe) - before < count * len(big)


def _most_memory(pipe: _Pipe) -> int:
    status = Path(f"/proc/{pipe.process.pid}/status").read_text()
    (most,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(most) * 1024


async def test_a_call_that_is_given_up_is_cancelled_where_it_runs_and_never_answered(
    start: Start, container: Container, ada: Caller, tmp_path: Path, era: str
) -> None:
    await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    mark = tmp_path / "mark"
    async with start() as pipe:
        if era == "legacy":
            await pipe.greet()
        await pipe.say(_call("nap", "eras__nap", era, mark=str(mark)))
        await until(mark.exists, 30)
        await pipe.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "nap"}})
        await until(lambda: mark.read_text() == "cancelled", 30)
        await pipe.say(_call("after", "diagnostics__echo", era, a=1))
        await pipe.answer("after")
        assert "nap" not in {message.get("id") for message in pipe.heard}


@pytest.mark.parametrize("way", ["end of input", "signal", "reader gone"])
async def test_it_ends_with_its_client_and_leaves_no_session_and_no_call(
    service: Service, start: Start, container: Container, ada: Caller, tmp_path: Path, way: str
) -> None:
    await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    mark = tmp_path / "mark"
    sessions = service.app.state.mcp_door._manager._server_instances
    async with start() as pipe:
        await pipe.greet()
        await pipe.say(_call("nap", "eras__nap", mark=str(mark)))
        await until(mark.exists, 30)
        assert len(sessions) == 1
        if way == "signal":
            pipe.process.send_signal(signal.SIGTERM)
        elif way == "reader gone":
            pipe.process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
            await pipe.say(_call("last", "diagnostics__echo", a=1))
        assert await pipe.end() == ""
    await until(lambda: mark.read_text() == "cancelled", 30)
    await until(lambda: not sessions, 30)


async def test_a_service_that_was_restarted_is_found_again_and_the_session_with_all_that_was_set(
    settings: Settings,
) -> None:
    port = free_port()
    async with AsyncExitStack() as stack:
        async with serving(settings, port) as first:
            ada = await make_caller(first.container)
            await register(first.container, ada, **local_server("eras", str(ERAS), "legacy", "stdio"))
            pipe = await stack.enter_async_context(_started(first.url, await make_token(first.container, ada)))
            await pipe.greet()
            assert "result" in await pipe.ask("level", "logging/setLevel", level="error")
            assert "result" in await pipe.ask("watch", "resources/subscribe", uri="note://1")
        away = (await pipe.ask("away", "tools/list"))["error"]
        assert (away["code"], away["data"]["code"]) == (-32000, "unavailable")
        assert f"No orchestrator answers at {first.url}" in away["message"]
        pipe.heard.clear()
        async with serving(settings, port):
            await _goes_on_as_before(pipe)


async def _goes_on_as_before(pipe: _Pipe) -> None:
    told = await pipe.ask("touch", "tools/call", name="eras__touch", arguments={})
    assert "result" in told, told
    for method in ("notifications/tools/list_changed", "notifications/resources/updated"):
        await pipe.until_heard(method)
    pipe.heard.clear()
    await pipe.ask("say", "tools/call", name="eras__say", arguments={})
    levels = [one["params"]["level"] for one in pipe.heard if one["method"] == "notifications/message"]
    assert levels == ["error"]
    assert "opened again" in await pipe.end()


async def test_a_listener_of_the_newer_era_is_told_when_the_service_goes(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        async with serving(settings) as first:
            token = await make_token(first.container, await make_caller(first.container))
            pipe = await stack.enter_async_context(_started(first.url, token))
            wishes = {"notifications": {"toolsListChanged": True}, "_meta": _META}
            await pipe.say({"jsonrpc": "2.0", "id": "l", "method": "subscriptions/listen", "params": wishes})
            await pipe.until_heard("notifications/subscriptions/acknowledged")
        assert (await pipe.answer("l")).keys() & {"result", "error"}


async def test_who_is_not_let_in_is_told_why_and_what_to_do(service: Service, tmp_path: Path) -> None:
    async with _started(service.url, "orc_wrong") as pipe:
        refused = await pipe.ask(1, **_without_id(INITIALIZE))
        assert refused["error"]["code"] == -32010
        assert "ORCHESTRATOR_TOKEN is not accepted" in refused["error"]["message"]
    async with _started(service.url, "", XDG_CONFIG_HOME=str(tmp_path)) as pipe:
        refused = await pipe.ask("x", "server/discover", _meta=_META)
        assert "Nobody is logged in" in refused["error"]["message"]
        assert "orchestrator login" in refused["error"]["message"]


def _without_id(message: dict[str, Any]) -> dict[str, Any]:
    return {"method": message["method"], **message["params"]}


async def test_a_log_in_that_has_expired_is_renewed_on_the_way(service: Service, tmp_path: Path) -> None:
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1") as http:
        person = {"email": "ada@example.org", "password": "a long password"}
        await http.post("/auth/register", json=person)
        given = (await http.post("/auth/login", json=person)).json()
    folder = tmp_path / "orchestrator"
    folder.mkdir()
    login = {"email": person["email"], "access_token": "expired", "refresh_token": given["refresh_token"]}
    file = folder / "login.json"
    file.write_text(json.dumps({"logins": {service.url: login}, "last": service.url}))
    async with _started(service.url, "", XDG_CONFIG_HOME=str(tmp_path)) as pipe:
        await pipe.greet()
        assert "result" in await pipe.ask("list", "tools/list")
    kept = json.loads(file.read_text())["logins"][service.url]
    assert kept["access_token"] != "expired"
    assert kept["refresh_token"] != given["refresh_token"]


async def test_arguments_that_a_tool_wants_in_headers_are_put_there(
    start: Start, container: Container, ada: Caller, tmp_path: Path
) -> None:
    """Clients over stdio send none, and this one has not even asked for the list."""
    tools = tmp_path / "tools.json"
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}, "answer": {}}}
    tools.write_text(json.dumps([{"name": "deploy", "inputSchema": schema}]))
    await register(container, ada, **local_server("mirror", str(MIRROR), "modern", str(tools)))
    async with start() as pipe:
        for region in ("north", "süd \n"):
            await pipe.say(_call(region, "mirror__deploy", "modern", region=region, answer={}))
            told = await pipe.answer(region)
            assert told["result"]["structuredContent"]["received"]["arguments"]["region"] == region, told


async def test_lines_that_are_no_messages_are_answered_as_such_and_the_rest_goes_on(start: Start) -> None:
    large = b"x" * (17 * 1024 * 1024)
    async with start() as pipe:
        await pipe.say(b"nonsense", b"\xff", b"", b"[]", b'{"jsonrpc":"1.0","id":4}', b'{"jsonrpc":"2.0","id":{}}')
        codes = [json.loads(await pipe.line())["error"]["code"] for _ in range(5)]
        assert codes == [-32700, -32700, -32600, -32600, -32600]
        await pipe.say(
            b'{"jsonrpc":"2.0","id":"first","method":"tools/call","params":{"name":"' + large + b'"}}',
            b'{"method":"tools/call","params":{"name":"' + large + b'"},"jsonrpc":"2.0","id":5}',
        )
        for key in ("first", 5):
            assert "too large" in (await pipe.answer(key))["error"]["message"]
        await pipe.say(_call("many", "diagnostics__echo", "modern", text="y" * (5 * 1024 * 1024)))
        over = (await pipe.answer("many"))["error"]
        assert over["data"]["code"] == "too_large", over
        await pipe.say(_call("fits", "diagnostics__echo", "modern", a=1))
        assert (await pipe.answer("fits"))["result"]["structuredContent"] == {"a": 1}


async def test_an_endpoint_that_is_not_there_is_named(start: Start) -> None:
    async with start(path="/mcp/no where") as pipe:
        refused = await pipe.ask("x", "server/discover", _meta=_META)
        assert (refused["error"]["data"]["code"], "no where" in refused["error"]["message"]) == ("not_found", True)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40))
def test_names_stand_in_headers_as_the_sdk_writes_them(name: str) -> None:
    assert header_value(name) == encode_header_value(name)


def test_files_serve_as_well_as_pipes(tmp_path: Path) -> None:
    """What is asked is in a file, and the answers go into one; the service is away."""
    (tmp_path / "asked").write_bytes(json.dumps(LIST).encode())
    what = stdio_door("http://127.0.0.1:9", "orc_x")
    with (tmp_path / "asked").open("rb") as asked, (tmp_path / "told").open("wb") as told:
        done = subprocess.run(
            [what.command, *what.args], env={**os.environ, **(what.env or {})}, stdin=asked, stdout=told,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert json.loads((tmp_path / "told").read_bytes())["error"]["code"] == -32000
