"""Reads the ``mcp.json`` form: ``mcpServers`` of Claude and Cursor, ``servers`` and ``inputs`` of VS Code.

Used by services for import and ``MCP_CONFIG``. Every complaint names the entry and the field
(``mcpServers.git.command``). Placeholders are filled from the mapping the caller gives and from nothing else; an
``envFile`` is read only where the caller gives a way to read it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.core.errors import InvalidInput, TooLarge
from orchestrator.mcp.definition import DEFAULT_TIMEOUT_SECONDS, ServerDefinition, Transport, check
from orchestrator.mcp.env_file import variables_of
from orchestrator.mcp.mcp_json_ignored import OF_OTHERS, passed_over
from orchestrator.mcp.placeholders import Inputs
from orchestrator.sandbox.wish import OPEN, Wish

MAX_BYTES = 1024 * 1024
MAX_SERVERS = 500

_STDIO = frozenset({"stdio", "local"})
_HTTP = frozenset({"http", "streamable_http", "streamable-http", "streamableHttp", "remote"})
_FIELDS = frozenset(
    {"type", "transport", "command", "args", "env", "url", "serverUrl", "headers", "timeout", "timeout_seconds",
     "envFile", "disabled", "enabled", "capabilities", "description",
     "sandbox", "network", "folders", "limits"}
)  # fmt: skip
_FLAGS = frozenset({"can_run_on_user_space", "result_pointer_preferred", "fallback_to_oracle"})
_NO_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One entry, checked, with its placeholders filled; secrets stand in ``env`` and ``headers``."""

    name: str
    transport: Transport
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    enabled: bool = True
    capabilities: tuple[str, ...] = ()
    description: str = ""
    flags: Mapping[str, bool] = field(default_factory=dict)
    sandbox: Wish = OPEN
    origin: Mapping[str, Any] | None = field(default=None, compare=False)
    """What a ``server.json`` says beyond what runs the server."""
    ignored: tuple[str, ...] = field(default=(), compare=False)
    """Fields that say something in the document and are not taken over."""

    def definition(self, id: UUID) -> ServerDefinition:
        """The entry as the pool wants it."""
        return ServerDefinition.build(
            id=id,
            name=self.name,
            transport=self.transport,
            command=self.command,
            args=self.args,
            env=self.env,
            url=self.url,
            headers=self.headers,
            timeout_seconds=self.timeout_seconds,
            sandbox=self.sandbox,
        )


ReadFile = Callable[[str], str]


def parse_mcp_json(
    document: str | bytes | Mapping[str, Any],
    variables: Mapping[str, str] | None = None,
    *,
    read_file: ReadFile | None = None,
) -> tuple[ServerEntry, ...]:
    """Every server of the document, in its order. ``variables`` fill placeholders; one error names all that lack."""
    root, servers, described = _servers(loaded(document))
    if len(servers) > MAX_SERVERS:
        raise TooLarge(f"At most {MAX_SERVERS} servers in one document.", field=root)
    inputs = Inputs(variables or {}, described)
    readers = {name: _Reader(f"{root}.{name}", inputs, read_file) for name in servers}
    entries = {name: readers[name].entry(name, raw) for name, raw in servers.items()}
    inputs.require_all()
    for name, entry in entries.items():
        check_entry(entry, f"{root}.{name}.")
    return tuple(entries.values())


def read_mcp_json(path: Path, variables: Mapping[str, str]) -> tuple[ServerEntry, ...]:
    """Every server of an operator's own file, whose ``envFile`` entries are read beside it."""

    def beside(named: str) -> str:
        try:
            return (path.parent / named).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InvalidInput(f"The file {named} cannot be read: {error}", field="envFile") from error

    return parse_mcp_json(path.read_bytes(), {"workspaceFolder": str(path.parent), **variables}, read_file=beside)


def loaded(document: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    """The document as an object."""
    if isinstance(document, Mapping):
        return document
    if len(document) > MAX_BYTES:
        raise TooLarge(f"At most {MAX_BYTES} bytes.", field="mcpServers")
    try:
        loaded = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"This is not JSON: {error}", field="mcpServers") from error
    if not isinstance(loaded, dict):
        raise InvalidInput("An object with mcpServers is expected.", field="mcpServers")
    return loaded


def _servers(document: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], dict[str, Mapping[str, Any]]]:
    """The name of the part that holds the servers, that part, and what is said of inputs."""
    nested = document.get("mcp")
    if isinstance(nested, Mapping) and "servers" in nested:
        document = nested  # VS Code's settings.json
    if "mcpServers" in document and "servers" in document:
        raise InvalidInput("The document has mcpServers and servers: one of them would be lost.", field="servers")
    for root in ("mcpServers", "servers"):
        if root in document:
            servers = document[root]
            if not isinstance(servers, Mapping):
                raise InvalidInput("An object of servers by name is expected.", field=root)
            return root, servers, _described(document)
    raise InvalidInput("The document has neither mcpServers nor servers.", field="mcpServers")


def _described(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    inputs = document.get("inputs", [])
    if not isinstance(inputs, list) or not all(isinstance(one, Mapping) for one in inputs):
        raise InvalidInput("A list of objects is expected.", field="inputs")
    return {str(one.get("id")): one for one in inputs}


class _Reader:
    """Reads one entry; knows where it stands, for the errors."""

    def __init__(self, place: str, inputs: Inputs, read_file: ReadFile | None) -> None:
        self._place = place
        self._inputs = inputs
        self._read_file = read_file

    def entry(self, name: str, raw: object) -> ServerEntry:
        if not isinstance(raw, Mapping):
            raise InvalidInput("An object is expected.", field=self._place)
        self._refuse_unknown(raw)
        transport = self._transport(raw)
        stdio = transport == "stdio"
        command = self._text(raw, "command") if stdio else None
        return ServerEntry(
            name=name,
            transport=transport,
            command=command,
            args=self._texts(raw, "args") if stdio else (),
            env={**self._env_file(raw), **self._mapping(raw, "env")} if stdio else {},
            url=None if stdio else self._text(raw, "url" if "url" in raw else "serverUrl"),
            headers={} if stdio else self._mapping(raw, "headers"),
            timeout_seconds=self._timeout(raw),
            enabled=self._flag(raw, "enabled", True) and not self._flag(raw, "disabled", False),
            capabilities=self._texts(raw, "capabilities"),
            description=self._text(raw, "description") if "description" in raw else "",
            sandbox=self._sandbox(raw, command) if stdio else OPEN,
            flags={flag: self._flag(raw, flag, False) for flag in sorted(_FLAGS) if flag in raw},
            ignored=passed_over(raw),
        )

    def _wrong(self, field_name: str, message: str) -> InvalidInput:
        return InvalidInput(f"{self._place}.{field_name}: {message}", field=f"{self._place}.{field_name}")

    def _refuse_unknown(self, raw: Mapping[str, Any]) -> None:
        for key in raw:
            if key not in _FIELDS | _FLAGS | OF_OTHERS:
                raise self._wrong(str(key)[:100], "This field is not known.")

    def _transport(self, raw: Mapping[str, Any]) -> Transport:
        declared = raw.get("type", raw.get("transport"))
        has_url = "url" in raw or "serverUrl" in raw
        if declared is None:
            if "command" in raw and has_url:
                raise self._wrong("url", "An entry has a command or a url, not both.")
            if "command" not in raw and not has_url:
                raise self._wrong("command", "An entry needs a command or a url.")
            return "stdio" if "command" in raw else "streamable_http"
        if isinstance(declared, str) and declared in _STDIO:
            return "stdio"
        if isinstance(declared, str) and declared in _HTTP:
            return "streamable_http"
        if declared == "sse":
            return "sse"
        raise self._wrong("type", "stdio, http or sse is expected.")

    def _text(self, raw: Mapping[str, Any], key: str) -> str:
        if key not in raw:
            raise self._wrong(key, "This field is missing.")
        return self._filled(raw[key], key)

    def _texts(self, raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
        values = raw.get(key, [])
        if not isinstance(values, list):
            raise self._wrong(key, "A list of texts is expected.")
        return tuple(self._filled(value, f"{key}[{index}]") for index, value in enumerate(values))

    def _mapping(self, raw: Mapping[str, Any], key: str) -> dict[str, str]:
        values = raw.get(key) or {}
        if not isinstance(values, Mapping):
            raise self._wrong(key, "An object of texts is expected.")
        return {name: self._filled(value, f"{key}.{name}") for name, value in values.items()}

    def _env_file(self, raw: Mapping[str, Any]) -> dict[str, str]:
        if not raw.get("envFile"):
            return {}
        path = self._text(raw, "envFile")
        if self._read_file is None:
            raise self._wrong("envFile", "The service reads no files of yours: put the variables into env.")
        return variables_of(self._read_file(path))

    def _flag(self, raw: Mapping[str, Any], key: str, default: bool) -> bool:
        value = raw.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false is expected.")
        return value

    def _sandbox(self, raw: Mapping[str, Any], command: str | None) -> Wish:
        folders, limits = raw.get("folders", []), raw.get("limits", {})
        if not isinstance(folders, list):
            raise self._wrong("folders", "A list of paths, or of objects with path and access, is expected.")
        if not isinstance(limits, Mapping):
            raise self._wrong("limits", "An object of numbers is expected.")
        granted = [one if isinstance(one, Mapping) else {"path": one} for one in folders]
        granted = [
            {**one, "path": self._filled(one.get("path"), f"folders[{i}].path")} for i, one in enumerate(granted)
        ]
        # VS Code's sandbox is an object of rules for its own: passed over, as all that is of other clients.
        given = {
            name: self._text(raw, name)
            for name in ("sandbox", "network")
            if name in raw and not isinstance(raw[name], Mapping)
        }
        return Wish.of(**given, folders=granted, limits=limits, command=command, prefix=f"{self._place}.")

    def _timeout(self, raw: Mapping[str, Any]) -> float:
        key = "timeout_seconds" if "timeout_seconds" in raw else "timeout"
        value = raw.get(key, DEFAULT_TIMEOUT_SECONDS)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "A number of seconds is expected.")
        # Some clients write milliseconds under ``timeout``; nobody means a quarter of an hour and more.
        return value / 1000 if key == "timeout" and value >= 1000 else float(value)

    def _filled(self, value: object, key: str) -> str:
        if not isinstance(value, str):
            raise self._wrong(key, "A text is expected.")
        sealed = key.startswith(("env.", "headers."))
        return self._inputs.fill(value, f"{self._place}.{key}", sealed=sealed)


def check_entry(entry: ServerEntry, prefix: str) -> None:
    """InvalidInput for an entry no session could be made of; ``prefix`` goes before the name of the field."""
    unchecked = ServerDefinition(
        _NO_ID, entry.name, entry.transport, entry.command, entry.args, entry.env, entry.url, entry.headers,
        entry.timeout_seconds,
    )  # fmt: skip
    check(unchecked, prefix)
