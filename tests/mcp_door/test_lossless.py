"""Nothing is lost on the way: definitions, results, ``_meta`` and a client's capabilities pass as they are on the wire.

The server behind gives back what it is given; what goes in is made at random, within the protocol and beside it.
"""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.mcp_door.conftest import Service, local_server, register

MIRROR = Path(__file__).parents[1] / "mcp" / "servers" / "mirror.py"
_OURS = "io.modelcontextprotocol/"

# What JSON can hold and every reader agrees about: whole numbers a double holds exactly, text without lone surrogates.
_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
_plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9).map(lambda n: n + 0.0) | _text
_json = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4), max_leaves=12
)
_key = st.text("abcdefghijklmnop", min_size=1, max_size=8).map(lambda word: f"x-{word}")
_unknown = st.dictionaries(_key, _json, max_size=3)
_meta = st.dictionaries(_key.map(lambda word: f"example.org/{word}"), _json, min_size=1, max_size=3)
_icons = st.just([{"src": "https://example.org/i.png", "mimeType": "image/png", "sizes": ["48x48"], "x-theme": "dark"}])
_keywords = st.fixed_dictionaries(
    {},
    optional={
        "$defs": st.just({"T": {"$anchor": "t", "type": "string"}}), "$comment": _text, "x-order": _json,
        "properties": st.just({"a": {"$ref": "#/$defs/T"}, "b": {"x-ui": {"widget": "slider"}, "default": 0.5}}),
        "unevaluatedProperties": st.just(True), "patternProperties": st.just({"^x-": {}}), "examples": st.just([{}]),
    },
)  # fmt: skip
_tool = st.builds(
    lambda schema, output, known, unknown: {"inputSchema": schema, **output, **known, **unknown},
    _keywords.map(lambda more: {"type": "object", **more}),
    st.sampled_from([{}, {"outputSchema": {"type": "object", "x-shape": [1]}}]),
    st.fixed_dictionaries(
        {},
        optional={
            "title": _text, "description": _text, "icons": _icons, "_meta": _meta,
            "annotations": st.just({"readOnlyHint": True, "title": "T", "x-cost": 3}),
        },
    ),
    _unknown,
)  # fmt: skip
_block = st.one_of(
    st.builds(lambda text, more: {"type": "text", "text": text, **more}, _text, _unknown),
    st.builds(
        lambda data, meta: {"type": "image", "data": data, "mimeType": "image/png", "_meta": meta,
                            "annotations": {"audience": ["user"], "priority": 0.5}},
        st.sampled_from(["", "AAE=", "/+8="]), _meta,
    ),
    st.just({"type": "audio", "data": "AAE=", "mimeType": "audio/wav"}),
    st.just({"type": "resource", "resource": {"uri": "x://y", "blob": "AAECAw==", "mimeType": "a/b", "x-more": [0]}}),
    st.just({"type": "resource_link", "uri": "x://y", "name": "y", "size": 9, "x-more": {"deep": [1]}}),
    # A kind that no revision knows yet.
    st.builds(lambda more: {"type": "hologram", "rays": [1, {"x": None}], **more}, _unknown),
)  # fmt: skip
_result = st.builds(
    lambda content, meta, unknown: {"content": content, **meta, **unknown},
    st.lists(_block, max_size=4),
    st.one_of(st.just({}), _meta.map(lambda meta: {"_meta": meta})),
    _unknown,
)


class _Wire:
    """A client that looks at the wire, in one era."""

    def __init__(self, client: httpx.AsyncClient, era: str, capabilities: dict[str, Any]) -> None:
        self._client = client
        self._era = era
        self._capabilities = capabilities

    async def greet(self) -> None:
        """Open a session, where the era has one."""
        if self._era == "legacy":
            hello = {"protocolVersion": "2025-11-25", "capabilities": self._capabilities,
                     "clientInfo": {"name": "t", "version": "1"}}  # fmt: skip
            answer = await self._post({"id": 0, "method": "initialize", "params": hello}, {})
            self._client.headers["Mcp-Session-Id"] = answer.headers["mcp-session-id"]
            await self._post({"method": "notifications/initialized"}, {})

    async def ask(self, method: str, meta: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """The result of a request as it is on the wire."""
        headers = {"MCP-Protocol-Version": "2025-11-25"}
        meta = dict(meta or {})
        if self._era == "modern":
            routed = params.get("name", params.get("uri"))
            named = {"Mcp-Name": routed} if routed is not None else {}
            headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, **named}
            meta |= {f"{_OURS}protocolVersion": "2026-07-28", f"{_OURS}clientCapabilities": self._capabilities}
        if meta:
            params["_meta"] = meta
        answer = await self._post({"id": 1, "method": method, "params": params}, headers)
        body = answer.text
        if answer.headers["content-type"].startswith("text/event-stream"):
            body = next(line[6:] for line in body.split("\n") if line.startswith("data: {"))
        told = json.loads(body)
        assert "result" in told, told
        result: dict[str, Any] = told["result"]
        return result

    async def _post(self, message: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        answer = await self._client.post("/mcp", json={"jsonrpc": "2.0", **message}, headers=headers)
        assert answer.status_code in (200, 202), answer.text
        return answer


def _client(service: Service, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    return httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30)


async def _mirror(container: Container, ada: Caller, folder: Path, era: str, tools: list[dict[str, Any]]) -> str:
    file = folder / "tools.json"
    file.write_text(json.dumps(tools))
    name = f"mirror{len(await container.registry.visible(ada.user_id))}"
    await register(container, ada, **local_server(name, str(MIRROR), era, str(file)))
    return name


@pytest.mark.parametrize("server_era", ["modern", "legacy"])
async def test_a_tool_is_listed_as_its_server_describes_it(
    service: Service, token: str, container: Container, ada: Caller, tmp_path: Path, era: str, server_era: str
) -> None:
    named = [{"name": f"t{number}", **tool} for number, tool in enumerate(_examples(_tool))]
    server = await _mirror(container, ada, tmp_path, server_era, named)
    async with _client(service, token) as client:
        wire = _Wire(client, "modern" if era == "auto" else "legacy", {})
        await wire.greet()
        listed = {tool["name"]: tool for tool in (await wire.ask("tools/list"))["tools"]}
    assert [listed[f"{server}__{tool['name']}"] | {"name": tool["name"]} for tool in named] == named


@pytest.mark.parametrize("server_era", ["modern", "legacy"])
async def test_what_a_tool_is_given_and_answers_passes_unchanged(
    service: Service, token: str, container: Container, ada: Caller, tmp_path: Path, era: str, server_era: str
) -> None:
    described = {"name": "echo", "inputSchema": {"type": "object"}}
    server = await _mirror(container, ada, tmp_path, server_era, [described])
    capabilities = {"experimental": {"example.org/odd": {"deep": [1, None]}}}
    async with _client(service, token) as client:
        wire = _Wire(client, "modern" if era == "auto" else "legacy", capabilities)
        await wire.greet()
        for result, meta, more in _examples(st.tuples(_result, _meta, _json)):
            arguments = {"answer": result, "more": more}
            answered = await wire.ask("tools/call", meta, name=f"{server}__echo", arguments=arguments)
            received = answered.pop("structuredContent")["received"]
            assert received["arguments"] == arguments
            assert _foreign(received["_meta"]) == meta
            assert _foreign(answered.get("_meta", {})) == result.get("_meta", {})
            told = result.keys() - {"_meta"}
            assert {key: answered[key] for key in told} == {key: result[key] for key in told}
            if server_era == wire._era == "modern":
                assert received["_meta"][f"{_OURS}clientCapabilities"] == capabilities


_prompt = st.builds(
    lambda blocks, unknown, more, meta: {
        "description": "d", "messages": [{"role": "user", "content": block, **more} for block in blocks],
        "_meta": meta, **unknown,
    },
    st.lists(_block, max_size=3), _unknown, _unknown, _meta,
)  # fmt: skip
_resource = st.builds(
    lambda contents, unknown, meta: {"contents": contents, "_meta": meta, **unknown},
    st.lists(
        st.one_of(
            st.builds(lambda text, more: {"uri": "mirror://x", "text": text, **more}, _text, _unknown),
            st.builds(lambda meta: {"uri": "mirror://x", "blob": "AAE=", "mimeType": "a/b", "_meta": meta}, _meta),
        ),
        max_size=3,
    ),
    _unknown, _meta,
)  # fmt: skip
_completion = st.builds(
    lambda values, inner, unknown, meta: {
        "completion": {"values": values, "total": 7, **inner}, "_meta": meta, **unknown,
    },
    st.lists(_text, max_size=3), _unknown, _unknown, _meta,
)  # fmt: skip
_OFFERED = {
    "prompts": [{
        "name": "p", "title": "T", "icons": [{"src": "https://example.org/i.png", "x-theme": "dark"}], "x-unknown": [1],
        "arguments": [{"name": "answer", "required": True, "x-hint": {"deep": None}}], "_meta": {"example.org/a": 1},
    }],
    "resources": [
        {"uri": "mirror://listed", "name": "r", "size": 3, "x-unknown": {"deep": [1]}, "annotations": {"x": 1}},
    ],
    "resourceTemplates": [
        {"uriTemplate": "mirror://{text}", "name": "t", "x-unknown": None, "_meta": {"example.org/b": 2}},
    ],
}  # fmt: skip


def _texted(value: Any) -> str:
    return json.dumps(value).encode().hex()


@pytest.mark.parametrize("server_era", ["modern", "legacy"])
async def test_prompts_resources_and_completions_pass_unchanged(
    service: Service, token: str, container: Container, ada: Caller, tmp_path: Path, era: str, server_era: str
) -> None:
    """What is listed, what is asked and what is answered, with kinds of content and fields that nobody knows yet."""
    (tmp_path / "offered.json").write_text(json.dumps(_OFFERED))
    await register(container, ada, **local_server("m", str(MIRROR), server_era, str(tmp_path / "offered.json")))
    async with _client(service, token) as client:
        wire = _Wire(client, "modern" if era == "auto" else "legacy", {})
        await wire.greet()
        for method, field in (("prompts/list", "prompts"), ("resources/list", "resources"),
                              ("resources/templates/list", "resourceTemplates")):  # fmt: skip
            listed = (await wire.ask(method))[field]
            names = {"name": "m__p"} if field == "prompts" else {}
            assert listed == [one | names for one in _OFFERED[field]]
        for prompt, resource, completion, meta in _examples(st.tuples(_prompt, _resource, _completion, _meta)):
            given = {"arguments": {"answer": _texted(prompt)}, "x-more": [1, None]}
            _unchanged(prompt, await wire.ask("prompts/get", meta, name="m__p", **given), meta, given)
            uri = f"mirror://{_texted(resource)}"
            _unchanged(resource, await wire.ask("resources/read", meta, uri=uri, **_MORE), meta, {"uri": uri, **_MORE})
            argument = {"name": "answer", "value": _texted(completion), "x-odd": {"deep": [1]}}
            asked = {"argument": argument, "context": {"arguments": {"a": "b"}, "x": 1}}
            ref = {"type": "ref/prompt", "name": "m__p", "x-odd": True}
            _unchanged(completion, await wire.ask("completion/complete", meta, ref=ref, **asked), meta, asked)


_MORE = {"x-more": {"deep": [None]}}


def _unchanged(told: dict[str, Any], answered: dict[str, Any], meta: dict[str, Any], asked: dict[str, Any]) -> None:
    """The answer is what was told, and what arrived is what was asked."""
    received = answered["_meta"].pop("example.org/received")
    assert {key: received[key] for key in asked} == asked
    assert _foreign(received["_meta"]) == meta
    assert _foreign(answered["_meta"]) == told["_meta"]
    assert {key: answered[key] for key in told.keys() - {"_meta"}} == {k: v for k, v in told.items() if k != "_meta"}


def _examples(strategy: Any) -> list[Any]:
    """Forty values of a strategy, the same ones each time."""
    made: list[Any] = []

    @given(strategy)
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def collect(value: Any) -> None:
        made.append(value)

    collect()
    return made


def _foreign(meta: dict[str, Any]) -> dict[str, Any]:
    """What is not the protocol's own."""
    return {key: value for key, value in meta.items() if not key.startswith(_OURS) and key != "progressToken"}
