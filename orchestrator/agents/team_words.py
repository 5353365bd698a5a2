"""What a team's steps know of each other: placeholders filled, a part's outcome as others see it, a reviewer's verdict.

Used by ``team`` only. What other agents wrote is put in as it is, bounded: whoever is told it must judge it. Pure.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from orchestrator.agents.base import PartDone
from orchestrator.agents.team_config import PLACEHOLDER
from orchestrator.core.errors import AgentFailed, ChoiceNeeded

_MOST_CHARACTERS = 60_000
_CHANGED = re.compile(r"^(?:\+\+\+ b|--- a)/(.*?)\t?$", re.MULTILINE)


def fill(value: Any, scope: Mapping[str, Any]) -> Any:
    """The value with placeholders filled; one that stands alone keeps the kind of what it stands for."""
    if isinstance(value, str):
        alone = PLACEHOLDER.fullmatch(value)
        if alone is not None:
            return look_up(alone[1], scope)
        return PLACEHOLDER.sub(lambda match: _as_text(look_up(match[1], scope)), value)
    if isinstance(value, Mapping):
        return {name: fill(item, scope) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, scope) for item in value]
    return value


def look_up(reference: str, scope: Mapping[str, Any]) -> Any:
    """What a reference such as ``plan.data.items.0`` stands for; AgentFailed when there is no such thing."""
    found: Any = scope
    for part in reference.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise AgentFailed(f"there is no {reference}", details={"reference": reference})
    return found


def view_of(done: Sequence[PartDone], *, fanned: bool) -> dict[str, Any]:
    """A step as others refer to it: `summary`, `data`, `diff`; of several also `all`, one after the other."""
    views = [{"summary": one.summary, "data": dict(one.data), "diff": one.diff, "name": one.name} for one in done]
    if not fanned:
        return views[0]
    joined = {name: "\n\n".join(str(view[name]) for view in views if view[name]) for name in ("summary", "diff")}
    return {**joined, "all": views, "data": [view["data"] for view in views]}


NONE_OF_THEM = "none of them"
"""What a person answers who wants no try; no part can be called so."""


def needs_choice(step: str, candidates: Sequence[PartDone], best: PartDone) -> ChoiceNeeded:
    """The question which try is taken; the best by proof counts when nobody answers."""
    choices = [
        {"id": one.name, "name": f"{one.name} of {one.agent}, {_lines(one.lines)} changed", "kind": ""}
        for one in candidates
    ]
    choices.append({"id": NONE_OF_THEM, "name": "None of them: end the task", "kind": ""})
    details = {"step": step, "choices": choices, "default": best.name}
    return ChoiceNeeded(f"Which of {len(candidates)} proved tries shall be taken?", details=details)


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def approves(said: PartDone) -> bool:
    """Whether a reviewer approved. What cannot be read as approval is none."""
    verdict = said.data.get("approved")
    if isinstance(verdict, bool):
        return verdict
    return said.summary.strip().lstrip("*_#> ").lower().startswith("approved")


def touches(diff: str, paths: Collection[str]) -> bool:
    """Whether a diff changes one of these files; any diff does when no file is named."""
    changed = {match[1] for match in _CHANGED.finditer(diff)}
    return not paths or not changed.isdisjoint(paths)


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}\n(cut)"
