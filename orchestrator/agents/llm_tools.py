"""The context's tools as a pydantic-ai toolset: their own JSON schemas, names a model accepts, every call told.

Used by ``llm_engine`` only. A tool that fails tells the model so, and the conversation goes on; the number of calls is
limited for the whole run. It opens no connection: sessions belong to the orchestrator's pool.
"""

import re
import time
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import orjson
from pydantic_ai import RunContext
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator, core_schema

from orchestrator.agents.base import AgentContext, AgentTool, ToolAnswer
from orchestrator.core.errors import AgentFailed, Cancelled, OrchestratorError
from orchestrator.core.events import EventKind

MOST_TOOLS = 128
_MOST_CHARS = 50_000
_TOLD_CHARS = 2000
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]+")
_OBJECT = SchemaValidator(core_schema.dict_schema(core_schema.str_schema()))


class ContextToolset(AbstractToolset[None]):
    """The tools of one run; counts the calls made."""

    def __init__(self, context: AgentContext, wanted: Sequence[str]) -> None:
        self._context = context
        self._wanted = wanted
        self._offered: dict[str, AgentTool] | None = None
        self.calls = 0

    @property
    def id(self) -> str:
        """A name for error messages."""
        return "orchestrator"

    @property
    def is_empty(self) -> bool:
        """Whether there can be no tools at all."""
        return self._context.tools is None or list(self._wanted) == ["none"]

    async def get_tools(self, ctx: RunContext[None]) -> dict[str, ToolsetTool[None]]:
        """Every tool on offer; asked once per run, so that the model sees one list throughout."""
        if self._offered is None:
            self._offered = await self._find()
        return {
            name: ToolsetTool(toolset=self, tool_def=_definition(name, tool), max_retries=2, args_validator=_OBJECT)
            for name, tool in self._offered.items()
        }

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: ToolsetTool[None]
    ) -> str:
        """Call a tool for the model; a failure goes back to the model as such."""
        self.calls += 1
        most = self._context.limits.tool_calls
        if self.calls > most:
            raise AgentFailed(f"The agent wanted more than {most} tool calls.", details={"limit": "tool_calls"})
        assert self._offered is not None
        assert self._context.tools is not None
        real = self._offered[name].name
        self._context.tell(EventKind.TOOL_CALLED, tool=real, call_id=ctx.tool_call_id, arguments=_short(tool_args))
        started = time.monotonic()
        try:
            answer = await self._context.tools.call(real, tool_args)
        except Cancelled:
            raise
        except OrchestratorError as error:
            answer = ToolAnswer(f"{error.code}: {error.message}", is_error=True)
        self._told(real, ctx.tool_call_id, answer, started)
        if answer.is_error:
            raise ToolFailed(answer.text[:_MOST_CHARS] or "the tool reported an error and no message")
        return _cut(answer.text or orjson.dumps(answer.structured, default=str).decode())

    def _told(self, tool: str, call_id: str | None, answer: ToolAnswer, started: float) -> None:
        self._context.tell(
            EventKind.TOOL_RETURNED,
            tool=tool,
            call_id=call_id,
            is_error=answer.is_error,
            text=answer.text[:_TOLD_CHARS],
            milliseconds=round((time.monotonic() - started) * 1000, 1),
        )

    async def _find(self) -> dict[str, AgentTool]:
        if self._context.tools is None or self.is_empty:
            return {}
        fit = [tool for tool in await self._context.tools.available() if _is_wanted(tool, self._wanted)]
        if len(fit) > MOST_TOOLS:
            text = f"{len(fit)} tools are too many for a model; it gets the first {MOST_TOOLS}"
            self._context.tell(EventKind.LOG, message=text)
        return dict(_named(fit[:MOST_TOOLS]))


def _is_wanted(tool: AgentTool, wanted: Sequence[str]) -> bool:
    return not wanted or not tool.capabilities.isdisjoint(wanted) or tool.name in wanted or tool.server in wanted


def _named(tools: Iterable[AgentTool]) -> Iterable[tuple[str, AgentTool]]:
    """Each tool under a name of at most 64 letters, digits, ``_`` and ``-``: what every provider accepts."""
    for tool in tools:
        name = _NOT_ALLOWED.sub("_", tool.name)
        if name != tool.name or len(name) > 64:
            name = f"{name[:55]}-{sha256(tool.name.encode()).hexdigest()[:8]}"
        yield name, tool


def _definition(name: str, tool: AgentTool) -> ToolDefinition:
    schema = {"properties": {}, **tool.input_schema, "type": "object"}
    return ToolDefinition(name=name, description=tool.description, parameters_json_schema=schema, strict=False)


def _cut(text: str) -> str:
    if len(text) <= _MOST_CHARS:
        return text
    return f"{text[:_MOST_CHARS]}\n(cut: {len(text) - _MOST_CHARS} more characters)"


def _short(arguments: dict[str, Any]) -> Any:
    encoded = orjson.dumps(arguments, default=str)
    return arguments if len(encoded) <= _TOLD_CHARS else encoded[:_TOLD_CHARS].decode("utf-8", "replace")
