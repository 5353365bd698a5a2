"""What an agent tells of its session, in the words of our events. Used by the session; the protocol's shapes end here.

Text is gathered, tool calls become ``tool.called`` and ``tool.returned``, a plan becomes progress, edits are shown as
clipped diffs. What is malformed or unknown is counted and left out: an agent may be newer than we are.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from difflib import unified_diff
from typing import Any

import orjson
from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    FileEditToolCallContent,
    SessionNotification,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    UsageUpdate,
)
from pydantic import ValidationError

from orchestrator.agents.base import Tell
from orchestrator.agents.gathering import Gathering
from orchestrator.core.events import EventKind
from orchestrator.core.jsonsafe import storable

_SHOWN = 2000
_MOST_KEPT = 200_000
_MOST_CALLS = 1000
_MOST_DIFFED = 64 * 1024


class Updates:
    """The updates of one session."""

    def __init__(self, tell: Tell, root: str) -> None:
        self._tell = tell
        self._root = root.rstrip("/") + "/"
        self._said = Gathering(lambda text: tell(EventKind.MESSAGE, role="assistant", text=text))
        self._thought = Gathering(lambda text: tell(EventKind.MESSAGE, role="thought", text=text))
        self._calls: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._answer: list[str] = []
        self._kept = 0
        self.tool_calls = 0
        self.ignored = 0
        self.replaying = False
        self.usage: dict[str, Any] = {}

    @property
    def answer(self) -> str:
        """What it said since its last tool call."""
        return "".join(self._answer).strip()

    def flush(self) -> None:
        """Tell what has gathered."""
        self._thought.flush()
        self._said.flush()

    def take(self, params: Any) -> None:
        """One update as it came over the wire."""
        try:
            update = SessionNotification.model_validate(params).update
        except ValidationError:
            self.ignored += 1
            return
        if self.replaying:  # a loaded session is told again from its beginning: that is known already
            return
        match update:
            case AgentMessageChunk(content=TextContentBlock(text=text)):
                self._say(text)
            case AgentThoughtChunk(content=TextContentBlock(text=text)):
                self._said.flush()
                self._thought.add(text)
            case ToolCallStart():
                self._start(update)
            case ToolCallProgress():
                self._go_on(update)
            case AgentPlanUpdate():
                self._plan(update)
            case UsageUpdate():
                self.usage |= {"context_tokens": update.used}
                if update.cost is not None:
                    self.usage |= {"cost": update.cost.amount, "currency": update.cost.currency}

    def _say(self, text: str) -> None:
        self._thought.flush()
        self._said.add(text)
        if self._kept < _MOST_KEPT:
            self._answer.append(text)
            self._kept += len(text)

    def _start(self, call: ToolCallStart) -> None:
        self.flush()
        self._answer.clear()
        self._kept = 0
        self.tool_calls += 1
        if len(self._calls) >= _MOST_CALLS:
            self._calls.popitem(last=False)
        tool = str(call.kind or "other")
        self._calls[call.tool_call_id] = (tool, time.monotonic())
        self._tell(
            EventKind.TOOL_CALLED, tool=tool, call_id=call.tool_call_id, title=call.title[:500],
            arguments=_short(call.raw_input), paths=self._paths(call),
        )  # fmt: skip
        if call.status in ("completed", "failed"):
            self._end(call)

    def _go_on(self, call: ToolCallProgress) -> None:
        if call.status in ("completed", "failed"):
            self._end(call)
        elif call.title:
            self.flush()
            self._tell(EventKind.PROGRESS, message=call.title[:500], call_id=call.tool_call_id)

    def _end(self, call: ToolCallStart | ToolCallProgress) -> None:
        self.flush()
        tool, began = self._calls.pop(call.tool_call_id, (str(call.kind or "other"), time.monotonic()))
        text, edits = self._contents(call.content or ())
        told: dict[str, Any] = {"text": (text or _text_of(call.raw_output))[:_SHOWN]}
        if edits:
            told["edits"] = edits
        self._tell(
            EventKind.TOOL_RETURNED, tool=tool, call_id=call.tool_call_id, is_error=call.status == "failed",
            milliseconds=round((time.monotonic() - began) * 1000, 1), **told,
        )  # fmt: skip

    def _contents(self, contents: Sequence[Any]) -> tuple[str, list[dict[str, str]]]:
        texts, edits = [], []
        for content in contents[:20]:
            if isinstance(content, FileEditToolCallContent):
                edits.append({"path": self._relative(content.path), "diff": _diff(content)})
            elif isinstance(inner := getattr(content, "content", None), TextContentBlock):
                texts.append(inner.text[:_SHOWN])
        return "\n".join(texts), edits

    def _plan(self, plan: AgentPlanUpdate) -> None:
        self.flush()
        steps = [{"step": entry.content[:500], "status": entry.status} for entry in plan.entries[:100]]
        done = sum(entry.status == "completed" for entry in plan.entries)
        doing = next((entry.content[:200] for entry in plan.entries if entry.status == "in_progress"), "a plan")
        self._tell(EventKind.PROGRESS, message=doing, done=done, total=len(plan.entries), plan=steps)

    def _paths(self, call: ToolCallStart) -> list[str]:
        return [self._relative(place.path) for place in (call.locations or ())[:20]]

    def _relative(self, path: str) -> str:
        return path.removeprefix(self._root)[:500]


def _diff(edit: FileEditToolCallContent) -> str:
    old, new = edit.old_text or "", edit.new_text
    if len(old) + len(new) > _MOST_DIFFED:
        return f"({len(old)} characters became {len(new)})"
    lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++")))[:_SHOWN]


def _short(value: Any) -> Any:
    if value is None:
        return None
    encoded = orjson.dumps(storable(value), default=str)
    return value if len(encoded) <= _SHOWN else encoded[:_SHOWN].decode("utf-8", "replace")


def _text_of(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(storable(value), default=str).decode()
