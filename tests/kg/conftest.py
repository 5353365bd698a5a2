"""Sample trees, built graphs, and queries whose servers end with the test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.graph_questions import GRAPH_QUESTIONS
from orchestrator.kg.indexing.build import BuildReport, build_graph
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.questions.ask import ask
from orchestrator.kg.questions.asking import Asker
from tests.kg.sample import SAMPLE, write_tree

PROJECT = "urn:orchestrator:project:test"
Build = Callable[..., BuildReport]
Asked = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "graph"


@pytest.fixture
def build(tmp_path: Path, folder: Path) -> Build:
    """Writes a tree and builds its graph."""

    def run(tree: Mapping[str, str | bytes] = SAMPLE, commit: str = "c0ffee") -> BuildReport:
        write_tree(tmp_path / "tree", tree)
        return build_graph(tmp_path / "tree", folder, project_iri=PROJECT, commit=commit)

    return run


@pytest.fixture
async def queries(folder: Path) -> AsyncIterator[GraphQueries]:
    asked = GraphQueries(idle_seconds=60)
    try:
        yield asked
    finally:
        await asked.stop(folder)
        await asked.aclose()


@pytest.fixture
def asked(folder: Path, queries: GraphQueries) -> Asked:
    """Asks a prepared question; a value without a name is the question's first parameter."""

    async def run(question: str, *first: Any, **given: Any) -> dict[str, Any]:
        names = [parameter.name for parameter in GRAPH_QUESTIONS[question].parameters]
        return await ask(Asker(queries, folder), question, dict(zip(names, first, strict=False)) | given)

    return run
