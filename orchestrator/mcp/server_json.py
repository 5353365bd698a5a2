"""Reads the ``server.json`` of the official MCP registry (schema 2025-12-11): a package to run, or a remote address.

Used by services for import. Whatever the document wants to be asked is taken from the mapping the caller gives; one
error names all that is missing. Nothing is downloaded here: a package becomes the command line that runs it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.mcp_json import ServerEntry, check_entry, parse_mcp_json
from orchestrator.mcp.placeholders import Inputs
from orchestrator.mcp.server_json_origin import BRACES, entry_name, origin_of
from orchestrator.sandbox.wish import Wish

_RUNTIMES = {"npm": "npx", "pypi": "uvx", "oci": "docker", "nuget": "dnx"}
_HINTS = {"npm": {"npx", "bunx"}, "pypi": {"uvx"}, "oci": {"docker", "podman"}, "nuget": {"dnx"}}
_KINDS = {"streamable-http": "streamable_http", "sse": "sse"}
_TAGGED = re.compile(r"(:[^/:@]+|@sha256:[0-9a-f]+)$")


def read_servers(document: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> tuple[ServerEntry, ...]:
    """The servers of a document of any known form, which is recognised by its shape."""
    if is_server_json(document):
        return (parse_server_json(document, variables),)
    return parse_mcp_json(document, variables)


def is_server_json(document: Mapping[str, Any]) -> bool:
    """Whether this is such a document, bare or as the registry answers with it."""
    inner = document.get("server")
    document = inner if isinstance(inner, Mapping) else document
    return "mcpServers" not in document and isinstance(document.get("name"), str) and (
        "packages" in document or "remotes" in document
    )  # fmt: skip


def parse_server_json(document: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> ServerEntry:
    """The one server of the document: its first remote address, else the first package that can be run here."""
    inner = document.get("server")
    document = inner if isinstance(inner, Mapping) else document
    base = {"name": entry_name(str(document["name"])), "description": str(document.get("description") or "")[:2000]}
    inputs = _Asked(variables or {})
    entry = _remote(document, base, inputs) or _package(document, base, inputs)
    inputs.require_all()
    check_entry(entry, "server.json.")
    return entry


class _Asked(Inputs):
    """Inputs as this format describes them."""

    def value(self, name: str, raw: Mapping[str, Any], place: str) -> str | None:
        """The value of one input: fixed, given, or its default; None when nobody has to give one."""
        fixed = raw.get("value")
        if isinstance(fixed, str):
            return self._resolved(fixed, raw.get("variables"), place)
        given = self.values.get(name, self.values.get(name.lstrip("-"), raw.get("default")))
        if given is None:
            if raw.get("isRequired"):
                self.ask(
                    name, place, description=raw.get("description"), secret=bool(raw.get("isSecret")),
                    choices=raw.get("choices"), format=raw.get("format"),
                )  # fmt: skip
            return None
        choices = raw.get("choices")
        if isinstance(choices, list) and choices and given not in choices:
            raise InvalidInput(f"{place}: {name} is one of {', '.join(map(str, choices))}", field=f"variables.{name}")
        return str(given)

    def _resolved(self, text: str, variables: object, place: str) -> str:
        known = variables if isinstance(variables, Mapping) else {}

        def one(found: re.Match[str]) -> str:
            described = known.get(found[1])
            if not isinstance(described, Mapping):
                return found[0]  # as the format has it: braces without a variable stay
            value = self.value(found[1], described, place)
            return found[0] if value is None else value

        return BRACES.sub(one, text)


def _items(document: Mapping[str, Any], key: str, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list with their places."""
    items = document.get(key) or []
    if not isinstance(items, list):
        raise InvalidInput("A list is expected.", field=f"{place}{key}")
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise InvalidInput("An object is expected.", field=f"{place}{key}[{number}]")
        yield f"{place}{key}[{number}]", item


def _text(item: Mapping[str, Any], key: str, place: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{place}.{key}: A text that is not empty is expected.", field=f"{place}.{key}")
    return value


def _remote(document: Mapping[str, Any], base: Mapping[str, Any], inputs: _Asked) -> ServerEntry | None:
    remotes = sorted(_items(document, "remotes", ""), key=lambda found: found[1].get("type") != "streamable-http")
    for place, remote in remotes:
        kind = _KINDS.get(str(remote.get("type")))
        if kind is None:
            continue
        if _is_secret(remote):
            message = f"{place}.url: addresses are not kept encrypted, so a secret may not be part of one"
            raise InvalidInput(message, field=f"{place}.url", hint="register the server by hand, with a header")
        url = inputs.value("url", {"value": _text(remote, "url", place), "variables": remote.get("variables")}, place)
        headers, origin = _named(remote, "headers", place, inputs), origin_of(document, remote.get("headers"))
        return ServerEntry(**base, transport=kind, url=url, headers=headers, origin=origin)  # type: ignore[arg-type]
    return None


def _named(item: Mapping[str, Any], key: str, place: str, inputs: _Asked) -> dict[str, str]:
    """Headers or environment variables that have a value."""
    found = {}
    for where, raw in _items(item, key, f"{place}."):
        name = _text(raw, "name", where)
        value = inputs.value(name, raw, where)
        if value is not None:
            found[name] = value
    return found


def _package(document: Mapping[str, Any], base: Mapping[str, Any], inputs: _Asked) -> ServerEntry:
    refused = []
    for place, package in _items(document, "packages", ""):
        kind = str(package.get("registryType", package.get("registry_type")))
        transport = package.get("transport") or {"type": "stdio"}
        if kind not in _RUNTIMES:
            refused.append(f"{place}: packages of type {kind[:50]!r} cannot be run here")
        elif not isinstance(transport, Mapping) or transport.get("type") != "stdio":
            refused.append(f"{place}: only packages that speak over stdio can be run here")
        else:
            env = _named(package, "environmentVariables", place, inputs)
            command, *args = _command_line(kind, package, place, env, inputs)
            return ServerEntry(
                **base, transport="stdio", command=command, args=tuple(args), env=env, sandbox=Wish.of(command=command),
                origin=origin_of(document, package.get("environmentVariables")),
            )  # fmt: skip
    message = "; ".join(refused[:10]) or "the document has neither remotes nor packages"
    raise InvalidInput(message, field="packages" if refused else "remotes")


def _command_line(
    kind: str, package: Mapping[str, Any], place: str, env: Mapping[str, str], inputs: _Asked
) -> list[str]:
    runtime = str(package.get("runtimeHint") or _RUNTIMES[kind])
    if runtime not in _HINTS[kind]:
        known = ", ".join(sorted(_HINTS[kind]))
        raise InvalidInput(f"{place}.runtimeHint: one of {known} is expected.", field=f"{place}.runtimeHint")
    name, version = _text(package, "identifier", place), str(package.get("version") or "")
    before = list(_arguments(package, "runtimeArguments", place, inputs))
    after = list(_arguments(package, "packageArguments", place, inputs))
    if kind == "oci":
        image = name if not version or _TAGGED.search(name) else f"{name}:{version}"
        start = [] if before[:1] == ["run"] else ["run", "-i", "--rm"]
        passed = [part for variable in env for part in ("-e", variable)]
        return [runtime, *start, *passed, *before, image, *after]
    if kind == "pypi":
        return [runtime, *before, f"{name}=={version}" if version else name, *after]
    pinned = f"{name}@{version}" if version else name
    if kind == "nuget":
        return [runtime, pinned, *(before or ["--yes"]), *(["--", *after] if after else [])]
    return [runtime, *(before or (["-y"] if runtime == "npx" else [])), pinned, *after]


def _arguments(package: Mapping[str, Any], key: str, place: str, inputs: _Asked) -> Iterator[str]:
    for where, raw in _items(package, key, f"{place}."):
        named = raw.get("type") == "named"
        label = _text(raw, "name", where) if named else str(raw.get("valueHint") or f"{key}_{where[-2]}")
        if _is_secret(raw):
            message = f"{where}: arguments are not kept encrypted, so a secret may not be one"
            raise InvalidInput(message, field=where, hint="register the server by hand, with the secret in env")
        value = inputs.value(label, raw, where)
        if value is None:
            continue
        if named and raw.get("format") == "boolean":
            yield from [label] if value == "true" else []
        else:
            yield from [label, value] if named else [value]


def _is_secret(raw: Mapping[str, Any]) -> bool:
    variables = raw.get("variables")
    inner = variables.values() if isinstance(variables, Mapping) else ()
    return bool(raw.get("isSecret")) or any(isinstance(one, Mapping) and one.get("isSecret") for one in inner)
