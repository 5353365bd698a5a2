"""A benchmark's rows: printed as a table, written as JSON with the machine, the commit and the spread."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``goal`` is written as in the issue (``>= 0.5``); ``holds`` says whether it was reached."""

    name: str
    what: str
    value: float
    unit: str
    baseline: str
    goal: str
    holds: bool
    runs: int
    spread: str


def row(
    name: str,
    what: str,
    values: Sequence[float],
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    baseline: str = "",
) -> Row:
    """A row of several runs: the median counts, the spread is lowest to highest."""
    value = statistics.median(values)
    goal = f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}" if at_most is not None else ""
    good = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    spread = f"{min(values):.3g} – {max(values):.3g}"
    return Row(name, what, round(value, 4), unit, baseline, goal, good, len(values), spread)


def say(text: str) -> None:
    """What is going on, for whoever watches."""
    print(f"  {text}", flush=True)


class NotMeasuredError(Exception):
    """Why a measurement cannot be made here; the others go on."""


def not_measured(name: str, what: str, reason: str) -> Row:
    """A row that says why there is no figure."""
    return Row(name, f"{what}: not measured, {reason}", 0.0, "", "", "", False, 0, "")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def publish(target: str, rows: Sequence[Row]) -> None:
    """Print the table and write results/<target>.json."""
    table = Table(title=f"make {target}", title_justify="left")
    for heading in ("what", "value", "goal", "holds", "baseline", "runs", "spread"):
        table.add_column(heading, justify="right" if heading in ("value", "runs") else "left")
    for one in rows:
        holds = "[green]yes[/]" if one.holds else "[red]no[/]"
        shown = f"{one.value:g} {one.unit}".strip() if one.runs else "–"
        table.add_row(one.what, shown, one.goal, holds if one.goal else "", one.baseline, str(one.runs), one.spread)
    Console(width=140).print(table)
    RESULTS.mkdir(exist_ok=True)
    told = {"machine": machine(), "commit": commit(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    told["rows"] = [asdict(one) for one in rows]  # type: ignore[assignment]
    path = RESULTS / f"{target}.json"
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    Console().print(f"written: benchmarks/results/{path.name}")


def machine() -> dict[str, object]:
    """What this ran on, and how busy it was."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit measured, with a mark when the tree had changes."""
    root = Path(__file__).parents[1]
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=root, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
