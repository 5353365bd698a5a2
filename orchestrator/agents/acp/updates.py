"""What an agent tells of its session, in the words of our events. Used by the session; the protocol's shapes end here.

Text is gathered, tool calls become ``tool.called`` and ``tool.returned``, a plan becomes progress, edits are shown as
clipped diffs. What is malformed or unknown is counted and left out: an agent may be newer than we are.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    ToolCallUpdate,
    UsageUpdate,
)
from pydantic import ValidationError

from orchestrator.agents.acp.kinds import understood
from orchestrator.agents.base import Tell
from orchestrator.agents.gathering import Gathering
from orchestrator.core.events import EventKind
from orchestrator.core.jsonsafe import storable

_SHOWN = 2000
_MOST_KEPT = 200_000
_MOST_CALLS = 1000
_MOST_DIFFED = 64 * 1024


@dataclass(slots=True)
class _Call:
    """One tool call as far as it is known: agents tell of it in pieces, while their model still writes it."""

    tool: str = "other"
    title: str = ""
    arguments: Any = None
    places: Sequence[Any] = ()
    content: Sequence[Any] = ()
    told: bool = False
    shown: str = ""
    began: float = field(default_factory=time.monotonic)

    def take(self, told: ToolCallUpdate | ToolCallStart) -> None:
        """What a piece says; what it does not mention stays."""
        self.tool = str(told.kind or self.tool)
        self.title = (told.title or self.title)[:500]
        self.arguments = told.raw_input or self.arguments
        self.places = told.locations or self.places
        self.content = told.content or self.content


class Updates:
    """The updates of one session."""

    def __init__(self, tell: Tell, root: str, kinds: Mapping[str, str] | None = None) -> None:
        self._tell = tell
        self._kinds = kinds or {}
        self._root = root.rstrip("/") + "/"
        self._said = Gathering(lambda text: tell(EventKind.MESSAGE, role="assistant", text=text))
        self._thought = Gathering(lambda text: tell(EventKind.MESSAGE, role="thought", text=text))
        self._calls: OrderedDict[str, _Call] = OrderedDict()
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
                self._start(understood(update, self._kinds))
            case ToolCallProgress():
                self._go_on(understood(update, self._kinds))
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

    def asked(self, call: ToolCallUpdate) -> None:
        """The agent asks for leave to make a call: it is told of before anybody is asked."""
        known = self._calls.get(call.tool_call_id)
        if known is not None:
            known.take(call)
            self._tell_call(call.tool_call_id, known)

    def finish(self) -> None:
        """The turn is over: tell what has gathered, and of calls that were begun and never made."""
        self.flush()
        for identifier, call in self._calls.items():
            self._tell_call(identifier, call)
        self._calls.clear()

    def _start(self, update: ToolCallStart) -> None:
        self.flush()
        self._answer.clear()
        self._kept = 0
        self.tool_calls += 1
        call = self._known(update.tool_call_id)
        call.take(update)
        if update.status != "pending":  # one that is pending may still be written by the model
            self._tell_call(update.tool_call_id, call)
        if update.status in ("completed", "failed"):
            self._end(update)

    def _go_on(self, update: ToolCallProgress) -> None:
        call = self._known(update.tool_call_id)
        call.take(update)
        if update.status in ("completed", "failed"):
            self._end(update)
        elif not call.told:
            if update.status == "in_progress" or update.raw_input:
                self._tell_call(update.tool_call_id, call)
        elif call.title != call.shown:
            call.shown = call.title
            self.flush()
            self._tell(EventKind.PROGRESS, message=call.title, call_id=update.tool_call_id)

    def _known(self, identifier: str) -> _Call:
        if identifier not in self._calls and len(self._calls) >= _MOST_CALLS:
            self._calls.popitem(last=False)
        return self._calls.setdefault(identifier, _Call())

    def _tell_call(self, identifier: str, call: _Call) -> None:
        if call.told:
            return
        self.flush()
        call.told, call.shown = True, call.title
        self._tell(
            EventKind.TOOL_CALLED, tool=call.tool, call_id=identifier, title=call.title,
            arguments=_short(call.arguments), paths=[self._relative(place.path) for place in call.places[:20]],
        )  # fmt: skip

    def _end(self, update: ToolCallStart | ToolCallProgress) -> None:
        call = self._calls.pop(update.tool_call_id)
        self._tell_call(update.tool_call_id, call)
        self.flush()
        text, edits = self._contents(call.content)
        told: dict[str, Any] = {"text": (text or _text_of(update.raw_output))[:_SHOWN]}
        if edits:
            told["edits"] = edits
        self._tell(
            EventKind.TOOL_RETURNED, tool=call.tool, call_id=update.tool_call_id, is_error=update.status == "failed",
            milliseconds=round((time.monotonic() - call.began) * 1000, 1), **told,
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

    def _relative(self, path: str) -> str:
        return "." if path + "/" == self._root else path.removeprefix(self._root)[:500]


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
