"""What the door answers before the framework sees it, what it leaves to the framework, and that both look the same."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared import _otel
from opentelemetry import trace
from starlette.datastructures import Headers
from starlette.types import Message

from orchestrator.api.mcp_door import McpDoor
from orchestrator.api.mcp_headers import KnownHeaders, ReadHeaders
from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import ALL_SCOPES, Caller
from orchestrator.services.call_log import Filters
from tests.mcp_door.conftest import HOSTILE, Service, local_server, make_caller, make_token, register, serving, until
from tests.mcp_door.test_access import ACCEPT

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
CALL = {
    "jsonrpc": "2.0", "id": 7, "method": "tools/call",
    "params": {"name": "diagnostics__echo", "arguments": {"text": "hello"}, "_meta": META},
}  # fmt: skip
NEWER = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "diagnostics__echo"}


class Seen:
    """A layer of the framework that notes which requests cross it."""

    def __init__(self, app: Any, paths: list[str]) -> None:
        self._app, self._paths = app, paths

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self._paths.append(scope["path"])
        await self._app(scope, receive, send)


@pytest.fixture
def crossed(service: Service) -> list[str]:
    """The paths of requests that cross the framework's layers."""
    paths: list[str] = []
    service.app.middleware_stack = Seen(service.app.middleware_stack or service.app.build_middleware_stack(), paths)
    return paths


def written(service: Service, token: str, body: object, path: str = "/mcp", **headers: str) -> bytes:
    """A call of the newer era as it goes over the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {
        "Host": service.url.removeprefix("http://"), "Authorization": f"Bearer {token}", **ACCEPT, **NEWER,
        "Content-Type": "application/json", "Content-Length": str(len(data)), **headers,
    }  # fmt: skip
    head = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items() if value)]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + data


@asynccontextmanager
async def talking(service: Service) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of our own, which a client library would keep from doing wrong."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The next answer on a connection."""
    async with asyncio.timeout(20):
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(status.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def asked(service: Service, request: bytes) -> tuple[int, dict[str, str], bytes]:
    async with talking(service) as (reader, writer):
        writer.write(request)
        return await answer(reader)


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp/none-of-this-name", "/mcp?x=1"])
async def test_a_request_for_the_door_crosses_no_layer_of_the_framework(
    service: Service, token: str, crossed: list[str], path: str
) -> None:
    status, headers, _ = await asked(service, written(service, token, CALL, path))
    assert status == (404 if "none" in path else 200)
    assert headers["x-frame-options"] == "DENY"
    assert len(headers["x-request-id"]) == 36
    assert crossed == []


@pytest.mark.parametrize("path", ["/mcpx", "/mcp/a/b", "/mcp//", "/MCP", "/api/v1/mcp", "/%2Fmcp"])
async def test_any_other_path_is_the_frameworks_which_knows_none(
    service: Service, token: str, crossed: list[str], path: str
) -> None:
    status, headers, body = await asked(service, written(service, token, CALL, path))
    assert (status in (404, 405), headers["content-type"]) == (True, "application/problem+json"), body
    assert len(crossed) == 1


async def test_a_path_that_is_written_otherwise_names_the_same_door(service: Service, token: str) -> None:
    status, _, body = await asked(service, written(service, token, CALL, "/%6Dcp"))
    assert (status, json.loads(body)["id"]) == (200, 7)


@pytest.mark.parametrize("name", ["..", "%2e%2e", "%00", "x" * 5000, "%F0%9F%98%80", "'; DROP TABLE tool_calls"])
async def test_an_endpoint_nobody_made_is_not_found_whatever_it_is_called(
    service: Service, token: str, name: str
) -> None:
    status, headers, body = await asked(service, written(service, token, CALL, f"/mcp/{name.replace(' ', '%20')}"))
    assert (status, headers["content-type"]) == (404, "application/problem+json"), body
    assert json.loads(body)["request_id"] == headers["x-request-id"]


async def test_an_error_nobody_expected_is_told_as_everywhere_and_shows_nothing_inside(
    service: Service, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(service.app.state.mcp_door, "handle", broken)
    status, _, body = await asked(service, written(service, token, CALL))
    problem = json.loads(body)
    assert (status, problem["code"], len(problem["request_id"])) == (500, "internal_error", 36)
    assert b"secret" not in body


async def test_an_error_after_the_answer_is_no_second_answer(
    service: Service, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    door: McpDoor = service.app.state.mcp_door
    handle = door.handle

    async def late(*request: Any) -> None:
        await handle(*request)
        raise RuntimeError("too late to be told")

    monkeypatch.setattr(door, "handle", late)
    request = written(service, token, CALL)
    async with talking(service) as (reader, writer):
        writer.write(request)
        status, _, body = await answer(reader)
        assert (status, json.loads(body)["id"]) == (200, 7)
        assert await asyncio.wait_for(reader.read(), 20) == b""


async def test_one_connection_carries_call_after_call_until_the_client_wants_no_more(
    service: Service, token: str
) -> None:
    async with talking(service) as (reader, writer):
        for number in (1, 2):
            writer.write(written(service, token, CALL | {"id": number}))
            assert json.loads((await answer(reader))[2])["id"] == number
        writer.write(written(service, token, CALL | {"id": 3}) + written(service, token, CALL | {"id": 4}))
        assert [json.loads((await answer(reader))[2])["id"] for _ in range(2)] == [3, 4]
        writer.write(written(service, token, CALL, Connection="close"))
        status, headers, _ = await answer(reader)
        assert (status, headers["connection"]) == (200, "close")
        assert await asyncio.wait_for(reader.read(), 20) == b""


async def test_a_large_answer_arrives_whole(service: Service, token: str) -> None:
    text = "é" * 200_000
    call = CALL | {"params": CALL["params"] | {"arguments": {"text": text}}}  # type: ignore[operator]
    _, _, body = await asked(service, written(service, token, call))
    assert json.loads(body)["result"]["structuredContent"] == {"text": text}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic eDp5"}, 401),
        ({"Authorization": "Bearer \xe9\xff"}, 401),
        ({"Accept": "text/html"}, 406),
        ({"Content-Type": "text/plain"}, 400),
        ({"Mcp-Method": "\xff"}, 400),
        ({"Content-Length": "x"}, 400),
    ],
    ids=str,
)
async def test_headers_that_will_not_do_are_refused_also_after_good_ones(
    service: Service, token: str, headers: dict[str, str], status: int
) -> None:
    good = written(service, token, CALL)
    assert (await asked(service, good))[0] == 200
    assert (await asked(service, written(service, token, CALL, **headers)))[0] == status
    assert (await asked(service, good))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'"x"', b"null", b'{"jsonrpc":"2.0"}'])
async def test_a_body_that_is_no_request_is_refused_and_harms_nobody(service: Service, token: str, body: bytes) -> None:
    assert (await asked(service, written(service, token, body)))[0] == 400
    assert (await asked(service, written(service, token, CALL)))[0] == 200


async def test_headers_that_are_known_let_nobody_in_whose_token_was_revoked(
    service: Service, container: Container, ada: Caller
) -> None:
    row, token = await container.api_tokens.create(ada, "short", ALL_SCOPES)
    request = written(service, token, CALL)
    assert (await asked(service, request))[0] == 200
    await container.api_tokens.revoke(ada.user_id, row.id)
    assert (await asked(service, request))[0] == 401


async def test_what_one_client_says_of_itself_is_never_taken_for_another_ones(
    service: Service, container: Container, token: str
) -> None:
    other = await make_token(container, await make_caller(container, "eve@example.org"))
    for bearer in (token, other, token):
        meta = META | {"io.modelcontextprotocol/clientInfo": {"name": bearer[-6:], "version": "1"}}
        call = CALL | {"params": CALL["params"] | {"_meta": meta}}  # type: ignore[operator]
        status, _, body = await asked(service, written(service, bearer, call))
        assert (status, json.loads(body)["result"]["structuredContent"]) == (200, {"text": "hello"})
        wrong = CALL | {"params": CALL["params"] | {"_meta": meta, "name": "diagnostics__wait"}}  # type: ignore[operator]
        assert (await asked(service, written(service, bearer, wrong)))[0] == 400


async def test_a_client_that_goes_in_the_middle_of_its_request_is_no_call(
    service: Service, container: Container, ada: Caller, token: str
) -> None:
    request = written(service, token, CALL)
    async with talking(service) as (_, writer):
        writer.write(request[:-20])
        await writer.drain()
    assert (await asked(service, request))[0] == 200
    await container.audit.settle()
    assert (await container.call_log.page(ada, Filters(), limit=9, offset=0))[1] == 1


async def test_a_client_that_goes_in_the_middle_of_a_call_has_it_cancelled(
    service: Service, container: Container, ada: Caller, token: str, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    await register(container, ada, **local_server("patient", str(HOSTILE), "waits-for-cancel", str(mark)))
    call = CALL | {"params": CALL["params"] | {"name": "patient__poke", "arguments": {}}}  # type: ignore[operator]
    async with talking(service) as (_, writer):
        writer.write(written(service, token, call, **{"Mcp-Name": "patient__poke"}))
        await until(mark.exists)
    await until(lambda: mark.read_text() == "true")


async def test_pages_that_may_call_cross_the_framework_which_tells_them_so(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"cors_origins": "https://page.example"})) as service:
        token = await make_token(service.container, await make_caller(service.container))
        request = written(service, token, CALL, Origin="https://page.example")
        status, headers, body = await asked(service, request)
    assert (status, json.loads(body)["id"]) == (200, 7)
    assert headers["access-control-allow-origin"] == "https://page.example"
    assert headers["x-frame-options"] == "DENY"


def scope_of(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": [*headers]}


async def nothing() -> Message:
    raise AssertionError("nothing is received here")


def test_headers_are_kept_of_callers_who_are_known_and_not_too_many() -> None:
    checked: list[str] = []
    known = KnownHeaders(lambda headers: checked.append(headers["a"]))
    scope = scope_of((b"a", b"1"), (b"content-length", b"5"))
    first = known.request(scope, nothing).read
    assert known.request(scope, nothing).read is not first
    known.keep(first)
    again = known.request(scope_of((b"a", b"1"), (b"x-request-id", b"q"), (b"content-length", b"77")), nothing)
    assert (again.read, again.headers) == (first, first)
    assert known.request(scope_of((b"a", b"2")), nothing).read["a"] == "2"
    assert checked == ["1", "1", "2"]
    for number in range(3000):
        known.keep(ReadHeaders(((b"a", b"%d" % number),)))
    known.keep(ReadHeaders(((b"a", b"x" * 100_000),)))
    assert sum(len(value) for key in known._known for _, value in key) < 10_000


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"accept"]), st.binary(max_size=5)), max_size=6))
def test_headers_that_are_read_once_say_what_the_frameworks_say(raw: list[tuple[bytes, bytes]]) -> None:
    ours, theirs = ReadHeaders(tuple(raw)), Headers(raw=raw)
    assert ours.items() == theirs.items()
    for name in ("a", "A", "b", "accept", "c"):
        assert (ours.get(name), name in ours) == (theirs.get(name), name in theirs)


class Tracer(trace.Tracer):
    """Keeps the names of spans."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def start_span(self, name: str, *_: Any, **__: Any) -> trace.Span:  # type: ignore[override]
        self._names.append(name)
        return trace.INVALID_SPAN

    def start_as_current_span(self, name: str, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        return trace.use_span(self.start_span(name))


class Provider(trace.TracerProvider):
    """Of tracers that keep names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:  # type: ignore[override]
        return Tracer(self.names)


async def test_calls_have_spans_where_somebody_collects_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(_otel._tracer, "_real_tracer", None)  # it keeps the first one it finds
    async with serving(settings) as service:
        token = await make_token(service.container, await make_caller(service.container))
        status, headers, body = await asked(service, written(service, token, CALL))
    assert (status, json.loads(body)["result"]["structuredContent"]) == (200, {"text": "hello"})
    assert headers["content-type"] == "application/json"
    assert provider.names == ["POST", "tools/call diagnostics__echo"]
