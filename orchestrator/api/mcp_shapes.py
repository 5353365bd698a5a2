"""How MCP endpoints show a tool, read the project out of arguments and pass progress on: for the doors of MCP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.builtin import ProgressFn
from orchestrator.services.mcp_catalogue import OfferedTool
from orchestrator.services.mcp_endpoint import Endpoint

_PROJECT_ID = {"type": "string", "format": "uuid", "description": "The project to work on; list_projects names them."}


@asynccontextmanager
async def relayed(send: ProgressFn) -> AsyncIterator[ProgressFn]:
    """Progress on its way to one client: a slow reader holds nobody up and misses steps in between, never the last."""
    waiting: asyncio.Queue[tuple[float, float | None, str | None] | None] = asyncio.Queue(64)

    def put(step: tuple[float, float | None, str | None] | None) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(step)

    async def tell(done: float, total: float | None = None, message: str | None = None) -> None:
        put((done, total, message))

    async def pump() -> None:
        while (step := await waiting.get()) is not None:
            await send(*step)

    pumping = asyncio.create_task(pump(), name="mcp progress")
    try:
        yield tell
        put(None)
        await pumping
    finally:
        pumping.cancel()


def offered_wire(offered: OfferedTool, caller: Caller, endpoint: Endpoint, *, legacy: bool = False) -> dict[str, Any]:
    """The tool as its server describes it, under its name here, with the project where it wants one, annotated."""
    wire = offered.tool.to_wire() | {"name": offered.name}
    if legacy and wire.get("outputSchema", {}).get("type", "object") != "object":
        del wire["outputSchema"]
    if offered.entry.reads_project:
        schema = dict(wire["inputSchema"])
        schema["properties"] = {**schema.get("properties", {}), "project_id": _PROJECT_ID}
        if caller.project_id is None:
            schema["required"] = [*schema.get("required", ()), "project_id"]
        wire["inputSchema"] = schema
    return endpoint.annotated(wire, *offered.names)


def project_of(caller: Caller, arguments: dict[str, Any]) -> tuple[UUID, dict[str, Any]]:
    """The project an argument names, else the token's own; and the arguments as the tool knows them."""
    rest = dict(arguments)
    named = rest.pop("project_id", None)
    if named is None and caller.project_id is not None:
        return caller.project_id, rest
    try:
        return UUID(named), rest
    except (ValueError, TypeError, AttributeError) as error:
        message = (
            "name a project: list_projects gives their ids" if named is None else "this is not the id of a project"
        )
        raise InvalidInput(f"arguments.project_id: {message}", field="arguments.project_id") from error
