"""In-process MCP servers: a tool is an async function with a pydantic model for its arguments. No SDK on the call path.

Used by the built-in servers here, by the pool, and by whoever adds a server in bootstrap. It speaks no protocol: the
``/mcp`` door and the pool give these tools the same face as tools of remote servers.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.core.errors import Cancelled, InvalidInput, NotFound, OrchestratorError
from orchestrator.mcp.result import ToolInfo, ToolResult

ProgressFn = Callable[[float, float | None, str | None], Awaitable[None]]
"""Called with how much is done, how much there is in all (None: unknown) and a message (None: none)."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """On whose behalf a tool is called and what it may look at. ``project_root`` is a checkout, to be read only."""

    project_id: UUID | None = None
    project_root: Path | None = None
    graph_folder: Path | None = None
    user_id: UUID | None = None
    task_id: UUID | None = None
    on_progress: ProgressFn | None = None

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell whoever waits how far the tool is; nobody listening is fine."""
        if self.on_progress is not None:
            await self.on_progress(done, total, message)

    def require_root(self) -> Path:
        """The checkout, or NotFound when the call has no project with files."""
        if self.project_root is None:
            raise NotFound("This tool reads a project's files: name a cloned project.", field="project_id")
        return self.project_root

    def require_graph(self) -> Path:
        """The graph's folder, or NotFound when the project has no graph yet."""
        if self.project_id is None and self.graph_folder is None:
            raise NotFound("This tool asks a project's knowledge graph: name a project.", field="project_id")
        if self.graph_folder is None:
            raise NotFound("This project has no knowledge graph yet: generate it first.", field="project_id")
        return self.graph_folder

    def listening(self, on_progress: ProgressFn | None) -> Self:
        """This context with another progress callback, or itself when there is none."""
        return self if on_progress is None else replace(self, on_progress=on_progress)


class Arguments(BaseModel):
    """Base of every tool's arguments: unknown ones are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class BuiltinTool:
    """One tool: ``run(context, arguments)`` returns a ToolResult or any JSON value."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[CallContext, Any], Awaitable[Any]]
    capabilities: tuple[str, ...] = ()
    title: str | None = None
    read_only: bool = True

    @cached_property
    def info(self) -> ToolInfo:
        """What ``tools/list`` says of it; its capabilities travel in ``_meta``."""
        schema = _schema_of(self.arguments)
        meta = {"_meta": {"orchestrator/capabilities": list(self.capabilities)}}
        hints = {"readOnlyHint": self.read_only, "openWorldHint": False}
        return ToolInfo(self.name, self.title, self.description, schema, None, hints, meta)


@cache
def _schema_of(arguments: type[BaseModel]) -> dict[str, Any]:
    """A model's schema, which nobody changes."""
    return arguments.model_json_schema(by_alias=True)


class BuiltinServer:
    """A named set of tools that run in this process."""

    def __init__(self, name: str, tools: Iterable[BuiltinTool], *, version: str = "1") -> None:
        self.name = name
        self.version = version
        self._tools = {tool.name: tool for tool in tools}

    @property
    def tools(self) -> tuple[ToolInfo, ...]:
        """Every tool, in the order it was given."""
        return tuple(tool.info for tool in self._tools.values())

    @property
    def capabilities(self) -> frozenset[str]:
        """Every capability some tool of this server declares."""
        return frozenset(tag for tool in self._tools.values() for tag in tool.capabilities)

    async def call(self, tool: str, arguments: dict[str, Any], context: CallContext) -> ToolResult:
        """Run a tool; its own errors come back as tool errors, wrong arguments raise InvalidInput."""
        known = self._tools.get(tool)
        if known is None:
            raise NotFound(
                f"Server {self.name!r} has no tool {tool[:100]!r}; it has {', '.join(self._tools)}.", field="tool"
            )
        try:
            parsed = known.arguments.model_validate(arguments)
        except ValidationError as error:
            raise invalid_arguments(error) from error
        try:
            answer = await known.run(context, parsed)
        except Cancelled:
            raise
        except OrchestratorError as error:
            return ToolResult.failure(error.message, error.as_dict())
        return answer if isinstance(answer, ToolResult) else ToolResult.of(answer)


def invalid_arguments(error: ValidationError) -> InvalidInput:
    """The first complaint of pydantic, with its place as ``arguments.<path>``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ".".join(["arguments", *(str(part) for part in first["loc"])])
    return InvalidInput(f"{path}: {first['msg']}", field=path)
