"""The fifteen queries of docs/knowledge-graph.md, as they stand there, on a small tree that has an answer for each."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox
import pytest

from orchestrator.core.commits import Commit, CommitPatch, FilePatch, History, Hunk, TouchedFile
from orchestrator.kg.history.lines import Span
from orchestrator.kg.history.triples import history_quads
from orchestrator.kg.rdf.ontology import ontology_quads
from orchestrator.kg.rdf.vocabulary import CODE, PREFIXES
from orchestrator.kg.shared_graphs import write_shared
from orchestrator.kg.work.triples import work_quads
from tests.kg.conftest import PROJECT, Asked, Build
from tests.kg.sample import SAMPLE, load
from tests.kg.test_work import CART, CHECK, TASK

_PAGE = Path(__file__).parents[2] / "docs" / "knowledge-graph.md"
_BLOCK = re.compile(r"^### (\d+)\. .*?^```sparql\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ASKED = re.compile(r"^### (\d+)\. (?:(?!^### ).)*?^`kg ask click (\w+) ?(\S*)`$", re.MULTILINE | re.DOTALL)
ASKED = {int(number): (question, given) for number, question, given in _ASKED.findall(_PAGE.read_text())}
QUERIES = {int(number): text for number, text in _BLOCK.findall(_PAGE.read_text())}
_BUILT, _LATER = "c" * 40, "d" * 40
_AT = datetime(2026, 2, 3, tzinfo=UTC)

# The names of the page's repository, and what stands for them here.
NAMES = {
    "click.formatting.wrap_text": "shop.util.total",
    "click._termui_impl.open_url": "shop.base.Base.check",
    "src/click/globals.py": "src/shop/util.py",
    "PAGER": "SHOP_URL",
    "src/click/shell_completion.py": "src/shop/cart.py",
    "click.utils.make_str": "shop.cart.Cart.check",
    "click.types.ParamType": "shop.base.Base",
    "get_metavar": "check",
    "typing_extensions": "requests",
    "src/click/termui.py": "src/shop/util.py",
}
EXPECTED = {
    1: {("shop.cart.Cart.check", "19"), ("tests.test_cart.test_total", "15")},
    2: {("shop.base.Base.save",), ("shop.cart.Cart.check",), ("tests.test_cart.test_save",)},
    3: {("tests.test_cart.test_total",)},
    4: {("shop.util.total",), ("shop.util.fetch",)},
    5: {("shop.config.load", "env")},
    6: {("shop.config._forgotten",)},
    7: {("shop.ping",), ("shop.pong",)},
    8: {("Ann", "2")},
    9: {('Make "check" faster', "Coder", "completed", f"{CODE}failed")},
    10: {("shop.cart.Cart.check",)},
    11: {("README.md", "1")},
    12: {("shop.util",)},
    13: {("shop.util.fetch",)},
    14: {("src/shop/cart.py",)},
    15: {("shop.cart.Cart.unknown", "shop.cart.Store.put")},
}
COLUMNS = {1: (0, 2), 2: (0,), 3: (0,), 4: (0,), 5: (0, 2), 6: (0,), 8: (0, 1), 10: (0,), 12: (0,), 13: (0,)}


def beside() -> list[str]:
    """History with a commit that is newer than the build, a task, and a traced call."""
    files = (TouchedFile("src/shop/cart.py", "", "M", 1, 1), TouchedFile("README.md", "", "A", 1, 0))
    first = Commit(_BUILT, (), "Ann", "ann@example.org", "2026-02-03T10:00:00Z", "Faster check", files)
    newer = Commit(_LATER, (_BUILT,), "Ann", "ann@example.org", "2026-02-04T10:00:00Z", "More", files[:1])
    patch = CommitPatch(_BUILT, (FilePatch("src/shop/cart.py", "src/shop/cart.py", (Hunk(17, 1, 17, 1),)),))
    told = History(_LATER, (newer, first), "", (patch,), "")
    spans = {"src/shop/cart.py": [Span(CART, 9, 22), Span(CHECK, 16, 19)]}
    seen = f"<{CART}.unknown> <{CODE}observedCall> <{PROJECT}/symbol/src/shop/cart.py#Store.put> <{PROJECT}/traces> ."
    quads = history_quads(PROJECT, told, {"src/shop/cart.py", "README.md"}, spans, _AT)
    return [*quads, *work_quads(PROJECT, TASK), *ontology_quads(), seen]


# The same for the prepared questions, whose parameters are parts of names and paths.
PARTS = {"click.types.ParamType.get_metavar": "shop.base.Base.check", "src/click/": "src/shop/"}


@pytest.fixture
def built(build: Build, folder: Path) -> Path:
    build(
        {
            **SAMPLE,
            "src/shop/config.py": (
                "import os\n\n\ndef load():\n    return os.environ['SHOP_URL']\n\n\ndef _forgotten(): ...\n"
            ),
            "src/shop/ping.py": "from . import pong\n",
            "src/shop/pong.py": "from . import ping\n",
        },
        commit=_BUILT,
    )
    return folder


@pytest.fixture
def graph(built: Path) -> ox.Store:
    store = load(built)
    store.bulk_load(input="\n".join(beside()).encode(), format=ox.RdfFormat.N_QUADS)
    return store


def test_the_page_has_fifteen_questions() -> None:
    assert sorted(QUERIES) == list(range(1, 16))


@pytest.mark.parametrize("number", sorted(EXPECTED))
def test_each_question_of_the_page_has_the_expected_answer(graph: ox.Store, number: int) -> None:
    text = QUERIES[number]
    for theirs, ours in NAMES.items():
        text = text.replace(f'"{theirs}"', f'"{ours}"')
    found = graph.query(f"{PREFIXES}{text}", use_default_graph_as_union=True)
    assert isinstance(found, ox.QuerySolutions)
    rows = [tuple(term.value if term else "" for term in row) for row in found]
    columns = COLUMNS.get(number) or range(len(rows[0]) if rows else 0)
    assert {tuple(row[at] for at in columns) for row in rows} == EXPECTED[number]


async def test_each_question_of_the_page_has_an_answer_without_sparql(built: Path, asked: Asked) -> None:
    write_shared(built, "beside", beside())
    assert sorted(ASKED) == list(range(1, 16))
    for number, (question, given) in ASKED.items():
        ours = (NAMES | PARTS).get(given, given)
        answer = await asked(question, *([ours] if ours else []))
        assert answer["found"] > 0 or question == "summary", number
