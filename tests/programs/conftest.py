"""Coding agents of others, as their makers ship them, with a scripted model on loopback behind them.

They come from npm; where npm does not answer, on other machines and where no sandbox can be made (they would write into
the home of whoever runs the tests) the tests are skipped and say so.
"""

import os
import platform
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from tests.agents.conftest import caller, make_project
from tests.console.conftest import node, npm_or_skip
from tests.programs.known import ALWAYS, KEY, PROGRAMS, Program
from tests.programs.models import ModelOfVendors

__all__ = ["caller", "make_project"]


@pytest.fixture
def model() -> Iterator[ModelOfVendors]:
    with ModelOfVendors(api_key=KEY) as scripted:
        yield scripted


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.agent.removeprefix("agent:"))
def program(request: pytest.FixtureRequest) -> Program:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def packages(program: Program) -> Path:
    """Where npm's packages are."""
    if program.packages != ALWAYS and "ALL_PROGRAMS" not in os.environ:
        pytest.skip("more than a gigabyte of npm's packages: `make programs` tries it")
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the tests have these programs for Linux on x86-64 only")
    return npm_or_skip(program.packages)


@pytest.fixture
async def container(
    settings: Settings, model: ModelOfVendors, program: Program, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Container]:
    """The service where the program is installed, and what its user sets is passed on."""
    places = (packages / program.folder, node().parent)
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    given = program.settings(model.url)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    passed = {"agent_secrets": ",".join(given), "loop_repeats": 3}
    made = build_container(Settings(_env_file=None, **(settings.model_dump() | passed)))
    verdict = await made.agents._catalogue.starter.verdict()
    if not verdict.possible:
        await made.close()
        pytest.skip(f"no sandbox here: {verdict.reason}")
    yield made
    await made.close()
