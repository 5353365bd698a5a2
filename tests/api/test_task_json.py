"""One task as JSON without a model says what the model says."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.api.task_models import TaskOut

_ROW: dict[str, Any] = {
    "id": uuid4(), "generation": 2, "last_seq": 7, "cancel_requested_at": None, "pause_requested_at": None,
    "state": "completed", "reason": "ok", "type": "tool_call", "title": "Wörter", "waiting_for": None,
    "project_id": None, "parent_id": None, "user_id": uuid4(), "quota_account": None, "wakes_at": None,
    "origin": {"task_id": str(uuid4()), "event": 3, "attempt": 1, "base_commit": "a", "commit": None, "lost": ["x"],
               "words": ""},
    "input": {"a": [1, None, 1.5, "\u2028"]}, "required_capabilities": ["x"], "priority": 0, "is_heavy": False,
    "target_id": "mcp:1", "target_type": "oracle", "max_attempts": 3, "timeout_seconds": 60.0, "result": None,
    "result_pointer": None, "error": None, "created_at": datetime(2026, 1, 2, 3, 4, 5, 678, UTC), "started_at": None,
    "finished_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
}  # fmt: skip


@pytest.mark.parametrize("given", [{}, {"n": 2**80}, {"deep": {"er": [{}]}}])
def test_the_short_way_to_json_says_the_same(given: dict[str, Any]) -> None:
    row = _ROW | {"input": _ROW["input"] | given}
    assert json.loads(TaskOut.json_of(row)) == json.loads(TaskOut.of(row).model_dump_json())
