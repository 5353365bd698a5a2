"""Our calling side as the client that the official suite tests: the pool does what services have it do.

``listening`` answers the knocks of the processes that the suite starts, each with a pool of its own. Nothing of the
protocol is here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ids import new_id
from orchestrator.mcp.builtin import CallContext
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import Behind, ServerPool

KNOCK = Path(__file__).with_name("knock.py")
_PLAIN = {"string": "x", "integer": 0, "number": 0, "boolean": False, "object": {}, "array": [], "null": None}
_SECONDS = 80.0


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

    pool: ServerPool
    definition: ServerDefinition
    scenario: str
    context: Mapping[str, Any]

    async def tools(self) -> dict[str, Any]:
        return {tool.name: tool for tool in await self.pool.list_tools(self.definition)}

    async def call(self, name: str, arguments: dict[str, Any]) -> None:
        behind = Behind(_Person(), "suite") if self.scenario in _ASKED else None
        await self.pool.call_tool(self.definition, name, arguments, context=CallContext(), behind=behind)

    async def call_all(self) -> None:
        for name, tool in (await self.tools()).items():
            await self.call(name, _plain(tool.input_schema))

    async def list(self, method: str) -> list[dict[str, Any]]:
        return list((await self.pool.request(self.definition, method)).get(method.partition("/")[0], ()))


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
        await calls.pool.request(calls.definition, "resources/read", {"uri": resource["uri"]})
    for prompt in await calls.list("prompts/list"):
        await calls.pool.request(calls.definition, "prompts/get", {"name": prompt["name"]})


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


async def play(told: Mapping[str, str]) -> None:
    """One scenario, from the first connection to the last."""
    pool = ServerPool()
    definition = ServerDefinition.build(
        id=new_id(), name="suite", transport="streamable_http", url=told["url"], timeout_seconds=_SECONDS
    )
    context = orjson.loads(told["context"] or "{}")
    calls = _Calls(pool, definition, told["scenario"], context)
    try:
        await _SPECIAL.get(told["scenario"], _Calls.call_all)(calls)
    finally:
        await pool.aclose()


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[None]:
    """Play for everybody who knocks at a socket."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(orjson.loads(await reader.readline()))
            said = "done"
        except OrchestratorError as error:
            said = error.message.replace("\n", " ")
        writer.write(said.encode() + b"\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(answer, path):
        yield
