"""A small tree with one case of each thing the graph knows, and helpers to read a built graph."""

from collections.abc import Mapping
from pathlib import Path

import pyoxigraph as ox

from orchestrator.kg.rdf.vocabulary import CODE
from orchestrator.kg.snapshot import GRAPH, current_folder

SAMPLE: dict[str, str | bytes] = {
    "pyproject.toml": "[project]\nname = 'shop'\n",
    "src/shop/__init__.py": '"""A shop."""\nfrom .cart import Cart as Basket\nfrom .util import *\n\n__all__ = ["Basket", "total"]\n',  # noqa: E501 - source as it is
    "src/shop/util.py": (
        "import requests\n\n__all__ = ['total']\n\n\ndef total(prices):\n    return sum(prices)\n\n\n"
        "def fetch(url: str) -> str:\n    return requests.get(url).text\n"
    ),
    "src/shop/base.py": (
        "class Base:\n    def save(self):\n        self.check()\n\n    def check(self):\n        raise NotImplementedError\n"  # noqa: E501 - source as it is
    ),
    "src/shop/cart.py": (
        "from . import util\nfrom .base import Base\n\n\nclass Store:\n    def put(self, item): ...\n\n\n"
        "class Cart(Base):\n    '''Things to buy.'''\n\n    def __init__(self, store: Store):\n        self.store = store\n"  # noqa: E501 - source as it is
        "        self.items = []\n\n    def check(self):\n        super().check()\n        self.store.put(self)\n"
        "        return util.total([])\n\n    def unknown(self, thing):\n        thing.put(1)\n        thing.vanish()\n"
    ),
    "tests/test_cart.py": (
        "from shop import Basket, total\nfrom shop.cart import Store\n\n\ndef make():\n    return Basket(Store())\n\n\n"
        "def test_save():\n    cart = make()\n    cart.save()\n\n\ndef test_total():\n    assert total([1]) == 1\n"
    ),
    "README.md": "# Shop\n",
}


def write_tree(root: Path, tree: Mapping[str, str | bytes]) -> None:
    for path, content in tree.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)


def load(folder: Path) -> ox.Store:
    store = ox.Store()
    store.bulk_load(path=str(current_folder(folder) / GRAPH), format=ox.RdfFormat.N_QUADS)
    return store


def pairs(folder: Path, predicate: str) -> set[tuple[str, str]]:
    """Subject and object of a predicate of ours, by qualified name."""
    text = f"""SELECT ?a ?b {{ ?s <{CODE}{predicate}> ?o .
      ?s <{CODE}qualifiedName> ?a . ?o <{CODE}qualifiedName> ?b }}"""
    rows = load(folder).query(text, use_default_graph_as_union=True)
    return {(row["a"].value, row["b"].value) for row in rows}
