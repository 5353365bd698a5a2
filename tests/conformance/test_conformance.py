"""Every scored scenario of the official suite passes through the gateway, in both eras of the protocol."""

import re
from pathlib import Path

import pytest

from tests.conformance.conftest import ROOT, run_suite

SCORED = {"2025-11-25": 30, "2026-07-28": 37}
"""Scenarios by which the suite judges a server, by revision."""
_SCENARIO = re.compile(r"^([✓✗]) ([\w./-]+): (\d+) passed, \d+ failed$", re.MULTILINE)
_UNSCORED = re.compile(r"^  [✓✗] ([\w./-]+) \(", re.MULTILINE)

pytestmark = pytest.mark.xdist_group("conformance")


TASKS = {
    "tasks-capability-negotiation": 5,
    "tasks-dispatch-and-envelope": 9,
    "tasks-lifecycle": 9,
    "tasks-mrtr-composition": 2,
    "tasks-mrtr-input": 4,
    "tasks-request-headers": 5,
    "tasks-request-state-removal": 3,
    "tasks-required-task-error": 3,
    "tasks-wire-fields": 4,
}
"""Scenarios of the tasks extension, with their checks. ``tasks-status-notifications`` checks nothing yet."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", sorted(SCORED))
async def test_every_scored_scenario_passes(suite: Path, gateway: str, revision: str) -> None:
    said = await run_suite(suite, "server", "--url", gateway, "--requirements", revision)
    results = {name: (mark == "✓", int(checks)) for mark, name, checks in _SCENARIO.findall(said)}
    extras = _UNSCORED.findall(said)
    assert [name for name, (passed, _) in results.items() if not passed and name not in extras] == []
    assert len(results.keys() - extras) == SCORED[revision], said[-3000:]
    if revision == "2026-07-28":
        assert {name: results[name] for name in TASKS} == {name: (True, checks) for name, checks in TASKS.items()}


def test_the_readme_tells_this_score() -> None:
    told = (ROOT / "README.md").read_text()
    assert all(f"**{number}/{number}**" in told and revision in told for revision, number in SCORED.items())
    assert f"all {len(TASKS)} of the tasks extension" in told
