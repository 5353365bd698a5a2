"""Our calling side is the client that the official suite tests, in both eras of the protocol."""

import re
import sys
from pathlib import Path

import pytest

from tests.conformance.calling_side import KNOCK, listening
from tests.conformance.conftest import ROOT, run_suite

SCORED = {"2025-11-25": 18, "2026-07-28": 32}
"""Scenarios by which the suite judges a client, by revision."""
PASSED = {"2025-11-25": 4, "2026-07-28": 7}
"""Those that pass: all but the ones about logging in, in which nobody has given the server's entry a token."""
_SCENARIO = re.compile(r"^([✓✗]) ([\w./-]+): \d+ passed, \d+ failed", re.MULTILINE)
_UNSCORED = re.compile(r"^  [✓✗] ([\w./-]+) \(", re.MULTILINE)

pytestmark = pytest.mark.xdist_group("conformance")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", sorted(SCORED))
async def test_every_scenario_that_needs_no_login_passes(suite: Path, tmp_path: Path, revision: str) -> None:
    command = f"{sys.executable} -I -S {KNOCK} {tmp_path / 'socket'}"
    async with listening(tmp_path / "socket"):
        said = await run_suite(suite, "client", "--command", command, "--requirements", revision, "--timeout", "90000")
    unscored = _UNSCORED.findall(said)
    results = {name: mark == "✓" for mark, name in _SCENARIO.findall(said) if name not in unscored}
    assert len(results) == SCORED[revision], said[-3000:]
    assert [name for name, passed in results.items() if not passed and not name.startswith("auth/")] == []
    assert sum(results.values()) == PASSED[revision], said[-3000:]


def test_the_readme_tells_this_score() -> None:
    told = (ROOT / "README.md").read_text()
    assert all(f"**{PASSED[revision]}/{number}**" in told for revision, number in SCORED.items())
