"""The table of the page about real repositories, made of the kept samples so that nobody types a figure.

Used by the ``table`` command and by the test that compares the page with the samples.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from benchmarks.repositories.sources import REPOSITORIES, Repository

PAGE = Path(__file__).parents[2] / "docs" / "accuracy.md"
_SECTION = re.compile(r"(?<=<!-- repositories -->\n).*?(?=<!-- /repositories -->)", re.DOTALL)
MENDED = Path(__file__).with_name("mended.json")
_Z = 1.96


def wilson(right: int, judged: int) -> tuple[float, float]:
    """The interval that holds the true share with 95 percent, after Wilson."""
    if not judged:
        return 0.0, 1.0
    share, square = right / judged, _Z * _Z
    middle = (share + square / (2 * judged)) / (1 + square / judged)
    width = _Z * sqrt(share * (1 - share) / judged + square / (4 * judged * judged)) / (1 + square / judged)
    return max(0.0, middle - width), min(1.0, middle + width)


def render() -> str:
    """One row per repository with a sample, one for all of them, and the calls that are wrong or unclear."""
    told = [(one, json.loads(one.sample.read_bytes())) for one in REPOSITORIES if one.sample.exists()]
    counts = [Counter(call["verdict"] for call in sample["calls"]) for _, sample in told]
    lines = [
        "| repository | language | files | lines | `calls` | nodes validated | right | wrong | unclear | share right |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
        *(_row(one, sample["figures"], count) for (one, sample), count in zip(told, counts, strict=True)),
        f"| **all** | | | | | | {_verdicts(sum(counts, Counter()))} |",
        *_doubts([(one, sample["calls"]) for one, sample in told]),
        "",
        "Wrong in an earlier draw, and mended; the table above is of the graphs after that:",
        "",
        "| in | call | line | what was at fault | test |",
        "|---|---|---|---|---|",
        *(_mended(one) for one in json.loads(MENDED.read_bytes())),
    ]
    return "\n".join(lines) + "\n"


def write_page() -> None:
    """Put the table into the page."""
    PAGE.write_text(_SECTION.sub(lambda _: render(), PAGE.read_text()))


def stands_in_page() -> str:
    """What the page says now."""
    found = _SECTION.search(PAGE.read_text())
    return found.group() if found else ""


def _row(one: Repository, figures: dict[str, Any], counts: Counter[str]) -> str:
    sizes = " | ".join(f"{figures[name]:,}" for name in ("files", "lines", "calls"))
    seen, nodes = figures["validated"], figures["nodes"]
    validated = f"{seen:,}" if seen == nodes else f"{seen:,} of {nodes:,}"
    return f"| {one.label} | {one.language} | {sizes} | {validated} | {_verdicts(counts)} |"


def _verdicts(counts: Counter[str]) -> str:
    right, wrong, unclear = (counts[verdict] for verdict in ("right", "wrong", "unclear"))
    low, high = wilson(right, right + wrong + unclear)
    share = right / max(1, right + wrong + unclear)
    return f"{right} | {wrong} | {unclear} | {share:.3f} ({low:.2f} – {high:.2f})"


def _doubts(samples: Sequence[tuple[Repository, list[dict[str, str]]]]) -> list[str]:
    rows = [
        f"| {one.name} | `{call['caller']}` → `{call['callee']}` | {call['call']} | {call['verdict']} | {call['why']} |"
        for one, calls in samples
        for call in calls
        if call["verdict"] != "right"
    ]
    return ["", "| in | call | line | verdict | why |", "|---|---|---|---|---|", *rows] if rows else []


def _mended(one: dict[str, str]) -> str:
    return f"| {one['in']} | `{one['caller']}` → `{one['callee']}` | {one['call']} | {one['fault']} | `{one['test']}` |"
