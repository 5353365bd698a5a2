"""What is resolved in Python, how certainly, and that nothing is made up."""

from pathlib import Path

import pytest

from orchestrator.kg.rdf.vocabulary import PREFIXES
from tests.kg.conftest import Build
from tests.kg.sample import load, pairs


def calls_of(build: Build, folder: Path, **files: str) -> set[tuple[str, str]]:
    build({f"{name}.py": text for name, text in files.items()})
    return pairs(folder, "calls")


def test_the_sample_has_exactly_these_certain_calls(build: Build, folder: Path) -> None:
    build()
    assert pairs(folder, "calls") == {
        ("shop.util.fetch", "requests.get"),
        ("shop.base.Base.save", "shop.base.Base.check"),
        ("shop.cart.Cart.check", "shop.base.Base.check"),
        ("shop.cart.Cart.check", "shop.cart.Store.put"),
        ("shop.cart.Cart.check", "shop.util.total"),
        ("tests.test_cart.make", "shop.cart.Cart.__init__"),
        ("tests.test_cart.make", "shop.cart.Store"),
        ("tests.test_cart.test_save", "tests.test_cart.make"),
        ("tests.test_cart.test_save", "shop.base.Base.save"),
        ("tests.test_cart.test_total", "shop.util.total"),
    }


def test_what_may_be_called_is_kept_apart(build: Build, folder: Path) -> None:
    build()
    assert pairs(folder, "mayCall") == {
        ("shop.base.Base.save", "shop.cart.Cart.check"),
        ("shop.cart.Cart.unknown", "shop.cart.Store.put"),
    }


def test_structure_is_told(build: Build, folder: Path) -> None:
    build()
    assert pairs(folder, "extends") == {("shop.cart.Cart", "shop.base.Base")}
    assert pairs(folder, "overrides") == {("shop.cart.Cart.check", "shop.base.Base.check")}
    assert ("shop", "shop.cart") in pairs(folder, "imports")
    assert ("tests.test_cart.make", "shop.cart.Cart") in pairs(folder, "instantiates")


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    x()\n",
        "def f(f):\n    f()\n",
        "def g(): ...\ndef f(g):\n    g()\n",
        "import os\ndef f():\n    for os in []:\n        os.getcwd()\n",
        "class A:\n    def g(self): ...\ndef f(a):\n    a.g()\n",
        "def f():\n    [].append(1)\n    'x'.join([])\n    len([])\n",
        "def f():\n    lambda g: g()\n\ndef g(): ...\n",
        "def f():\n    with x() as g:\n        g()\n\ndef g(): ...\n",
        "class A:\n    def g(self): ...\n    def f(self):\n        g()\n",
    ],
)
def test_a_shadowed_unknown_or_builtin_name_makes_no_certain_call(build: Build, folder: Path, source: str) -> None:
    assert {pair for pair in calls_of(build, folder, m=source) if pair[1].startswith("m")} == set()


def test_several_possible_definitions_are_candidates_not_calls(build: Build, folder: Path) -> None:
    source = "import sys\nif sys.platform:\n    def g(): ...\nelse:\n    def g(x): ...\n\ndef f():\n    g()\n"
    assert calls_of(build, folder, m=source) == set()
    assert pairs(folder, "mayCall") == {("m.f", "m.g")}


def test_the_last_of_straight_line_definitions_is_the_one_called(build: Build, folder: Path) -> None:
    source = "class A:\n    def a(self): ...\nclass B:\n    def a(self): ...\nx = A()\nx = B()\nx.a()\n"
    assert calls_of(build, folder, m=source) >= {("m", "m.B.a")}
    assert ("m", "m.A.a") not in pairs(folder, "calls")


def test_the_method_resolution_order_is_pythons(build: Build, folder: Path) -> None:
    source = (
        "class R:\n    def go(self): ...\nclass A(R): ...\nclass B(R):\n    def go(self): ...\n"
        "class C(A, B):\n    def f(self):\n        self.go()\n"
    )
    assert calls_of(build, folder, m=source) == {("m.C.f", "m.B.go")}


def test_properties_returns_and_annotations_carry_types(build: Build, folder: Path) -> None:
    source = (
        "from __future__ import annotations\nfrom typing import Optional\n"
        "class A:\n    def go(self) -> 'A':\n        return self\n"
        "class H:\n    def __init__(self):\n        self._a = A()\n    @property\n    def a(self):\n        return self._a\n"  # noqa: E501 - source as it is
        "def make(): return A()\n"
        "def f(h: H, o: Optional[A]):\n    h.a.go().go()\n    make().go()\n    o.go()\n"
    )
    assert calls_of(build, folder, m=source) >= {("m.f", "m.A.go"), ("m.f", "m.make")}


def test_imports_are_followed_through_packages_aliases_and_stars(build: Build, folder: Path) -> None:
    build(
        {
            "p/__init__.py": "from .a import deep as shallow\nfrom .b import *\n",
            "p/a.py": "def deep(): ...\n",
            "p/b.py": "def starred(): ...\ndef _private(): ...\n",
            "ns/m.py": "def there(): ...\n",
            "x.py": "import p as q\nimport ns.m\nfrom p import shallow, starred\n\n"
            "def f():\n    q.shallow()\n    starred()\n    ns.m.there()\n    q._private()\n",
        }
    )
    assert pairs(folder, "calls") == {("x.f", "p.a.deep"), ("x.f", "p.b.starred"), ("x.f", "ns.m.there")}


def test_circles_of_imports_bases_and_assignments_end(build: Build, folder: Path) -> None:
    build(
        {
            "a.py": "from b import *\nfrom b import x\nx = x\ny = z\nz = y\nclass A(B): ...\nclass B(A): ...\nx()\nA().go()\n",  # noqa: E501 - source as it is
            "b.py": "from a import *\nfrom a import x\ndef f(): return g()\ndef g(): return f()\nf().h()\n",
        }
    )
    assert ("b", "b.f") in pairs(folder, "calls")


def test_broken_code_still_gives_what_can_be_read(build: Build, folder: Path) -> None:
    report = build({"m.py": "def good(): ...\n\ndef f(:\n    x = [\n\nclass A:\n    def g(self):\n        good()\n"})
    assert report.broken == ("m.py",)
    assert report.modules == 1
    assert report.functions >= 1


def test_lines_that_reach_the_same_by_the_same_rule_are_one_call_site(build: Build, folder: Path) -> None:
    build({"m.py": "def f(): ...\ndef g():\n    f()\n    f(); f()\ndef h():\n    f()\n"})
    lines: dict[str, list[str]] = {}
    text = PREFIXES + "SELECT ?site ?line { ?site c:callee/c:qualifiedName 'm.f' ; c:startLine ?line }"
    for row in load(folder).query(text, use_default_graph_as_union=True):
        lines.setdefault(row["site"].value, []).append(row["line"].value)
    assert sorted(map(sorted, lines.values())) == [["3", "4"], ["6"]]
