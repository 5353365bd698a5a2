"""A coding agent of somebody else, OpenCode, as its maker ships it, with a scripted model on loopback behind it.

Its binary comes from npm; where npm does not answer, on other machines and where no sandbox can be made (it would write
into the home of whoever runs the tests) the tests are skipped and say so.
"""

import os
import platform
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from orchestrator.agents.scripted.http_server import Reply, Request
from orchestrator.agents.scripted.model_server import ScriptedModel
from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from tests.agents.conftest import caller, make_project
from tests.console.conftest import npm_or_skip

__all__ = ["caller", "make_project"]

_KEY = "sk-of-the-model"


class ModelOfProgram(ScriptedModel):
    """The scripted model; what a program asks without offering tools (a title for its session) is no part of it."""

    def _complete(self, request: Request) -> Reply:
        body = request.json()
        if body.get("tools"):
            return super()._complete(request)
        title = {"role": "assistant", "content": "A title"}
        return self._streamed(body, title) if body.get("stream") else self._plain(body, title)


@pytest.fixture
def model() -> Iterator[ModelOfProgram]:
    with ModelOfProgram(api_key=_KEY) as scripted:
        yield scripted


@pytest.fixture(scope="session")
def opencode() -> Path:
    """The folder of its binary."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the tests have OpenCode for Linux on x86-64 only")
    return npm_or_skip("tests/programs") / "opencode-linux-x64-baseline" / "bin"


def configuration(model: ScriptedModel) -> dict[str, Any]:
    """What a user writes into opencode.json to have it use an endpoint of their own."""
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": model.base_url, "apiKey": _KEY},
        "models": {"scripted": {"limit": {"context": 100_000, "output": 4000}}},
    }
    return {"provider": {"house": provider}, "model": "house/scripted", "small_model": "house/scripted"}


@pytest.fixture
async def container(
    settings: Settings, model: ModelOfProgram, opencode: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Container]:
    """The service where OpenCode is installed, and its configuration and switches are passed on."""
    monkeypatch.setenv("PATH", f"{opencode}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENCODE_CONFIG_CONTENT", orjson.dumps(configuration(model)).decode())
    monkeypatch.setenv("OPENCODE_DISABLE_MODELS_FETCH", "1")
    passed = {"agent_secrets": "OPENCODE_CONFIG_CONTENT,OPENCODE_DISABLE_MODELS_FETCH", "loop_repeats": 3}
    made = build_container(Settings(_env_file=None, **(settings.model_dump() | passed)))
    verdict = await made.agents._catalogue.starter.verdict()
    if not verdict.possible:
        await made.close()
        pytest.skip(f"no sandbox here: {verdict.reason}")
    yield made
    await made.close()
