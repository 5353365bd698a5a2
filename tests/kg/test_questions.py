"""Questions without SPARQL: what is found, how certain it is, and what is said to be unknown."""

from pathlib import Path

import pytest

from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.core.graph_questions import GRAPH_QUESTIONS
from orchestrator.kg.questions.ask import ANSWERS
from orchestrator.kg.questions.overall import commit
from tests.kg.conftest import PROJECT, Asked, Build


@pytest.fixture(autouse=True)
def _built(build: Build) -> None:
    build()


def named(rows: list[dict[str, object]], *keys: str) -> list[tuple[object, ...]]:
    return [tuple(row[key] for key in keys) for row in rows]


async def test_symbols_are_found_best_match_first(asked: Asked) -> None:
    answer = await asked("find_symbol", "Cart")
    assert named(answer["symbols"], "symbol", "kind", "path", "line")[0] == (
        "shop.cart.Cart", "class", "src/shop/cart.py", 9,
    )  # fmt: skip
    few = await asked("find_symbol", "cart", limit=1)
    assert (len(few["symbols"]), few["truncated"]) == (1, True)
    assert (await asked("find_symbol", 'no"such\\thing'))["symbols"] == []


async def test_an_outline_has_the_symbols_in_order(asked: Asked) -> None:
    answer = await asked("outline", "src/shop/cart.py")
    assert named(answer["symbols"], "symbol", "line")[1:4] == [
        ("shop.cart.Store", 5), ("shop.cart.Store.put", 6), ("shop.cart.Cart", 9),
    ]  # fmt: skip
    readme = await asked("outline", "README.md")
    assert (readme["symbols"], len(readme["unknown"])) == ([], 1)
    with pytest.raises(NotFound) as caught:
        await asked("outline", "nothing.py")
    assert caught.value.field == "path"


async def test_callers_tell_certainty_rule_and_line(asked: Asked) -> None:
    answer = await asked("callers", "Store.put")
    assert named(answer["callers"], "symbol", "certainty", "rule", "line") == [
        ("shop.cart.Cart.check", "calls", "instance", 18),
        ("shop.cart.Cart.unknown", "mayCall", "sameName", 22),
    ]
    assert any("'put'" in text for text in answer["unknown"])


async def test_a_class_is_called_by_what_makes_one(asked: Asked) -> None:
    answer = await asked("callers", "shop.cart.Cart")
    assert named(answer["callers"], "symbol", "certainty") == [("tests.test_cart.make", "calls")]


async def test_callees_say_what_could_not_be_resolved(asked: Asked) -> None:
    answer = await asked("callees", "Cart.unknown")
    assert named(answer["callees"], "symbol", "certainty") == [("shop.cart.Store.put", "mayCall")]
    assert any("vanish" in text for text in answer["unknown"])


async def test_impact_follows_callers_and_overrides_step_by_step(asked: Asked) -> None:
    answer = await asked("impact", "shop.base.Base.check")
    assert set(named(answer["reached"], "symbol", "certainty", "distance")) == {
        ("shop.base.Base.save", "calls", 1),
        ("shop.cart.Cart.check", "calls", 1),
        ("tests.test_cart.test_save", "calls", 2),
    }
    near = await asked("impact", "shop.base.Base.check", depth=1)
    assert {row["distance"] for row in near["reached"]} == {1}
    assert any("beyond 1" in text for text in near["unknown"])


async def test_tests_that_reach_a_symbol_are_found(asked: Asked) -> None:
    answer = await asked("tests_reaching", "util.total")
    assert named(answer["tests"], "symbol", "certainty") == [
        ("tests.test_cart.test_total", "calls"),
        ("tests.test_cart.test_save", "mayCall"),
    ]


async def test_a_summary_counts_and_ranks(asked: Asked, folder: Path) -> None:
    answer = await asked("summary")
    assert answer["counts"]["classes"] == 3
    assert answer["counts"]["tests"] == 2
    assert answer["build"]["commit"] == "c0ffee"
    assert await commit(folder) == "c0ffee"


async def test_symbols_are_known_by_iri_too(asked: Asked) -> None:
    answer = await asked("callers", f"{PROJECT}/symbol/src/shop/cart.py#Cart")
    assert answer["symbol"] == "shop.cart.Cart"


@pytest.mark.parametrize("symbol", ["nothing.at.all", "urn:nothing", 'x" . } #', "check"])
async def test_an_unknown_or_ambiguous_symbol_is_an_error_that_names_it(asked: Asked, symbol: str) -> None:
    with pytest.raises(NotFound) as caught:
        await asked("callers", symbol)
    assert caught.value.field == "symbol"


@pytest.mark.parametrize("symbol", ["", " ", "x" * 5000, "urn:<bad>"])
async def test_a_malformed_symbol_is_refused(asked: Asked, symbol: str) -> None:
    with pytest.raises(InvalidInput):
        await asked("callers", symbol)


def test_the_catalogue_and_the_answers_are_the_same_questions() -> None:
    assert list(ANSWERS) == list(GRAPH_QUESTIONS)
