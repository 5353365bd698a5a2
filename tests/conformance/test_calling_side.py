"""Our calling side is the client that the official suite tests, in both eras of the protocol and at its log-ins."""

import re
import sys
from pathlib import Path

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.conformance.calling_side import KNOCK, listening
from tests.conformance.conftest import ROOT, run_suite
from tests.upstream.oauth.conftest import ada as ada
from tests.upstream.oauth.conftest import container as container

SCORED = {"2025-11-25": 18, "2026-07-28": 32}
"""Scenarios by which the suite judges a client, by revision."""
_SCENARIO = re.compile(r"^([✓✗]) ([\w./-]+): \d+ passed, \d+ failed", re.MULTILINE)
_UNSCORED = re.compile(r"^  [✓✗] ([\w./-]+) \(", re.MULTILINE)

pytestmark = pytest.mark.xdist_group("conformance")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", sorted(SCORED))
async def test_every_scored_scenario_passes_without_a_warning(
    suite: Path, container: Container, ada: Caller, tmp_path: Path, revision: str
) -> None:
    command = f"{sys.executable} -I -S {KNOCK} {tmp_path / 'socket'}"
    async with listening(tmp_path / "socket", container, ada):
        said = await run_suite(suite, "client", "--command", command, "--requirements", revision, "--timeout", "90000")
    unscored = _UNSCORED.findall(said)
    results = {name: mark == "✓" for mark, name in _SCENARIO.findall(said) if name not in unscored}
    assert [name for name, passed in results.items() if not passed] == [], said[-20000:]
    assert len(results) == SCORED[revision], said[-3000:]


def test_the_readme_tells_this_score() -> None:
    told = (ROOT / "README.md").read_text()
    assert all(f"**{number}/{number}**" in told for number in SCORED.values())
