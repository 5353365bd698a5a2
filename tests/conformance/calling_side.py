"""Our calling side as the client that the official suite tests: registry, log-in and pool do what they do for users.

``listening`` answers the knocks of the processes that the suite starts, each with a registry entry of its own. What a
person does is here: registering the server, following the log-in in a browser, answering a form. Nothing of MCP or
OAuth is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import CredentialsNeeded, NotConfigured, OrchestratorError
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import Behind
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.server_entry import ServerEntry
from tests.upstream.oauth.conftest import log_in

KNOCK = Path(__file__).with_name("knock.py")
_PLAIN = {"string": "x", "integer": 0, "number": 0, "boolean": False, "object": {}, "array": [], "null": None}
_SECONDS = 80.0
_PATIENCE = 2
"""Log-ins after which a person gives up on one thing they want."""
_OWN_DOCUMENT = "https://conformance-test.local/client-metadata.json"
"""The client metadata document that the suite knows; nobody reads it."""

_Got = TypeVar("_Got")


class _Person:
    """Who is asked in the middle of a call: it takes what a form proposes."""

    capabilities: Mapping[str, Any] = {"elicitation": {"form": {}, "url": {}}}
    info: Mapping[str, Any] | None = None
    log_level: str | None = None
    answers_rounds = False

    async def ask(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Its answer."""
        fields = (params or {}).get("requestedSchema", {}).get("properties", {})
        proposed = {name: field["default"] for name, field in fields.items() if "default" in field}
        return {"action": "accept", "content": proposed or {"confirmed": True}}

    async def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """It hears and forgets."""


@dataclass
class _Calls:
    """One server of the suite, and what can be done with it."""

    container: Container
    caller: Caller
    entry: ServerEntry
    scenario: str
    context: Mapping[str, Any]

    async def tools(self) -> dict[str, ToolInfo]:
        return {tool.name: tool for tool in await self._reach(self.container.pool.list_tools)}

    async def call(self, name: str, arguments: dict[str, Any]) -> None:
        behind = Behind(_Person(), "suite") if self.scenario in _ASKED else None
        context = CallContext(user_id=self.caller.user_id)
        await self._reach(
            lambda server: self.container.pool.call_tool(server, name, arguments, context=context, behind=behind)
        )

    async def call_all(self) -> None:
        for name, tool in (await self.tools()).items():
            await self.call(name, _plain(tool.input_schema))

    async def request(self, method: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return await self._reach(lambda server: self.container.pool.request(server, method, params))

    async def list(self, method: str) -> list[dict[str, Any]]:
        return list((await self.request(method)).get(method.partition("/")[0], ()))

    async def _reach(self, act: Callable[[ServerDefinition], Awaitable[_Got]]) -> _Got:
        """Do it; where a log-in is needed, log in and do it again, but not for ever."""
        for _ in range(_PATIENCE):
            try:
                return await act(await self.container.registry.definition(self.entry, self.caller.user_id))
            except CredentialsNeeded:
                await self._log_in()
        return await act(await self.container.registry.definition(self.entry, self.caller.user_id))

    async def _log_in(self) -> None:
        try:
            self.entry = await log_in(self.container, self.caller, self.entry)
        except NotConfigured as error:
            # Its hint asks to register a client by hand; where the suite has done so, it tells us.
            names = ("client_id", "client_secret")
            if not self.context.keys() >= set(names):
                raise
            by_hand = {"issuer": error.details["issuer"], **{name: self.context[name] for name in names}}
            values = {"oauth": {**(self.entry.oauth or {}), **by_hand}}
            await self.container.registry.change(self.caller, self.entry.id, values)
            self.entry = await log_in(self.container, self.caller, self.entry)


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that a schema takes."""
    kinds = {name: str(field.get("type")) for name, field in schema.get("properties", {}).items()}
    return {name: _PLAIN.get(kinds.get(name, ""), "x") for name in schema.get("required", [])}


async def _only_list(calls: _Calls) -> None:
    await calls.tools()


async def _replay(calls: _Calls) -> None:
    """The calls the suite names; null stands for an argument that is not given."""
    known = await calls.tools()
    for one in calls.context.get("toolCalls", ()):
        if one["name"] in known:
            given = one.get("arguments") or {}
            await calls.call(one["name"], {key: value for key, value in given.items() if value is not None})


async def _of_every_kind(calls: _Calls) -> None:
    await calls.call_all()
    for resource in await calls.list("resources/list"):
        await calls.request("resources/read", {"uri": resource["uri"]})
    for prompt in await calls.list("prompts/list"):
        await calls.request("prompts/get", {"name": prompt["name"]})


async def _echo_schema(calls: _Calls) -> None:
    focal = (await calls.tools())["json_schema_2020_12_tool"]
    await calls.call("json_schema_echo", {"schema": focal.input_schema})


_ASKED = frozenset({"elicitation-sep1034-client-defaults", "sep-2322-client-request-state"})
_SPECIAL: Mapping[str, Callable[[_Calls], Awaitable[None]]] = {
    "initialize": _only_list,
    "json-schema-ref-no-deref": _only_list,
    "http-custom-headers": _replay,
    "http-standard-headers": _of_every_kind,
    "json-schema-2020-12-preservation": _echo_schema,
}


def _oauth(scenario: str) -> dict[str, Any] | None:
    """What whoever registers the server of a scenario says of logging in there."""
    if not scenario.startswith("auth/"):
        return None
    document = {"client_id": _OWN_DOCUMENT} if scenario == "auth/basic-cimd" else {}
    return {"mode": "per_user", **document}


async def play(container: Container, caller: Caller, told: Mapping[str, str]) -> None:
    """One scenario, from the registration of its server to its removal."""
    scenario = told["scenario"]
    values = {"name": scenario.replace("/", "-"), "transport": "streamable_http", "url": told["url"]}
    entry = await container.registry.create(caller, {**values, "timeout_seconds": _SECONDS, "oauth": _oauth(scenario)})
    calls = _Calls(container, caller, entry, scenario, orjson.loads(told["context"] or "{}"))
    try:
        await _SPECIAL.get(scenario, _Calls.call_all)(calls)
    finally:
        await container.registry.remove(caller, entry.id)


@asynccontextmanager
async def listening(path: Path, container: Container, caller: Caller) -> AsyncIterator[None]:
    """Play for everybody who knocks at a socket."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(container, caller, orjson.loads(await reader.readline()))
            said = "done"
        except OrchestratorError as error:
            said = error.message.replace("\n", " ")
        writer.write(said.encode() + b"\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(answer, path):
        yield
