"""Every scored scenario of the official suite passes through the gateway, in both eras of the protocol."""

import re
from pathlib import Path

import pytest

from tests.conformance.conftest import ROOT, run_suite

SCORED = {"2025-11-25": 30, "2026-07-28": 37}
"""Scenarios by which the suite judges a server, by revision."""
_SCENARIO = re.compile(r"^([✓✗]) ([\w./-]+): \d+ passed, \d+ failed$", re.MULTILINE)
_UNSCORED = re.compile(r"^  [✓✗] ([\w./-]+) \(", re.MULTILINE)

pytestmark = pytest.mark.xdist_group("conformance")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", sorted(SCORED))
async def test_every_scored_scenario_passes(suite: Path, gateway: str, revision: str) -> None:
    said = await run_suite(suite, gateway, revision)
    results = {name: mark == "✓" for mark, name in _SCENARIO.findall(said)}
    scored = {name: passed for name, passed in results.items() if name not in _UNSCORED.findall(said)}
    assert [name for name, passed in scored.items() if not passed] == []
    assert len(scored) == SCORED[revision], said[-3000:]


def test_the_readme_tells_this_score() -> None:
    told = (ROOT / "README.md").read_text()
    assert all(f"**{number}/{number}**" in told and revision in told for revision, number in SCORED.items())
