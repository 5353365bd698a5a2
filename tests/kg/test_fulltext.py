"""The side index: names, words and docstrings are found, and it follows the graph by itself."""

from pathlib import Path

from tests.kg.conftest import Asked, Build
from tests.kg.sample import SAMPLE


async def found(asked: Asked, name: str, **given: object) -> list[str]:
    return [row["symbol"] for row in (await asked("find_symbol", name, **given))["symbols"]]


TREE = {
    "shop/cart.py": (
        "class HTTPCart:\n    '''Holds what a customer wants to buy.'''\n\n"
        "    def add_item(self):\n        '''Puts one in.'''\n"
    ),
    "docs/guide.md": "# Guide\n",
}


PARTS = {
    "HTTPCart": "shop.cart.HTTPCart",
    "tpcar": "shop.cart.HTTPCart",
    "http cart": "shop.cart.HTTPCart",
    "cart add": "shop.cart.HTTPCart.add_item",
    "add item": "shop.cart.HTTPCart.add_item",
    "addItem": "shop.cart.HTTPCart.add_item",
    "customers buying": "shop.cart.HTTPCart",
    "guide.md": "docs/guide.md",
    "ad": "shop.cart.HTTPCart.add_item",
}
OPERATORS = ('"', "*", "a AND", "NEAR(", "x OR y", "-z", "%", "_", "\\", "é\0ü", "'; DROP TABLE symbols", "^:")


async def test_parts_words_and_docstrings_find_it(build: Build, asked: Asked) -> None:
    build(TREE)
    assert {name: (await found(asked, name))[0] for name in PARTS} == PARTS


async def test_operators_of_the_index_are_only_text(build: Build, asked: Asked) -> None:
    build({"a.py": "def run(): ...\n"})
    for name in OPERATORS:
        assert await found(asked, name) == [], name
        assert await found(asked, "run") == ["a.run"]


async def test_it_follows_builds_and_forgets_what_is_gone(
    build: Build, folder: Path, asked: Asked, tmp_path: Path
) -> None:
    build()
    assert "shop.cart.Cart" in await found(asked, "Cart")
    (tmp_path / "tree" / "tests" / "test_cart.py").unlink()
    build({**SAMPLE, "src/shop/cart.py": "class Trolley: ...\n", "tests/test_cart.py": ""})
    assert await found(asked, "Trolley") == ["shop.cart.Trolley"]
    assert "shop.cart.Cart" not in await found(asked, "Cart")
    assert await found(asked, "total") == ["shop.util.total"]


async def test_a_damaged_index_is_made_anew(build: Build, folder: Path, asked: Asked) -> None:
    build()
    before = await found(asked, "Cart")
    for left in folder.glob("names.sqlite-*"):
        left.unlink()
    (folder / "names.sqlite").write_bytes(b"no database at all" * 100)
    assert await found(asked, "Cart") == before


async def test_matches_by_words_alone_are_told_from_names(build: Build, asked: Asked) -> None:
    build(TREE)
    rows = (await asked("find_symbol", "customer"))["symbols"]
    assert [(row["symbol"], row["matched"]) for row in rows] == [("shop.cart.HTTPCart", "words")]
