"""What a tool answers and what a server says of its tools, kept in wire form so that nothing is lost on the way.

Used by the pool, services and the doors. Unknown fields of a server pass through unchanged; the SDK's own models,
which drop them, do not appear here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import orjson

from orchestrator.core.errors import NotFound, ToolFailed
from orchestrator.mcp.fingerprint import fingerprint

_RESULT_FIELDS = ("content", "structuredContent", "isError", "_meta")
HINT_KEY = "orchestrator/hint"
"""In the ``_meta`` of a result: what to do about an error, where we know."""
_TOOL_FIELDS = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer of one tool call; ``is_error`` means the tool itself reported a failure."""

    content: list[dict[str, Any]]
    structured: Any | None = None
    is_error: bool = False
    meta: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a ``CallToolResult`` as it came over the wire."""
        extra = {key: value for key, value in wire.items() if key not in _RESULT_FIELDS}
        return cls(
            list(wire.get("content") or ()), wire.get("structuredContent"), bool(wire.get("isError")),
            wire.get("_meta"), extra,
        )  # fmt: skip

    @property
    def needs_input(self) -> bool:
        """Whether this is no answer yet: the server asks the client something first and wants to be called again."""
        return self.extra.get("resultType") == "input_required"

    @property
    def is_unfinished(self) -> bool:
        """Whether there is no answer yet: input is needed, or the server made a task of the call."""
        return self.needs_input or self.extra.get("resultType") == "task"

    def to_wire(self) -> dict[str, Any]:
        """The ``CallToolResult`` in wire names, unknown fields included."""
        if self.is_unfinished:
            return self.extra | ({"_meta": self.meta} if self.meta is not None else {})
        wire: dict[str, Any] = {**self.extra, "content": self.content, "isError": self.is_error}
        if self.structured is not None:
            wire["structuredContent"] = self.structured
        if self.meta is not None:
            wire["_meta"] = self.meta
        return wire

    @classmethod
    def of(cls, value: Any) -> Self:
        """A successful answer: the value as structured content, and as text for clients that read only text."""
        text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
        return cls([{"type": "text", "text": text}], value)

    @classmethod
    def failure(cls, message: str, details: dict[str, Any] | None = None) -> Self:
        """A tool error with a readable message; ``details`` is the error as our tree spells it."""
        return cls([{"type": "text", "text": message}], {"error": details} if details else None, True)

    @property
    def text(self) -> str:
        """All text parts, joined by line breaks."""
        return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")

    def raise_for_error(self) -> Self:
        """This result, or ToolFailed with what the tool said."""
        if self.is_error:
            details = {"result": self.structured} if self.structured is not None else None
            message = self.text[:2000] or "The tool reported an error and no message."
            raise ToolFailed(message, field=self._told("field"), hint=self._told("hint"), details=details)
        return self

    def _told(self, name: str) -> str | None:
        """A word of the error that came with the text, as ours have one."""
        error = self.structured.get("error") if isinstance(self.structured, dict) else None
        word = error.get(name) if isinstance(error, dict) else None
        if word is None and name == "hint" and isinstance(self.meta, dict):
            word = self.meta.get(HINT_KEY)
        return word[:300] if isinstance(word, str) else None


@dataclass(frozen=True)
class ToolInfo:
    """One tool as its server describes it. ``extra`` holds every wire field without an attribute of its own."""

    name: str
    title: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] = field(default_factory=lambda: {"type": "object"})
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """Read a ``Tool`` as it came over the wire."""
        extra = {key: value for key, value in wire.items() if key not in _TOOL_FIELDS}
        return cls(
            wire["name"], wire.get("title"), wire.get("description"), wire["inputSchema"], wire.get("outputSchema"),
            wire.get("annotations"), extra,
        )  # fmt: skip

    def to_wire(self) -> dict[str, Any]:
        """The ``Tool`` in wire names, unknown fields included."""
        known = {
            "title": self.title,
            "description": self.description,
            "outputSchema": self.output_schema,
            "annotations": self.annotations,
        }
        present = {key: value for key, value in known.items() if value is not None}
        return {"name": self.name, "inputSchema": self.input_schema} | present | self.extra

    @cached_property
    def input_schema_json(self) -> bytes:
        """The input schema as bytes: the key under which its compiled validator is cached."""
        return orjson.dumps(self.input_schema)

    @cached_property
    def fingerprint(self) -> str:
        """The hash of all that the server says of the tool."""
        return fingerprint(self.to_wire())

    @cached_property
    def output_schema_json(self) -> bytes | None:
        """The output schema as bytes, or None when the tool declares none."""
        return None if self.output_schema is None else orjson.dumps(self.output_schema)


def unknown_tool(tools: Sequence[ToolInfo], name: str, server: str) -> NotFound:
    """The error for a tool that a server has not; it names some that it has."""
    known = ", ".join(tool.name for tool in tools[:20]) or "none"
    return NotFound(f"MCP server {server!r} has no tool {str(name)[:100]!r}; it has: {known}.", field="tool")
