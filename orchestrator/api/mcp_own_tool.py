"""What a tool of the orchestrator's own is: its name, shapes and scope, what it runs, and on whose behalf.

Used by ``mcp_tools`` and ``mcp_search``, which hold the tools, and by the MCP door. Which there are is not known here.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.mcp.builtin import ProgressFn, invalid_arguments
from orchestrator.mcp.result import ToolInfo, ToolResult
from orchestrator.services.mcp_endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Call:
    """On whose behalf a tool runs, through which endpoint, and who hears how far it is."""

    container: Container
    caller: Caller
    endpoint: Endpoint
    progress: ProgressFn | None
    declared: str = ""
    """What its client can be asked, as ``shown_tools`` writes it."""


@dataclass(frozen=True)
class OwnTool:
    """One tool of ours."""

    name: str
    title: str
    description: str
    scope: Scope
    arguments: type[BaseModel]
    answer: type[BaseModel]
    run: Callable[[Call, Any], Awaitable[BaseModel]]
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = False
    for_agents: bool = False
    """Listed to agents at work on a task only, since it makes sense only for them."""

    @cached_property
    def info(self) -> ToolInfo:
        """What ``tools/list`` says of it."""
        hints = {"readOnlyHint": self.read_only, "openWorldHint": False}
        if not self.read_only:
            hints |= {"destructiveHint": self.destructive, "idempotentHint": self.idempotent}
        given = self.arguments.model_json_schema(by_alias=True)
        given.setdefault("properties", {})
        answer = self.answer.model_json_schema(by_alias=True, mode="serialization")
        return ToolInfo(self.name, self.title, self.description, given, answer, hints)

    async def __call__(self, call: Call, arguments: Mapping[str, Any]) -> ToolResult:
        """Check the arguments, run, and answer in wire form."""
        try:
            parsed = self.arguments.model_validate(arguments)
        except ValidationError as error:
            raise invalid_arguments(error) from error
        answer = await self.run(call, parsed)
        return ToolResult.of(answer.model_dump(mode="json"))
