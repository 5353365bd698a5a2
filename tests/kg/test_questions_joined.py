"""Questions over code, history, work and traces together, and answers that keep to their budget."""

import json
from pathlib import Path

import pytest

from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.kg.questions.asking import Answer
from orchestrator.kg.questions.budget import fit
from orchestrator.kg.questions.circles import circles
from orchestrator.kg.shared_graphs import write_shared
from tests.kg.conftest import Asked, Build
from tests.kg.sample import SAMPLE
from tests.kg.test_competency import _BUILT, _LATER, beside
from tests.kg.test_questions import named

TREE = {
    **SAMPLE,
    "src/shop/config.py": "import os\n\n\ndef load():\n    return os.environ['SHOP_URL']\n\n\ndef _forgotten(): ...\n",
    "src/shop/ping.py": "from . import pong\n",
    "src/shop/pong.py": "from . import ping\n",
    "requirements.txt": "requests>=2\n",
}


@pytest.fixture
def joined(build: Build, folder: Path) -> None:
    build(TREE, commit=_BUILT)
    write_shared(folder, "beside", beside())


pytestmark = pytest.mark.usefixtures("joined")


async def test_a_way_from_one_symbol_to_another_is_shown_step_by_step(asked: Asked) -> None:
    answer = await asked("path_between", "test_save", "Base.check")
    assert answer["certainty"] == "calls"
    assert named(answer["steps"], "symbol") == [
        ("tests.test_cart.test_save",), ("shop.base.Base.save",), ("shop.base.Base.check",),
    ]  # fmt: skip
    none = await asked("path_between", "Base.check", "test_save")
    assert (none["steps"], any("no proof" in text for text in none["unknown"])) == ([], True)
    with pytest.raises(NotFound) as caught:
        await asked("path_between", "test_save", "nobody")
    assert caught.value.field == "end"


async def test_what_stands_below_a_class_or_method_is_found(asked: Asked) -> None:
    below = await asked("overrides", "shop.base.Base")
    assert named(below["found_below"], "symbol", "how") == [
        ("shop.cart.Cart.check", "overrides"), ("shop.cart.Cart", "subclass"),
    ]  # fmt: skip


async def test_the_public_api_leaves_out_tests_and_what_is_internal(asked: Asked) -> None:
    symbols = {name for (name,) in named((await asked("public_api"))["symbols"], "symbol")}
    assert {"shop.util.total", "shop.cart.Cart", "shop.cart.Cart.check"} <= symbols
    assert not any("test" in name or "_forgotten" in name for name in symbols)
    some = await asked("public_api", "src/shop/util.py", limit=1)
    assert (len(some["symbols"]), some["found"], some["truncated"]) == (1, 2, True)


async def test_dead_code_is_a_list_of_candidates_that_says_why_it_may_err(asked: Asked) -> None:
    dead = await asked("dead_code")
    assert named(dead["candidates"], "symbol") == [("shop.config._forgotten",)]
    assert any("cannot be seen" in text for text in dead["unknown"])
    assert ("shop.config.load",) in named((await asked("dead_code", public=True))["candidates"], "symbol")


async def test_untested_functions_are_those_no_test_calls(asked: Asked) -> None:
    symbols = {name for (name,) in named((await asked("untested", "src/"))["symbols"], "symbol")}
    assert "shop.util.fetch" in symbols
    assert "shop.util.total" not in symbols


async def test_import_cycles_show_a_circle(asked: Asked) -> None:
    (cycle,) = (await asked("import_cycles"))["cycles"]
    assert cycle == {"modules": ["shop.ping", "shop.pong"], "circle": ["shop.ping", "shop.pong"]}
    assert (await asked("import_cycles", "tests/"))["cycles"] == []


async def test_users_of_a_dependency_import_it_and_manifests_declare_it(asked: Asked) -> None:
    answer = await asked("users_of_dependency", "requests")
    assert named(answer["users"], "symbol", "imports") == [("shop.util", ["requests"])]
    assert named(answer["declared"], "path", "constraint") == [("requirements.txt", ">=2")]


async def test_calls_seen_at_run_time_are_told_apart(asked: Asked) -> None:
    (seen,) = (await asked("unseen_calls"))["calls"]
    assert (seen["caller"], seen["callee"]) == ("shop.cart.Cart.unknown", "shop.cart.Store.put")
    callers = await asked("callers", "Store.put")
    assert [row.get("observed", False) for row in callers["callers"]] == [False, True]
    assert any("traced" in text for text in callers["unknown"])


async def test_owners_and_files_that_change_together_come_from_the_history(asked: Asked) -> None:
    (owner,) = (await asked("owners", "src/shop"))["owners"]
    assert (owner["author"], owner["commits"]) == ("Ann", 2)
    together = await asked("co_changing", "src/shop/cart.py")
    assert named(together["files"], "path", "together", "share") == [("README.md", 1, 0.5)]


async def test_who_and_which_task_changed_a_function_and_did_its_tests_pass(asked: Asked) -> None:
    answer = await asked("who_changed", "shop.cart.Cart.check")
    assert named(answer["tasks"], "title", "agent", "tests", "failing") == [
        ('Make "check" faster', "Coder", "failed", ["tests.test_cart.test_save"])
    ]
    assert named(answer["commits"], "title", "author") == [("Faster check", "Ann")]
    by_file = await asked("who_changed", "src/shop/cart.py")
    assert named(by_file["commits"], "title") == [("More",), ("Faster check",)]
    assert len(by_file["tasks"]) == 1


async def test_what_changed_between_two_commits_is_told_by_file_and_symbol(asked: Asked) -> None:
    answer = await asked("changed_between", _BUILT[:7], _LATER)
    assert named(answer["commits"], "title") == [("More",)]
    assert named(answer["files"], "path") == [("src/shop/cart.py",)]
    assert (await asked("changed_between", _LATER, _BUILT))["commits"] == []
    assert (await asked("changed_between", _BUILT))["new"] == _LATER
    for old, error in (("e" * 7, NotFound), ("zzzzzzz", InvalidInput), ("cc", InvalidInput)):
        with pytest.raises(error):
            await asked("changed_between", old)


async def test_every_answer_keeps_to_its_budget_and_says_what_it_left_out(asked: Asked) -> None:
    whole = await asked("outline", "src/shop/cart.py")
    small = await asked("outline", "src/shop/cart.py", tokens=200)
    assert len(json.dumps(small, separators=(",", ":"))) <= 200 * 3 + 60
    assert (small["found"], small["truncated"]) == (whole["found"], True)
    assert small["symbols"] == whole["symbols"][: len(small["symbols"])]


def test_a_budget_is_shared_by_all_lists_and_no_list_becomes_empty() -> None:
    rows = [{"name": "x" * 50} for _ in range(100)]
    told = fit(Answer({}, {"long": rows, "short": rows[:2], "none": []}, ["unknown " * 50] * 5), 300)
    assert (len(told["short"]), told["none"], told["found"], told["truncated"]) == (2, [], 102, True)
    assert 1 <= len(told["long"]) < 20
    assert len(told["unknown"]) == 1


def test_circles_are_found_once_each() -> None:
    edges = {"a": {"b"}, "b": {"c", "a"}, "c": {"a"}, "x": {"x"}, "y": {"a"}}
    assert [(sorted(group), circle) for group, circle in circles(edges)] == [
        (["a", "b", "c"], ["a", "b"]), (["x"], ["x"]),
    ]  # fmt: skip


class TestWithoutHistory:
    """A graph of code alone says that it knows nothing of commits and tasks."""

    @pytest.fixture
    def joined(self, build: Build) -> None:
        build(TREE, commit=_BUILT)

    async def test_missing_history_is_unknown_not_none(self, asked: Asked) -> None:
        for question, first in (("owners", "src/shop/cart.py"), ("who_changed", "shop.cart.Cart")):
            assert any("no history" in text for text in (await asked(question, first))["unknown"]), question
        assert any("No task" in text for text in (await asked("who_changed", "shop.cart.Cart"))["unknown"])
        assert any("No test run" in text for text in (await asked("unseen_calls"))["unknown"])
