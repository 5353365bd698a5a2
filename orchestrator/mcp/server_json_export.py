"""Writes one server as a ``server.json`` of the official MCP registry (schema 2025-12-11), without any secret.

Used by services. A remote server becomes a ``remotes`` entry; a local one a package, where its command line is one that
runs a package (npx, uvx, docker, dnx). What the format cannot say is refused instead of being written wrongly.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.core.errors import Conflict
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.server_json_origin import about, described, full_name

NAMESPACE = "local.orchestrator"
"""Where a ``server.json`` stands that says no other; names there are in reverse DNS."""
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

_SCHEME = re.compile(r"(?i)(bearer|basic|token|apikey) ")
_NPM = re.compile(r"(?P<name>(?:@[\w.-]+/)?[\w.-]+)(?:@(?P<version>[\w.+-]+))?")
_PYPI = re.compile(r"(?P<name>[\w.-]+)(?:(?:==|@)(?P<version>[\w.+!-]+))?")
_IMAGE = re.compile(r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?")
_RUNNERS = {"npx": ("npm", _NPM, ("-y", "--yes")), "uvx": ("pypi", _PYPI, ()), "dnx": ("nuget", _NPM, ())}
_VERSION = re.compile(r"[0-9][\w.+-]{0,200}")
_DOCKER_FLAGS = frozenset({"-i", "--rm", "--interactive", "--init"})


def export_server_json(
    definition: ServerDefinition,
    *,
    namespace: str | None = None,
    description: str = "",
    version: str | None = None,
    origin: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document; ``origin`` is what the one said that it came from. Raises Conflict for what the form cannot say."""
    came = origin or {}
    known = version if version and _VERSION.fullmatch(version) else "0.0.0"
    base = {
        "$schema": SCHEMA,
        "name": full_name(came, definition.name, namespace, NAMESPACE),
        "description": (description or f"MCP server {definition.name}")[:100],
        "version": came.get("version") or known,
        **about(came),
    }
    if definition.transport == "stdio":
        return base | {"packages": [_package(definition, came)]}
    if definition.transport == "builtin":
        raise Conflict("a built-in server is part of this service: there is nothing to publish", field="server")
    kind = "sse" if definition.transport == "sse" else "streamable-http"
    remote: dict[str, Any] = {"type": kind, "url": definition.url}
    headers = definition.headers
    if found := [told or _header(name, headers[name]) for name, told in described(came, headers)]:
        remote["headers"] = found
    return base | {"remotes": [remote]}


def _header(name: str, value: str) -> dict[str, Any]:
    scheme = _SCHEME.match(value)
    if scheme is None:
        return {"name": name, "isRequired": True, "isSecret": True}
    variable = {"description": f"The credentials of {name}", "isRequired": True, "isSecret": True}
    return {"name": name, "value": f"{scheme[0]}{{credentials}}", "variables": {"credentials": variable}}


def _package(definition: ServerDefinition, origin: Mapping[str, Any]) -> dict[str, Any]:
    program = re.split(r"[/\\]", definition.command or "")[-1]
    found = _container(definition.args) if program in ("docker", "podman") else _run(program, definition.args)
    if found is None:
        raise Conflict(
            f"{definition.name}: a server.json names a package or an address, and this command runs neither",
            field="server", hint="export it as an mcp.json",
        )  # fmt: skip
    package = found | {"runtimeHint": program, "transport": {"type": "stdio"}}
    inputs = described(origin, dict(sorted(definition.env.items())))
    if variables := [told or {"name": name, "isRequired": True, "isSecret": True} for name, told in inputs]:
        package["environmentVariables"] = variables
    return package


def _run(program: str, args: tuple[str, ...]) -> dict[str, Any] | None:
    if program not in _RUNNERS:
        return None
    kind, pattern, flags = _RUNNERS[program]
    rest = list(args)
    before = []
    while rest and rest[0] in flags:
        before.append(rest.pop(0))
    named = pattern.fullmatch(rest.pop(0)) if rest else None
    if named is None:
        return None
    if kind == "nuget":
        rest = rest[rest.index("--") + 1 :] if "--" in rest else []
    package: dict[str, Any] = {"registryType": kind, "identifier": named["name"]}
    if named["version"] and named["version"] != "latest":
        package["version"] = named["version"]
    return package | _positional("runtimeArguments", before) | _positional("packageArguments", rest)


def _container(args: tuple[str, ...]) -> dict[str, Any] | None:
    """``run``, flags, image, arguments. Variables that are passed on by name are those of the entry."""
    if args[:1] != ("run",):
        return None
    before, rest = [], list(args[1:])
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag in ("-e", "--env") and rest and "=" not in rest[0]:
            rest.pop(0)
        elif flag not in _DOCKER_FLAGS:
            before.append(flag)
            if "=" not in flag and rest and not rest[0].startswith("-") and len(rest) > 1:
                before.append(rest.pop(0))
    if not rest or not _IMAGE.fullmatch(rest[0]):
        return None
    package = {"registryType": "oci", "identifier": rest[0]}
    return package | _positional("runtimeArguments", before) | _positional("packageArguments", rest[1:])


def _positional(key: str, values: Iterable[str]) -> dict[str, Any]:
    found = [{"type": "positional", "value": value} for value in values]
    return {key: found} if found else {}
