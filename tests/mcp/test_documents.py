"""Configuration documents as their clients write them, read and written back."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.mcp_json import parse_mcp_json
from orchestrator.mcp.mcp_json_export import Dialect, export_mcp_json
from orchestrator.sandbox.wish import OPEN, Folder, Limits, Wish

# Claude Code: code.claude.com/docs/en/mcp. ${VAR} and ${VAR:-default} in command, args, env, url and headers.
CLAUDE = {
    "mcpServers": {
        "api": {
            "type": "http",
            "url": "${API_BASE_URL:-https://api.example.com}/mcp",
            "headers": {"Authorization": "Bearer ${API_KEY}"},
            "timeout": 120000,
        },
        "events": {"type": "sse", "url": "https://mcp.example.com/sse", "oauth": {"clientId": "x"}},
        "database": {
            "command": "npx",
            "args": ["-y", "@bytebase/dbhub", "--dsn", "${DSN:-postgresql://readonly@localhost/db}"],
            "env": {"CACHE_DIR": "${CACHE:-/tmp}"},
        },
    }
}
# Cursor: cursor.com/docs/mcp. ${env:NAME}, envFile for stdio, no type for remote servers, auth for static OAuth.
CURSOR = {
    "mcpServers": {
        "local": {
            "type": "stdio",
            "command": "python",
            "args": ["${workspaceFolder}${/}server.py"],
            "env": {"API_KEY": "${env:API_KEY}"},
            "envFile": ".env",
        },
        "remote": {
            "url": "https://api.example.com/mcp",
            "headers": {"X-Key": "${env:MY_SERVICE_TOKEN}"},
            "auth": {"CLIENT_ID": "${env:CLIENT}", "scopes": ["read"]},
        },
    }
}
# VS Code: code.visualstudio.com/docs/copilot/reference/mcp-configuration. servers, inputs, sandbox, dev.
VSCODE = {
    "inputs": [
        {"type": "promptString", "id": "perplexity-key", "description": "Perplexity API Key", "password": True},
        {"type": "pickString", "id": "region", "description": "Region", "options": ["eu", "us"], "default": "eu"},
    ],
    "servers": {
        "perplexity": {
            "type": "stdio",
            "command": "npx",
            "args": ["-y", "server-perplexity-ask", "--region", "${input:region}"],
            "env": {"PERPLEXITY_API_KEY": "${input:perplexity-key}"},
            "sandboxEnabled": True,
            "sandbox": {"network": {"allowedDomains": ["api.perplexity.ai"]}},
            "dev": {"watch": "build/**/*.js"},
        },
        "docs": {"type": "http", "url": "https://mcp.example.com/mcp"},
    },
}


def test_claudes_document_is_read() -> None:
    api, events, database = parse_mcp_json(CLAUDE, {"API_KEY": "k3y"})
    assert (api.transport, api.url, api.timeout_seconds) == ("streamable_http", "https://api.example.com/mcp", 120.0)
    assert api.headers == {"Authorization": "Bearer k3y"}
    assert (events.transport, events.url) == ("sse", "https://mcp.example.com/sse")
    assert (database.transport, database.args[-1]) == ("stdio", "postgresql://readonly@localhost/db")
    assert database.env == {"CACHE_DIR": "/tmp"}


def test_cursors_document_is_read_with_its_env_file() -> None:
    files = {".env": "# comment\nexport TOKEN='a b'\nAPI_KEY=from-file\nEMPTY=\n"}
    variables = {"workspaceFolder": "/work", "API_KEY": "k3y", "MY_SERVICE_TOKEN": "t0k"}
    local, remote = parse_mcp_json(CURSOR, variables, read_file=files.__getitem__)
    assert (local.command, local.args) == ("python", ("/work/server.py",))
    assert local.env == {"TOKEN": "a b", "API_KEY": "k3y", "EMPTY": ""}
    assert (remote.transport, remote.headers) == ("streamable_http", {"X-Key": "t0k"})


def test_a_file_of_somebody_elses_is_never_opened() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_mcp_json(CURSOR, {"workspaceFolder": "/w", "API_KEY": "k"})
    assert refused.value.field == "mcpServers.local.envFile"


def test_vs_codes_document_is_read_with_its_inputs() -> None:
    perplexity, docs = parse_mcp_json(VSCODE, {"perplexity-key": "s3cret"})
    assert perplexity.env == {"PERPLEXITY_API_KEY": "s3cret"}
    assert perplexity.args[-1] == "eu"
    assert docs.url == "https://mcp.example.com/mcp"
    assert parse_mcp_json({"mcp": VSCODE}, {"perplexity-key": "s", "region": "us"})[0].args[-1] == "us"


def test_all_that_is_missing_is_named_at_once() -> None:
    three = {"url": "https://y", "headers": {"X": "${input:three}"}}
    servers = {"a": {"command": "x", "env": {"K": "${ONE}", "L": "${TWO:-2}"}}, "b": three}
    inputs = [{"type": "promptString", "id": "three", "description": "The third", "password": True}]
    with pytest.raises(InvalidInput) as refused:
        parse_mcp_json({"servers": servers, "inputs": inputs})
    assert refused.value.field == "servers.a.env.K"
    assert refused.value.details["inputs"] == [
        {"name": "ONE", "field": "servers.a.env.K"},
        {"name": "three", "field": "servers.b.headers.X", "description": "The third", "secret": True},
    ]


def test_what_is_picked_is_one_of_the_options() -> None:
    with pytest.raises(InvalidInput, match="region is one of eu, us") as refused:
        parse_mcp_json(VSCODE, {"perplexity-key": "s", "region": "mars"})
    assert refused.value.field == "variables.region"
    inputs = [{"type": "pickString", "id": "r", "options": [{"label": "Europe", "value": "eu"}, "us"]}]
    document = {"servers": {"a": {"command": "x", "args": ["${input:r}"]}}, "inputs": inputs}
    assert parse_mcp_json(document, {"r": "eu"})[0].args == ("eu",)
    with pytest.raises(InvalidInput) as missing:
        parse_mcp_json(document)
    assert missing.value.details["inputs"] == [{"name": "r", "field": "servers.a.args[0]", "choices": ["eu", "us"]}]


def test_a_password_is_not_put_where_everybody_reads_it() -> None:
    inputs = [{"type": "promptString", "id": "key", "description": "Key", "password": True}]
    document = {"servers": {"a": {"command": "x", "args": ["--key", "${input:key}"]}}, "inputs": inputs}
    with pytest.raises(InvalidInput, match="not kept encrypted") as refused:
        parse_mcp_json(document, {"key": "s3cret"})
    assert refused.value.field == "servers.a.args[1]"


# Export.

_NAMES = st.sampled_from(["A", "api_key", "API_KEY", "X-Api-Key", "Authorization", "x"])
_WORDS = st.sampled_from(["", "-m", "a b", "--flag=1", "ä", "$HOME", "{x}"])
_SECRETS = st.integers(0, 10**8).map(lambda number: f"s3cret-{number}")


def _local(name: str, **more: Any) -> ServerDefinition:
    return ServerDefinition.build(
        id=uuid4(), name=name, transport="stdio", **{"command": "x", "sandbox": Wish(), **more}
    )


def _remote(name: str, **more: Any) -> ServerDefinition:
    made = {"transport": "streamable_http", "url": "https://example.org/mcp", **more}
    return ServerDefinition.build(id=uuid4(), name=name, **made)


@pytest.mark.parametrize("dialect", ["claude", "cursor", "vscode"])
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    env=st.dictionaries(_NAMES.map(lambda name: name.replace("-", "_")), _SECRETS, max_size=3),
    headers=st.dictionaries(_NAMES, _SECRETS.map(lambda word: f"Bearer {word}"), max_size=3),
    args=st.lists(_WORDS, max_size=3).map(tuple),
)
def test_whatever_is_exported_is_read_back_the_same_and_holds_no_secret(
    dialect: Dialect, env: dict[str, str], headers: dict[str, str], args: tuple[str, ...]
) -> None:
    definitions = [_local("one", args=args, env=env), _local("two", env=env), _remote("three", headers=headers)]
    document = export_mcp_json(definitions, dialect)
    assert "s3cret" not in json.dumps(document)
    again = parse_mcp_json(document, _asked(document, {"env": env, "headers": headers}))
    assert [entry.definition(one.id) for entry, one in zip(again, definitions, strict=True)] == definitions


def _asked(document: dict[str, Any], known: dict[str, dict[str, str]]) -> dict[str, str]:
    """A value for all that a document asks for, by the place where it is asked."""
    try:
        parse_mcp_json(document)
    except InvalidInput as missing:
        places = {one["name"]: one["field"].split(".", 3)[2:] for one in missing.details["inputs"]}
        return {name: known[kind][place].removeprefix("Bearer ") for name, (kind, place) in places.items()}
    return {}


@pytest.mark.parametrize(
    "wish",
    [OPEN, Wish("required", "loopback", (Folder("/srv/a"), Folder("/srv/b", writable=True)), Limits(memory_mib=64))],
)
@pytest.mark.parametrize("command", ["x", "npx", "docker"])
def test_a_sandbox_that_is_not_the_usual_one_is_exported_and_read_back(wish: Wish, command: str) -> None:
    one = _local("one", command=command, sandbox=wish)
    (again,) = parse_mcp_json(export_mcp_json([one], "claude"))
    assert again.sandbox == wish
    assert "sandbox" not in json.dumps(export_mcp_json([one], "cursor"))


def test_each_dialect_has_its_own_placeholders() -> None:
    definitions = [
        _local("git", args=("-m", "git"), env={"TOKEN": "s3cret"}),
        _remote("web", headers={"Authorization": "Bearer s3cret"}, timeout_seconds=90.0),
        _remote("old", transport="sse", url="https://example.org/sse"),
    ]
    assert export_mcp_json(definitions, "claude") == {
        "mcpServers": {
            "git": {"type": "stdio", "command": "x", "args": ["-m", "git"], "env": {"TOKEN": "${TOKEN}"}},
            "web": {
                "type": "http",
                "url": "https://example.org/mcp",
                "headers": {"Authorization": "Bearer ${WEB_AUTHORIZATION}"},
                "timeout": 90000,
            },
            "old": {"type": "sse", "url": "https://example.org/sse"},
        }
    }
    cursor = export_mcp_json(definitions, "cursor")["mcpServers"]
    assert cursor["git"]["env"] == {"TOKEN": "${env:TOKEN}"}
    assert cursor["old"] == {"url": "https://example.org/sse"}
    vscode = export_mcp_json(definitions, "vscode")
    assert vscode["servers"]["web"]["headers"] == {"Authorization": "Bearer ${input:WEB_AUTHORIZATION}"}
    assert [(one["id"], one["password"]) for one in vscode["inputs"]] == [("TOKEN", True), ("WEB_AUTHORIZATION", True)]
