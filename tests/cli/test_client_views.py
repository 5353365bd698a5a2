"""What comes from strangers cannot play tricks on a terminal, and what is long says how much is left out."""

import io

import pytest
from rich.console import Console, RenderableType

from orchestrator.cli.client.events import event_line
from orchestrator.cli.client.result import result_view
from orchestrator.cli.client.route import route_view
from orchestrator.cli.client.screen import clean, table

_AT = "2026-01-01T00:00:00+00:00"


def _shown(view: RenderableType, width: int = 80) -> str:
    out = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    out.print(view)
    return out.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_control_sequences_do_not_reach_the_terminal() -> None:
    assert clean("a\x1b[2Jb\x07\u202ec\n\td") == "a\ufffd[2Jb\ufffd\ufffdc\n\td"
    diff = {"text": "+\x1b]0;owned\x07\n", "added": 1, "removed": 0}
    hostile = {"summary": "\x1b[31m", "files": [{}], "diff": diff, "branch": "\x1b[0m", "base_commit": "c"}
    assert "\x1b" not in _shown(result_view(hostile))


def test_markup_in_a_text_is_a_text() -> None:
    assert "[bold]x[/bold]" in _shown(result_view({"content": [{"type": "text", "text": "[bold]x[/bold]"}]}))


def test_a_long_result_is_cut_with_a_note() -> None:
    found = {"files": [f"{number}.py" for number in range(50)], "total": 50}
    text = _shown(result_view({"structuredContent": found}, lines=10))
    assert "9.py" in text
    assert "… 40 more" in text
    assert "10.py" not in text


def test_call_sites_become_a_table_beside_what_is_unknown() -> None:
    row = {"symbol": "a.b", "path": "a.py", "line": 3, "certainty": "calls"}
    answer = {"question": "who calls b", "answer": {"callers": [row], "unknown": ["dynamic code"]}, "text": "…"}
    text = _shown(result_view({"data": {"answers": [answer]}}))
    assert "a.py:3" in text


def test_answers_that_are_words_of_people_are_shown_as_they_are() -> None:
    text = _shown(result_view({"data": {"answers": ["allow", None], "steps": 2}, "summary": "went on"}))
    assert "went on" in text


def test_every_candidate_of_a_route_has_its_line_in_eighty_columns() -> None:
    parts = dict.fromkeys(
        ("preference", "weight_fit", "capability_fit", "observed_success", "health", "load", "priority"), 0.5
    )
    fit = {"target_id": "1", "name": "winner", "type": "oracle", "score": 0.5, "parts": parts, "rejections": []}
    unfit = fit | {"target_id": "2", "name": "loser", "rejections": [{"obstacle": "health", "reason": "is unhealthy"}]}
    route = {
        "target_id": "1", "target_name": "winner", "type": "oracle", "score": 0.5, "candidates": [fit, unfit],
        "would_help": [],
    }  # fmt: skip
    text = _shown(route_view(route))
    assert "▶ winner" in text
    assert "observed" not in text
    assert "success 0.50" in text
    assert "is unhealthy" in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_event_of_an_unknown_kind_is_shown_as_it_came() -> None:
    line = event_line({"kind": "task.invented", "at": _AT, "data": {"why": "new"}}, _AT)
    assert '{"why": "new"}' in line.plain


def test_a_build_says_how_long_its_phase_may_take_where_that_is_known() -> None:
    told = {"phase": "resolve", "done": 700, "total": 2800}
    for seconds, words in ((41.7, "700 of 2800, about 42 s left)"), (125, "about 2 min 5 s left)"), (None, "2800)")):
        event = {"kind": "attempt.progress", "at": _AT, "data": told | {"seconds_left": seconds}}
        assert event_line(event, _AT).plain.endswith(words)


def test_an_id_stays_in_one_piece_below_the_name_where_a_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = (("Name", "name"), ("Words", "words"), ("Id", "id"))
    row = {"name": "weather", "words": "rain and snow " * 5, "id": "01a22d3f-5869-7bdb-87b5-2aedb351abdb"}
    monkeypatch.setenv("COLUMNS", "60")
    lines = _shown(table(columns, [row]), 60).splitlines()
    assert [line.split()[0] for line in lines if line.strip()][2:4] == ["weather", row["id"]]
    monkeypatch.setenv("COLUMNS", "130")
    (line,) = [line for line in _shown(table(columns, [row]), 130).splitlines() if "weather" in line]
    assert line.rstrip().endswith(row["id"])
