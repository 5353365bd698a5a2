"""The graph analyst: which sentences it understands and what it answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.agents.graph_analyst import GraphAnalyst, understand
from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.core.events import EventKind
from orchestrator.core.graph_questions import checked
from tests.agents.support import Told, context

AGENT = GraphAnalyst()


_SURE = {"symbol": "b.g", "path": "b.py", "line": 7, "certainty": "calls"}
_ANSWERS: dict[str, dict[str, Any]] = {
    "callers": {"callers": [_SURE, {**_SURE, "symbol": "b.h", "certainty": "mayCall"}]},
    "impact": {"reached": [{"symbol": f"s{n}", "path": "c.py", "line": n} for n in range(25)]},
    "outline": {"symbols": [{"symbol": "f", "line": 1}]},
    "find_symbol": {"symbols": [{"symbol": "main", "path": "a.py", "line": 3}]},
    "who_changed": {"tasks": [{"title": "Faster", "agent": "Coder", "tests": "failed"}]},
}


class KnownGraph:
    """A graph of one function with two callers; everything else is unknown."""

    async def ask(self, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        checked(question, given)
        if question == "tests_reaching":
            raise NotFound("this project has no knowledge graph yet")
        if question == "callers" and given["symbol"] != "a.f":
            raise NotFound(f"no symbol {given['symbol']}", field="symbol")
        return {**given, **_ANSWERS.get(question, {"rows": []})}

    async def sparql(self, query: str) -> dict[str, Any]:
        raise AssertionError(query)

    async def commit(self) -> str | None:
        return None


async def ask(question: str, told: Told | None = None) -> Any:
    return await AGENT.run(context(graph=KnownGraph(), tell=told, question=question))


@pytest.mark.parametrize(
    ("text", "kind", "subject"),
    [
        ("who calls a.f?", "callers", "a.f"),
        ("Who calls the function `a.f()`?", "callers", "a.f"),
        ("callers of a.f", "callers", "a.f"),
        ("what does a.f call?", "callees", "a.f"),
        ("What breaks if I change a.f", "impact", "a.f"),
        ("what is the impact of a.f", "impact", "a.f"),
        ("what depends on class a.C", "impact", "a.C"),
        ("which tests reach a.f?", "tests_reaching", "a.f"),
        ("tests for a.f", "tests_reaching", "a.f"),
        ("outline of src/a.py", "outline", "src/a.py"),
        ("what is in src/a.py?", "outline", "src/a.py"),
        ("who owns src/a.py", "owners", "src/a.py"),
        ("who changed a.f?", "who_changed", "a.f"),
        ("which task changed a.f", "who_changed", "a.f"),
        ("what changes with a.py", "co_changing", "a.py"),
        ("what overrides a.C.m", "overrides", "a.C.m"),
        ("where is HOME read?", "config_reads", "HOME"),
        ("who imports requests", "users_of_dependency", "requests"),
        ("import cycles", "import_cycles", ""),
        ("find dead code", "dead_code", ""),
        ("where is main", "find_symbol", "main"),
        ("where is main defined?", "find_symbol", "main"),
        ("find main", "find_symbol", "main"),
    ],
)
def test_a_question_is_understood_in_many_forms(text: str, kind: str, subject: str) -> None:
    understood, lost = understand(text)
    assert [(question.kind, question.subject) for question in understood] == [(kind, subject)]
    assert lost == []


async def test_callers_come_with_place_and_certainty() -> None:
    told = Told()
    result = await ask("who calls a.f", told)
    assert result.summary == "2 call sites of a.f:\n  b.g at b.py:7\n  b.h at b.py:7 (perhaps)"
    assert told.of(EventKind.MESSAGE) == [{"text": result.summary}]
    assert result.data["answers"][0]["answer"]["callers"][1]["certainty"] == "mayCall"


async def test_a_long_answer_is_shortened_for_reading_and_whole_in_the_data() -> None:
    result = await ask("what breaks if I change a.f")
    assert result.summary.endswith("and 5 more")
    assert len(result.data["answers"][0]["answer"]["reached"]) == 25


async def test_an_unknown_symbol_is_an_answer() -> None:
    assert (await ask("who calls nobody")).summary == "who calls nobody: no symbol nobody"


async def test_a_missing_graph_is_an_error() -> None:
    with pytest.raises(NotFound, match="no knowledge graph"):
        await ask("which tests reach a.f")


async def test_what_is_not_understood_is_named_beside_the_answers() -> None:
    result = await ask("who calls a.f? why is the sky blue?")
    assert result.data["not_understood"] == ["why is the sky blue"]
    assert "Not understood" in result.summary


@pytest.mark.parametrize("text", ["please make it good", "?", "who calls"])
async def test_a_question_it_does_not_know_fails_with_the_forms_it_does(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await ask(text)
    assert caught.value.field == "input.question"
    assert "who calls X" in str(caught.value.hint)


async def test_a_hostile_question_is_answered_quickly() -> None:
    with pytest.raises(InvalidInput):
        await ask("who calls " + "the " * 490)
