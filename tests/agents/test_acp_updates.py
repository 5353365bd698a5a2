"""What programs tell of their tool calls: piece by piece, as Claude Code and OpenCode do, or all at once."""

from typing import Any

import pytest
from acp.schema import ToolCallUpdate

from orchestrator.agents.acp.updates import Updates
from orchestrator.core.errors import Looping
from orchestrator.core.events import EventKind
from orchestrator.services.watchdog import Watchdog, WatchLimits
from tests.agents.support import Told

TREE = "/tree"


def take(updates: Updates, what: str, **more: Any) -> None:
    updates.take({"sessionId": "s", "update": {"sessionUpdate": what, "toolCallId": "c", **more}})


def edit(updates: Updates, path: str, text: str) -> None:
    """An edit as Claude Code tells of it: begun before its arguments are known, its diff before its end."""
    take(updates, "tool_call", kind="edit", status="pending", title="Preparing file…", rawInput={}, locations=[])
    diff = {"type": "diff", "path": f"{TREE}/{path}", "oldText": None, "newText": text}
    known: dict[str, Any] = {"rawInput": {"file_path": path, "content": text}, "content": [diff]}
    take(updates, "tool_call_update", title=f"Write {path}", locations=[{"path": f"{TREE}/{path}"}], **known)
    take(updates, "tool_call_update")
    take(updates, "tool_call_update", status="completed", rawOutput="created")


def test_a_call_that_is_told_in_pieces_is_one_call_with_its_arguments_places_and_diff() -> None:
    told = Told()
    updates = Updates(told, TREE)
    edit(updates, "b.py", "y = 2\n")
    (called,), (returned,) = told.of(EventKind.TOOL_CALLED), told.of(EventKind.TOOL_RETURNED)
    assert (called["title"], called["paths"]) == ("Write b.py", ["b.py"])
    assert called["arguments"] == {"file_path": "b.py", "content": "y = 2\n"}
    assert returned["edits"] == [{"path": "b.py", "diff": "@@ -0,0 +1 @@\n+y = 2"}]
    assert returned["text"] == "created"
    assert told.of(EventKind.PROGRESS) == []


def test_a_call_is_told_before_leave_for_it_is_asked_and_one_never_made_at_the_end() -> None:
    told = Told()
    updates = Updates(told, TREE)
    take(updates, "tool_call", kind="execute", status="pending", title="bash", rawInput={"cwd": TREE})
    assert told.of(EventKind.TOOL_CALLED) == []
    updates.asked(ToolCallUpdate(tool_call_id="c", title="cat b.py", raw_input={"command": "cat b.py"}))
    assert [one["arguments"] for one in told.of(EventKind.TOOL_CALLED)] == [{"command": "cat b.py"}]
    updates.take({"sessionId": "s", "update": {"sessionUpdate": "tool_call", "toolCallId": "d", "title": "never"}})
    take(updates, "tool_call", toolCallId="e", status="pending", title="begun")
    updates.finish()
    assert [one["title"] for one in told.of(EventKind.TOOL_CALLED)] == ["cat b.py", "never", "begun"]


def test_the_tree_itself_is_inside_of_it() -> None:
    told = Told()
    updates = Updates(told, TREE)
    take(updates, "tool_call", kind="search", status="in_progress", title="ls", locations=[{"path": TREE}])
    assert told.of(EventKind.TOOL_CALLED)[0]["paths"] == ["."]


async def watched(*texts: str, answers: tuple[str, ...] = ("done",)) -> None:
    watchdog = Watchdog(Told(), WatchLimits(60, 3))

    async def work() -> None:
        updates = Updates(watchdog.tell, TREE)
        for number, text in enumerate(texts):
            edit(updates, f"{text}.py", text) if text else _silent(updates, answers[number % len(answers)])

    await watchdog.watch(work())


def _silent(updates: Updates, answer: str) -> None:
    """A call as Gemini CLI tells of it: without its arguments."""
    take(updates, "tool_call", kind="edit", status="in_progress", title="Writing to b.py")
    content = [{"type": "content", "content": {"type": "text", "text": answer}}]
    take(updates, "tool_call_update", status="completed", content=content)


async def test_calls_whose_arguments_come_later_are_no_loop_unless_those_are_the_same() -> None:
    await watched("a", "b", "c", "d", "e")
    with pytest.raises(Looping):
        await watched("a", "a", "a", "a")


async def test_calls_without_arguments_are_a_loop_only_where_their_answers_are_the_same() -> None:
    await watched("", "", "", "", "", answers=("1", "2", "3", "4", "5"))
    with pytest.raises(Looping):
        await watched("", "", "", "")
