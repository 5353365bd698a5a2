"""Renaming on real files: what changes, what must not, and what is refused before a byte is written."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agents.base import AgentResult
from orchestrator.agents.rename_symbol import RenameSymbolAgent
from orchestrator.core.errors import InvalidInput, NotFound, OrchestratorError
from tests.agents.support import context, write

AGENT = RenameSymbolAgent()

PROJECT = {
    "shop/__init__.py": """\
        from .prices import total, Basket
        __all__ = ["total", "Basket"]
        """,
    "shop/prices.py": '''\
        def total(items):
            """The total of it all."""
            return sum(items)  # total is a sum


        def twice(items):
            return total(items) * 2 + len(f"{total(items)} in total")


        class Basket:
            def __init__(self):
                self.items = []

            def add(self, item):
                self.items.append(item)
                return self

            def cost(self) -> "float":
                total = 0
                for item in self.items:
                    total += item
                return total
        ''',
    "shop/report.py": """\
        import shop.prices
        import shop.prices as p
        from shop import prices, total as whole
        from shop.prices import *


        def report(items, total=None):
            return [shop.prices.total(items), p.total(items), prices.total(items), whole(items), total]


        def starred(items):
            return total(items)
        """,
    "main.py": """\
        from shop import total, Basket
        from shop.report import report, starred


        class Special(Basket):
            def add(self, item):
                return super().add(item * 2)


        def fill(basket: "Basket | None"):
            return basket.add(5)


        bag = Basket()
        bag.add(1).add(2)
        other = set()
        other.add(3)
        print(total([1, 2]), report([3]), starred([4]), bag.cost(), Special().add(4).cost(), fill(Basket()).cost())
        """,
}


async def rename(root: Path, symbol: str, new_name: str, **more: Any) -> AgentResult:
    return await AGENT.run(context(root, symbol=symbol, new_name=new_name, **more))


def run(root: Path) -> str:
    command = [sys.executable, "-B", "main.py"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_function_is_renamed_through_imports_aliases_stars_reexports_and_f_strings(tmp_path: Path) -> None:
    root = write(tmp_path, PROJECT)
    before = run(root)
    result = await rename(root, "shop.prices.total", "grand_total")
    assert run(root) == before
    prices, report = (root / "shop/prices.py").read_text(), (root / "shop/report.py").read_text()
    assert "def grand_total(items):" in prices
    assert 'f"{grand_total(items)} in total"' in prices
    assert '__all__ = ["grand_total", "Basket"]' in (root / "shop/__init__.py").read_text()
    assert "from shop import prices, grand_total as whole" in report
    assert "[shop.prices.grand_total(items), p.grand_total(items), prices.grand_total(items), whole" in report
    assert "from shop import grand_total, Basket" in (root / "main.py").read_text()
    assert result.data["edit_count"] == 12


async def test_locals_parameters_strings_and_comments_of_the_same_name_stay(tmp_path: Path) -> None:
    root = write(tmp_path, PROJECT)
    result = await rename(root, "shop.prices.total", "grand_total")
    prices = (root / "shop/prices.py").read_text()
    assert "        total = 0\n" in prices
    assert "# total is a sum" in prices
    assert "def report(items, total=None):" in (root / "shop/report.py").read_text()
    kinds = {(doubt["path"], doubt["kind"]) for doubt in result.data["unsure"]}
    assert {("shop/prices.py", "comment"), ("shop/prices.py", "string")} <= kinds


async def test_a_class_is_renamed_in_quoted_annotations_and_bases_too(tmp_path: Path) -> None:
    root = write(tmp_path, PROJECT)
    before = run(root)
    await rename(root, "Basket", "Cart")
    assert run(root) == before
    main = (root / "main.py").read_text()
    assert "class Special(Cart):" in main
    assert 'basket: "Cart | None"' in main


async def test_a_method_is_renamed_with_its_overrides_and_where_the_object_is_known(tmp_path: Path) -> None:
    root = write(tmp_path, PROJECT)
    result = await rename(root, "shop.prices.Basket.add", "put")
    main = (root / "main.py").read_text()
    assert "return super().put(item * 2)" in main
    assert "return basket.put(5)" in main
    assert "bag.put(1).add(2)" in main
    assert "other.add(3)" in main
    assert {(d["line"], d["kind"]) for d in result.data["unsure"] if d["path"] == "main.py"} >= {(15, "attribute")}


class Graph:
    """A graph that resolved the chained call."""

    def __init__(self, commit: str) -> None:
        self._commit = commit

    async def ask(self, question: str, given: Mapping[str, Any]) -> dict[str, Any]:
        assert question == "callers"
        return {"callers": [{"path": "a.py", "line": 7, "certainty": "calls"},
                            {"path": "a.py", "line": 8, "certainty": "mayCall"}]}  # fmt: skip

    async def commit(self) -> str | None:
        return self._commit


@pytest.mark.parametrize(("commit", "changed"), [("c1", True), ("another", False)])
async def test_the_graph_settles_unknown_objects_only_if_it_is_of_this_commit(
    tmp_path: Path, commit: str, changed: bool
) -> None:
    source = "class A:\n    def old(self): ...\n\n\ndef use(a, b):\n    pass\n    a.old()\n    b.old()\n"
    root = write(tmp_path, {"a.py": source})
    given = context(root, graph=Graph(commit), symbol="A.old", new_name="new")  # type: ignore[arg-type]
    object.__setattr__(given, "base_commit", "c1")
    await AGENT.run(given)
    text = (root / "a.py").read_text()
    assert ("a.new()" in text) is changed
    assert "b.old()" in text


async def test_fields_hold_the_class_their_methods_give_them(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "a.py": """\
            class Engine:
                def start(self): return "on"
            class Car:
                spare: "Engine | None" = None
                def __init__(self):
                    self.engine = Engine()
                def go(self): return self.engine.start(), self.spare.start()
                @classmethod
                def make(cls): return cls().engine.start()
            """
        },
    )
    await rename(root, "Engine.start", "ignite")
    text = (root / "a.py").read_text()
    assert "self.engine.ignite(), self.spare.ignite()" in text
    assert "cls().engine.ignite()" in text


async def test_global_nonlocal_and_nested_names_follow_the_language(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "a.py": """\
            def old(): return 1
            def change():
                global old
                old = 2
            def outer():
                def old(): return 3
                def inner():
                    nonlocal old
                    old = 4
                return old
            class C:
                old = 5
                def m(self): return old
            values = [old for _ in range(2)]
            """
        },
    )
    await rename(root, "a.py::old", "new")
    text = (root / "a.py").read_text()
    assert "global new\n    new = 2" in text
    assert "nonlocal old\n        old = 4" in text
    assert "    old = 5\n    def m(self): return new" in text
    assert "values = [new for" in text


async def test_a_name_shared_with_a_fallback_import_keeps_its_local_name(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "slow.py": "def dump(x): return x\n",
            "use.py": "try:\n    from fast import dump\nexcept ImportError:\n    from slow import dump\ndump(1)\n",
        },
    )
    await rename(root, "slow.dump", "write")
    assert "from slow import write as dump\ndump(1)" in (root / "use.py").read_text()


async def test_encoding_byte_order_mark_and_line_ends_stay(tmp_path: Path) -> None:
    source = "\ufeff# -*- coding: utf-8 -*-\r\ndef öld(): return 'ü'\r\nx = 'ü', öld()\r\n"
    (tmp_path / "a.py").write_bytes(source.encode())
    latin = "# -*- coding: latin-1 -*-\nfrom a import öld\ny = 'é'; öld()\n"
    (tmp_path / "b.py").write_bytes(latin.encode("latin-1"))
    await rename(tmp_path, "a.öld", "neü")
    assert (tmp_path / "a.py").read_bytes() == source.replace("öld", "neü").encode()
    assert (tmp_path / "b.py").read_bytes() == latin.replace("öld", "neü").encode("latin-1")


@pytest.mark.parametrize(
    ("files", "symbol", "new_name", "field"),
    [
        ({"a.py": "def f(): ...\ndef g(): ...\n"}, "a.f", "g", "input.new_name"),
        ({"a.py": "def f(): ...\ndef h():\n    g = 1\n    return f, g\n"}, "a.f", "g", "input.new_name"),
        ({"a.py": "def f(): ...\nprint(len('x'))\n"}, "a.f", "len", "input.new_name"),
        ({"a.py": "def f(): ...\n", "b.py": "from a import f\ng = 1\n"}, "a.f", "g", "input.new_name"),
        ({"a.py": "def f(): ...\n", "b.py": "def f(): ...\n"}, "f", "g", "input.symbol"),
        ({"a.py": "def f(): ...\n"}, "a.missing", "g", "input.symbol"),
        ({"a.py": "def f(): ...\n"}, "a.f", "class", "input.new_name"),
        ({"a.py": "def f(): ...\n"}, "a.f", "g h", "input.new_name"),
        ({"a.py": "def f(): ...\n"}, "a.f", "f", "input.new_name"),
        ({"a.py": "def f(): ...\n"}, "a b", "g", "input.symbol"),
        ({"a.py": "class C:\n    def __init__(self): ...\n"}, "C.__init__", "g", "input.symbol"),
        ({"a.py": "class C(dict):\n    def keys(self): ...\n"}, "C.keys", "names", "input.new_name"),
        ({"a.py": "class C:\n    def f(self): self.g = 1\n"}, "C.f", "g", "input.new_name"),
        ({"a.py": "from b import f\ndef f(): ...\n", "b.py": ""}, "a.f", "g", "input.new_name"),
    ],
)
async def test_what_is_ambiguous_or_taken_is_refused_and_nothing_changes(
    tmp_path: Path, files: dict[str, str], symbol: str, new_name: str, field: str
) -> None:
    root = write(tmp_path, files)
    with pytest.raises(InvalidInput) as caught:
        await rename(root, symbol, new_name)
    assert caught.value.field == field
    assert {path: (root / path).read_text() for path in files} == files


async def test_an_ambiguous_name_is_answered_with_the_choices(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "def f(): ...\n", "b.py": "class C:\n    def f(self): ...\n"})
    with pytest.raises(InvalidInput, match=r"a\.py::f, b\.py::C\.f"):
        await rename(root, "f", "g")


async def test_broken_binary_and_deep_files_are_listed_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "def old(): ...\nold()\n", "broken.py": "old(\n", "deep.py": "old" + "(" * 10_000})
    (root / "binary.py").write_bytes(b"old \xff\xfe\x00")
    (root / "link.py").symlink_to("/etc/passwd")
    result = await rename(root, "a.old", "new")
    assert (root / "a.py").read_text() == "def new(): ...\nnew()\n"
    assert set(result.data["unreadable"]) == {"broken.py", "deep.py", "binary.py"}
    assert "3 unreadable files" in result.summary


async def test_the_text_of_a_literal_type_is_not_code(tmp_path: Path) -> None:
    source = 'from typing import Literal\ndef old(x: Literal["old"], y: "old") -> "list[old]": ...\n'
    root = write(tmp_path, {"a.py": source})
    await rename(root, "a.old", "new")
    expected = 'from typing import Literal\ndef new(x: Literal["old"], y: "new") -> "list[new]": ...\n'
    assert (root / "a.py").read_text() == expected


async def test_an_f_string_that_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": 'def old(): ...\nx = f"{old()} {(lambda old: old)(1)}"\n'})
    with pytest.raises(OrchestratorError, match="f-string"):
        await rename(root, "a.old", "new")


async def test_without_a_project_it_says_what_to_name() -> None:
    with pytest.raises(NotFound):
        await AGENT.run(context(symbol="a.b", new_name="c"))


async def test_a_cancelled_renaming_writes_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {f"m{n}.py": "def old(): ...\nold()\n" * 200 for n in range(100)})
    running = asyncio.create_task(rename(root, "m1.old", "new"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_renaming_in_a_large_project_is_quick_and_leaves_it_working(tmp_path: Path) -> None:
    files = {f"pkg/m{n}.py": f"from pkg.base import old\ndef f{n}(): return old({n})\n" for n in range(300)}
    root = write(tmp_path, {"pkg/__init__.py": "", "pkg/base.py": "def old(n): return n\n", **files})
    result = await rename(root, "pkg.base.old", "new")
    assert result.data["edit_count"] == 601
    assert result.data["unsure"] == []
