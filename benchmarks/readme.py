"""The figures in the README, between two markers, written from the stored results so that nobody types one.

Used after every benchmark and by the test that compares the README with the results.
"""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS

README = Path(__file__).parents[1] / "README.md"
_TARGETS = ("bench", "bench-kg", "bench-mcp", "bench-orchestrator")
_SECTION = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- /measured -->)", re.DOTALL)


def render(results: Path = RESULTS) -> str:
    """A table per benchmark that was run, folded: every figure with a goal, what could not be measured, the machine."""
    found = [(target, results / f"{target}.json") for target in _TARGETS]
    return "".join(_table(target, json.loads(path.read_text())) for target, path in found if path.exists())


def write_readme() -> None:
    """Put the stored figures into the README."""
    text = README.read_text()
    README.write_text(_SECTION.sub(lambda _: render(), text))


def stands_in_readme() -> str:
    """What the README says now."""
    found = _SECTION.search(README.read_text())
    return found.group() if found else ""


def _table(target: str, told: dict[str, Any]) -> str:
    compared = target == "bench-mcp"  # there, the others stand beside us
    rows = [row for row in told["rows"] if row["goal"] or not row["runs"] or (compared and row["baseline"])]
    goals = [row["holds"] for row in rows if row["goal"]]
    machine = told["machine"]
    where = f"{machine['cores']} cores, {machine['cpu']}, Python {machine['python']}, {told['at'][:10]}"
    lines = [
        f"<details><summary><code>make {target}</code>: {sum(goals)} of {len(goals)} goals hold · {where}</summary>",
        "",
        "| what | measured | spread | goal | holds |",
        "|---|---:|---|---|---|",
        *map(_row, rows),
        "",
        "</details>",
    ]
    return "\n".join(lines) + "\n\n"


def _row(row: dict[str, Any]) -> str:
    goal = row["goal"].replace("<=", "≤").replace(">=", "≥")
    holds = ("yes" if row["holds"] else "**no**") if goal else ""
    measured = f"{row['value']:.3g} {row['unit']}" if row["runs"] else "–"
    against = f" ({row['baseline']})" if row["baseline"] else ""
    return f"| {row['what']}{against} | {measured} | {row['spread']} | {goal} | {holds} |"
