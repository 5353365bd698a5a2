"""Definitions, ``mcp.json``, capabilities, names and wire forms: plain functions over plain values."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.builtin_code import code_server
from orchestrator.mcp.builtin_diagnostics import diagnostics_server
from orchestrator.mcp.capabilities import derive_capabilities, tools_for
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.lines import LineSplitter, Oversized
from orchestrator.mcp.mcp_json import parse_mcp_json
from orchestrator.mcp.naming import prefixed_name, prefixed_tools
from orchestrator.mcp.result import ToolInfo, ToolResult

ONE = UUID(int=1)


def _stdio(**fields: Any) -> ServerDefinition:
    return ServerDefinition.build(**({"id": ONE, "name": "git", "transport": "stdio", "command": "uvx"} | fields))


def _http(**fields: Any) -> ServerDefinition:
    known = {"id": ONE, "name": "web", "transport": "streamable_http", "url": "https://example.org/mcp"}
    return ServerDefinition.build(**(known | fields))


@pytest.mark.parametrize(
    ("make", "fields", "field"),
    [
        (_stdio, {"name": ""}, "name"),
        (_stdio, {"name": "a\nb"}, "name"),
        (_stdio, {"command": None}, "command"),
        (_stdio, {"command": "a\0b"}, "command"),
        (_stdio, {"args": ("ok", "a\0b")}, "args[1]"),
        (_stdio, {"env": {"A=B": "x"}}, "env.A=B"),
        (_stdio, {"env": {"A": "\0"}}, "env.A"),
        (_stdio, {"url": "https://x"}, "url"),
        (_stdio, {"timeout_seconds": 0}, "timeout_seconds"),
        (_stdio, {"max_concurrency": 0}, "max_concurrency"),
        (_http, {"url": "ftp://x"}, "url"),
        (_http, {"url": "https://[broken"}, "url"),
        (_http, {"url": "https://user:pw@example.org"}, "url"),
        (_http, {"command": "x"}, "command"),
        (_http, {"headers": {"X-A": "a\r\nB: c"}}, "headers.X-A"),
        (_http, {"headers": {"Host": "x"}}, "headers.Host"),
        (_http, {"transport": "pigeon"}, "transport"),
    ],
)
def test_a_definition_nobody_could_use_names_its_field(make: Any, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make(**fields)
    assert caught.value.field == field


def test_the_revision_changes_with_all_that_matters_and_with_nothing_else() -> None:
    base = _stdio(env={"A": "1", "B": "2"})
    assert base.revision == _stdio(env={"B": "2", "A": "1"}, id=uuid4()).revision
    changes = ({"command": "x"}, {"args": ("a",)}, {"env": {"A": "1"}}, {"timeout_seconds": 5.0}, {"name": "other"})
    revisions = {replace(base, **change, revision="").revision for change in changes}
    assert len(revisions | {base.revision}) == 6


def test_secrets_are_not_in_the_repr() -> None:
    assert "t0psecret" not in repr(_stdio(env={"KEY": "t0psecret"}))
    assert "t0psecret" not in repr(_http(headers={"Authorization": "Bearer t0psecret"}))
    assert "t0psecret" in _http(headers={"Authorization": "Bearer t0psecret"}).secrets


def test_the_dialects_of_claude_cursor_and_vs_code_are_read() -> None:
    claude = {
        "mcpServers": {
            "git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"TOKEN": "${GIT_TOKEN}"}, "autoApprove": []},
            "web": {
                "type": "http",
                "url": "https://example.org/mcp",
                "headers": {"Authorization": "Bearer ${env:T:-none}"},
            },
            "off": {"command": "x", "disabled": True, "timeout": 30000, "capabilities": ["file_search"]},
        }
    }
    git, web, off = parse_mcp_json(json.dumps(claude), {"GIT_TOKEN": "tok"})
    assert (git.transport, git.command, git.env) == ("stdio", "uvx", {"TOKEN": "tok"})
    assert (web.transport, web.headers) == ("streamable_http", {"Authorization": "Bearer none"})
    assert (off.enabled, off.timeout_seconds, off.capabilities) == (False, 30.0, ("file_search",))
    code = {"servers": {"a": {"type": "stdio", "command": "${input:cmd}"}}, "inputs": []}
    assert parse_mcp_json({"mcp": code}, {"cmd": "b"})[0].command == "b"
    assert git.definition(ONE).revision


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (3, "mcpServers.e"),
        ({}, "mcpServers.e.command"),
        ({"command": 3}, "mcpServers.e.command"),
        ({"command": ""}, "mcpServers.e.command"),
        ({"command": "x", "args": "y"}, "mcpServers.e.args"),
        ({"command": "x", "args": [1]}, "mcpServers.e.args[0]"),
        ({"command": "x", "env": ["A=1"]}, "mcpServers.e.env"),
        ({"command": "x", "env": {"A": 1}}, "mcpServers.e.env.A"),
        ({"command": "x", "env": {"A": "${MISSING}"}}, "mcpServers.e.env.A"),
        ({"command": "x", "url": "https://y"}, "mcpServers.e.url"),
        ({"command": "x", "comand": "y"}, "mcpServers.e.comand"),
        ({"command": "x", "timeout": "soon"}, "mcpServers.e.timeout"),
        ({"command": "x", "disabled": "yes"}, "mcpServers.e.disabled"),
        ({"type": "websocket", "url": "https://y"}, "mcpServers.e.type"),
        ({"type": "http"}, "mcpServers.e.serverUrl"),
        ({"url": "nonsense"}, "mcpServers.e.url"),
        ({"url": "https://y", "headers": {"A": "x\ny"}}, "mcpServers.e.headers.A"),
    ],
)
def test_a_wrong_entry_names_itself_and_its_field(entry: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mcp_json({"mcpServers": {"e": entry}})
    assert caught.value.field == field


@pytest.mark.parametrize("document", ["", "[]", "{", "{}", '{"mcpServers": []}', b"\xff", "[" * 100_000])
def test_what_is_no_such_document_is_refused(document: str | bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_mcp_json(document)


def test_placeholders_never_reach_for_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "ours")
    with pytest.raises(InvalidInput):
        parse_mcp_json({"mcpServers": {"e": {"command": "${SECRET_KEY}"}}})


def test_capabilities_come_from_tools_unless_the_entry_declares_them() -> None:
    tools = [ToolInfo("git_log"), ToolInfo("write_file")]
    assert derive_capabilities(tools) == (
        "file_operations",
        "file_write",
        "git_history",
        "git_log",
        "git_read",
        "write_file",
    )
    assert derive_capabilities(tools, ["mine", "mine"]) == ("mine",)
    assert "file_search" in derive_capabilities(code_server().tools)
    assert derive_capabilities(diagnostics_server().tools) == ("diagnostics", "echo", "fail", "wait")
    assert [tool.name for tool in tools_for("file_search", code_server().tools)] == ["search_files"]


def test_prefixed_names_are_allowed_and_told_apart() -> None:
    assert prefixed_name("git", "git_log") == "git__git_log"
    assert prefixed_name("my server", "a") != prefixed_name("my/server", "a")
    tools = [ToolInfo("a"), ToolInfo("a")]
    assert list(prefixed_tools([("s", tools), ("t", tools)])) == ["s__a", "t__a"]


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_every_prefixed_name_fits_the_protocol(server: str, tool: str) -> None:
    name = prefixed_name(server, tool)
    assert 1 <= len(name) <= 128
    assert all(char.isascii() and (char.isalnum() or char in "_-.") for char in name)


def test_results_and_tools_keep_their_wire_form() -> None:
    result = {
        "content": [{"type": "image", "data": "x"}],
        "isError": True,
        "structuredContent": [1],
        "_meta": {"a": 1},
        "x": 2,
    }
    assert ToolResult.from_wire(result).to_wire() == result
    tool = {
        "name": "t",
        "inputSchema": {"type": "object"},
        "icons": [{"src": "x"}],
        "execution": {"a": 1},
        "title": "T",
    }
    assert ToolInfo.from_wire(tool).to_wire() == tool


@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(1, 7))
def test_lines_come_out_as_they_went_in_however_they_are_cut(lines: list[bytes], step: int) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(100)
    assert [one for at in range(0, len(stream), step) for one in splitter.feed(stream[at : at + step])] == lines


@pytest.mark.parametrize(
    "line", [b'{"jsonrpc":"2.0","id":7,"result":{"a":"%s"}}', b'{"result":{"a":"%s"},"jsonrpc":"2.0","id":7}']
)
def test_the_request_of_an_oversized_line_is_recognised(line: bytes) -> None:
    (found,) = LineSplitter(1000).feed(line % (b"x" * 5000) + b"\n")
    assert isinstance(found, Oversized)
    assert found.request_id == 7
