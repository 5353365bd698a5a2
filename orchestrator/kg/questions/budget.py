"""Cuts an answer to a budget of tokens. Used by ``ask``.

Tokens are estimated as three characters of compact JSON, which names and paths of code come to with common tokenisers.
Rows are in order of rank, so the best stay; what was left out is counted, never silently gone.
"""

from collections.abc import Sequence

import orjson

from orchestrator.kg.questions.asking import Answer, Row

_CHARACTERS = 3
_MOST_NOTES = 0.3
"""The share of the budget that notes on what is unknown may take."""


def fit(answer: Answer, tokens: int) -> Row:
    """The answer as JSON has it, with ``found`` and ``truncated`` per answer and as many rows as fit."""
    room = tokens * _CHARACTERS
    told: Row = dict(answer.about)
    notes = _shorten(answer.unknown, int(room * _MOST_NOTES))
    room -= _size(told) + _size(notes)
    found = sum(len(rows) for rows in answer.lists.values())
    shown = 0
    waiting = len(answer.lists)
    # Short lists leave room for long ones, so they are filled first.
    kept: dict[str, list[Row]] = {}
    for name, rows in sorted(answer.lists.items(), key=lambda item: len(item[1])):
        kept[name], used = _fill(rows[: answer.limit], room // waiting)
        room, waiting, shown = room - used, waiting - 1, shown + len(kept[name])
    told |= {name: kept[name] for name in answer.lists}
    told |= {"found": found, "truncated": shown < found} if answer.lists else {}
    return told | {"unknown": notes}


def _fill(rows: Sequence[Row], room: int) -> tuple[list[Row], int]:
    kept: list[Row] = []
    used = 0
    for row in rows:
        size = _size(row) + 1
        # One row is worth more than the budget: an empty list would read as "there is none".
        if used + size > room and kept:
            break
        kept.append(row)
        used += size
    return kept, used


def _shorten(notes: Sequence[str], room: int) -> list[str]:
    kept: list[str] = []
    for note in notes:
        if kept and sum(map(len, kept)) + len(note) > room:
            break
        kept.append(note)
    return kept


def _size(value: object) -> int:
    return len(orjson.dumps(value))
