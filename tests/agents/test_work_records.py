"""Events of a task as records: tool calls by attempt, test runs with the tests they failed, approvals, the diff."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.core.events import EventKind
from orchestrator.services.work_records import Change, TaskStory, read_events, record_of

_AT = datetime(2026, 1, 1, tzinfo=UTC)
TASK = {
    "id": "t1", "title": "Title", "type": "ask", "state": "completed", "reason": "ok", "user_id": "u1",
    "target_id": "agent:llm", "created_at": _AT, "started_at": _AT, "finished_at": _AT,
}  # fmt: skip


def story(*told: tuple[EventKind, dict[str, Any]]) -> TaskStory:
    return read_events(
        [{"kind": kind, "data": data, "seq": seq, "at": _AT} for seq, (kind, data) in enumerate(told, 1)]
    )


def attempt(number: int) -> dict[str, Any]:
    return {"generation": number, "target_id": "agent:llm", "started_at": _AT, "ended_at": _AT, "reason": "ok"}


def test_tool_calls_belong_to_the_attempt_that_made_them_and_end_with_their_answer() -> None:
    told = story(
        (EventKind.STARTED, {"attempt": 1}),
        (EventKind.TOOL_CALLED, {"tool": "files__edit", "call_id": "a"}),
        (EventKind.STARTED, {"attempt": 2}),
        (EventKind.TOOL_CALLED, {"tool": "files__edit", "call_id": "b"}),
        (EventKind.TOOL_CALLED, {"tool": "files__edit", "call_id": "c"}),
        (EventKind.TOOL_RETURNED, {"tool": "files__edit", "call_id": "c", "is_error": True}),
        (EventKind.TOOL_RETURNED, {"tool": "files__edit", "call_id": "b", "is_error": False}),
    )
    record = record_of(TASK, [attempt(1), attempt(2)], told, agent_name="Assistant", modified=(), tests={})
    assert [[(call.outcome, call.server) for call in one.calls] for one in record.attempts] == [
        [("unfinished", "files")], [("passed", "files"), ("failed", "files")],
    ]  # fmt: skip


def test_a_run_of_tests_names_the_tests_that_failed() -> None:
    text = "FAILED tests/test_a.py::TestA::test_one[x-1] - assert\nERROR tests/test_b.py::test_two\nFAILED nothing\n"
    told = story(
        (EventKind.STARTED, {"attempt": 1}),
        (EventKind.TOOL_CALLED, {"tool": "shell__run_tests"}),
        (EventKind.TOOL_RETURNED, {"tool": "shell__run_tests", "is_error": True, "text": text}),
        (EventKind.TOOL_CALLED, {"tool": "grep"}),
        (EventKind.TOOL_RETURNED, {"tool": "grep", "text": "FAILED tests/test_c.py::test_three"}),
    )
    assert told.failing() == {("tests/test_a.py", "TestA.test_one"), ("tests/test_b.py", "test_two")}
    known = {("tests/test_b.py", "test_two"): "urn:two"}
    record = record_of(TASK, [attempt(1)], told, agent_name="", modified=(), tests=known)
    run, other = record.attempts[0].calls
    assert (run.ran_tests, run.outcome, run.failing) == (True, "failed", ("urn:two",))
    assert (other.ran_tests, other.failing) == (False, ())


def test_answers_to_consent_are_approvals_and_other_answers_are_not() -> None:
    told = story((EventKind.ANSWERED, {"granted": False}), (EventKind.ANSWERED, {"by": "u"}))
    assert [one.granted for one in told.approvals] == [False]


def test_the_last_diff_is_the_change() -> None:
    diff = {"base_commit": "b", "commit": "c", "branch": "x", "files": [{"path": "a.py"}, "odd", {}]}
    told = story((EventKind.DIFF, {}), (EventKind.DIFF, diff))
    assert told.change == Change("b", "c", "x", ("a.py",))


@pytest.mark.parametrize("data", [{}, {"tool": None}, {"files": "x"}, {"is_error": "?"}])
def test_events_with_missing_data_break_nothing(data: dict[str, Any]) -> None:
    told = story(*((kind, data) for kind in EventKind))
    assert record_of(TASK, [attempt(1)], told, agent_name="", modified=(), tests={}).id == "t1"


def test_a_flood_of_tool_calls_is_cut() -> None:
    told = story(*((EventKind.TOOL_CALLED, {"tool": "t"}) for _ in range(2000)))
    assert len(told.calls) == 500
