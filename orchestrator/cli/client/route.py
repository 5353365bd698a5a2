"""A routing decision on a terminal: every candidate, its score by parts, or why it was rejected.

Used by ``task route`` and the demo.
"""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.cli.client.screen import clean

# In the order of their weight; the names fit eighty columns.
_PARTS = {
    "preference": "preference", "weight_fit": "weight", "capability_fit": "capability", "observed_success": "success",
    "learned": "learned",
    "health": "health", "load": "load", "priority": "priority",
}  # fmt: skip


def route_view(route: Mapping[str, Any]) -> RenderableType:
    """The decision in one line, then every candidate's account."""
    parts: list[RenderableType] = [_headline(route), _candidates(route)]
    if route["would_help"]:
        parts.append(Text("What would help: ", style="bold").append(clean(route["would_help"][0]), style="not bold"))
    if route.get("needs_consent"):
        parts.append(Text(f"It needs consent: {clean(route['needs_consent'])}", style="yellow"))
    if route.get("waits_for"):
        parts.append(Text(f"It waits for: {clean(route['waits_for'])}", style="yellow"))
    return Group(*parts)


def _headline(route: Mapping[str, Any]) -> Text:
    text = Text("Route  ", style="bold")
    candidates = route["candidates"]
    fit = sum(1 for each in candidates if not each["rejections"])
    if route["target_id"] is None:
        text.append("no target", style="bold red")
    else:
        text.append(clean(route["target_name"]), style="bold green")
        text.append(f" ({route['type']}, score {route['score']:.2f})", style="not bold")
    return text.append(f": {fit} of {len(candidates)} candidates fit", style="not bold")


def _candidates(route: Mapping[str, Any]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), header_style="bold", expand=True)
    made.add_column("Candidate", no_wrap=True)
    made.add_column("Type", no_wrap=True)
    made.add_column("Score", justify="right", no_wrap=True)
    made.add_column("Why", ratio=1, overflow="fold")
    for each in route["candidates"]:
        chosen = each["target_id"] == route["target_id"]
        style = "green" if chosen else "" if not each["rejections"] else "dim"
        mark = "▶ " if chosen else "  "
        score = "–" if each["rejections"] else f"{each['score']:.3f}"
        made.add_row(mark + clean(each["name"], 24), each["type"], score, _why(each), style=style)
    return made


def _why(candidate: Mapping[str, Any]) -> str:
    if candidate["rejections"]:
        return "; ".join(_reason(each) for each in candidate["rejections"])
    parts = candidate["parts"]
    return " · ".join(
        f"{short} {parts[name]:.2f}{_doubt(candidate, name)}" for name, short in _PARTS.items() if name in parts
    )


def _doubt(candidate: Mapping[str, Any], part: str) -> str:
    """How uncertain what was learned is."""
    told = candidate.get("learned") if part == "learned" else None
    return f"±{max(one['deviation'] for one in told.values()):.2f}" if told else ""


def _reason(rejection: Mapping[str, Any]) -> str:
    """In the router's words, but for the one that would only repeat the task's type on every line."""
    repeats = rejection["obstacle"] == "type" and rejection["reason"].startswith("does not take")
    return "takes other tasks" if repeats else clean(rejection["reason"], 300)
