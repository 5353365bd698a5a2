"""Writes servers as ``mcp.json`` in the dialects of Claude, Cursor and VS Code. What is secret never comes out.

Used by services. Every value of a header and of an environment variable counts as secret: in its place stands the
placeholder of the dialect, and for VS Code the input that asks for it. What a dialect has no word for is left out.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from orchestrator.mcp.definition import DEFAULT_TIMEOUT_SECONDS, ServerDefinition
from orchestrator.sandbox.wish import Wish

Dialect = Literal["claude", "cursor", "vscode"]

_SCHEME = re.compile(r"(?i)(bearer|basic|token|apikey) ")
_PLACEHOLDERS: Mapping[Dialect, str] = {"claude": "${%s}", "cursor": "${env:%s}", "vscode": "${input:%s}"}


def export_mcp_json(definitions: Iterable[ServerDefinition], dialect: Dialect = "claude") -> dict[str, Any]:
    """The document of all stdio and remote servers among them."""
    chosen = [one for one in definitions if one.transport != "builtin"]
    shared = Counter(name for one in chosen for name in one.env)
    inputs: dict[str, dict[str, Any]] = {}

    def secret(one: ServerDefinition, name: str, value: str, *, header: bool) -> str:
        own = header or shared[name] > 1
        variable = _variable(f"{one.name}_{name}") if own else name
        while variable in inputs:
            variable += "_2"
        scheme = _SCHEME.match(value) if header else None
        inputs[variable] = {
            "type": "promptString", "id": variable, "description": f"{name} of {one.name}", "password": True,
        }  # fmt: skip
        return (scheme[0] if scheme else "") + _PLACEHOLDERS[dialect] % variable

    servers = {one.name: _entry(one, dialect, secret) for one in chosen}
    if dialect != "vscode":
        return {"mcpServers": servers}
    return {"servers": servers} | ({"inputs": list(inputs.values())} if inputs else {})


def _entry(one: ServerDefinition, dialect: Dialect, secret: Callable[..., str]) -> dict[str, Any]:
    if one.transport == "stdio":
        values: dict[str, Any] = {"type": "stdio", "command": one.command, "args": list(one.args)}
        if one.env:
            values["env"] = {name: secret(one, name, value, header=False) for name, value in one.env.items()}
        if dialect == "claude":
            values |= _sandbox_fields(one.sandbox, Wish.of(command=one.command))
    else:
        # Cursor finds out by itself which of the two it is.
        kind = {} if dialect == "cursor" else {"type": "sse" if one.transport == "sse" else "http"}
        values = kind | {"url": one.url}
        if one.headers:
            values["headers"] = {name: secret(one, name, value, header=True) for name, value in one.headers.items()}
    if dialect == "claude" and one.timeout_seconds != DEFAULT_TIMEOUT_SECONDS:
        values["timeout"] = round(one.timeout_seconds * 1000)
    return values


def _sandbox_fields(wish: Wish, usual: Wish) -> dict[str, Any]:
    """What differs from the usual sandbox: fields of ours, which other clients pass over."""
    fields: dict[str, tuple[Any, Any]] = {"sandbox": (wish.mode, usual.mode), "network": (wish.network, usual.network),
              "folders": (wish.folder_values(), []), "limits": (wish.limit_values(), {})}  # fmt: skip
    return {name: value for name, (value, plain) in fields.items() if value != plain}


def _variable(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper() or "VALUE"
    return f"_{name}" if name[0].isdigit() else name
