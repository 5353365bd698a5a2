"""What is typed for proof and review becomes what the API takes, and what it tells is shown as people know it."""

import pytest

from orchestrator.cli.commands.task_proof import _text, acceptance
from orchestrator.cli.commands.task_review import _comment
from orchestrator.core.acceptance import criteria
from orchestrator.core.errors import InvalidInput


def test_a_criterion_is_typed_as_a_command_or_as_an_object() -> None:
    typed = ["pytest -q 'tests/a b.py'", '{"kind": "ask", "query": "ASK {}"}']
    read = acceptance(typed)
    assert read[0] == {"kind": "command", "command": ["pytest", "-q", "tests/a b.py"]}
    assert [one.kind for one in criteria(read)] == ["command", "ask"]


@pytest.mark.parametrize("typed", ["{broken", "echo 'no end"])
def test_a_criterion_that_cannot_be_read_is_named(typed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        acceptance(["true", typed])
    assert refused.value.field == "--accept 2"


def test_a_comment_names_its_file_and_line() -> None:
    assert _comment("a.py:3: why: so?") == {"path": "a.py", "line": 3, "text": "why: so?"}
    for wrong in ("a.py", "a.py:x:text", "a.py:3:", ":3:text"):
        with pytest.raises(InvalidInput):
            _comment(wrong)


def test_a_diff_reads_like_gits() -> None:
    line = {"kind": "added", "old": None, "new": 2, "text": "y = 2"}
    hunk = {"old_start": 1, "old_lines": 0, "new_start": 2, "new_lines": 1, "header": "", "lines": [line]}
    file = {"path": "b.py", "old_path": "a.py", "status": "renamed", "hunks": [hunk]}
    assert _text([file]) == ["--- a.py", "+++ b.py (renamed)", "@@ -1,0 +2,1 @@", "+y = 2"]
