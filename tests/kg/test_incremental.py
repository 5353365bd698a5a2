"""Updates: after any edits, renames and deletions the graphs are those of a clean build, triple by triple."""

import random
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

import orchestrator
from orchestrator.kg.indexing.files import list_files
from orchestrator.kg.indexing.reading import read_contents
from orchestrator.kg.indexing.tree_state import Content, TreeState
from tests.kg.conftest import PROJECT
from tests.kg.sample import SAMPLE, write_tree

REAL = Path(next(iter(orchestrator.__path__)))
_WORD = re.compile(rb"[A-Za-z_]{3,}")


class Edited:
    """A tree on disk, edited at random, and the state that follows it."""

    def __init__(self, root: Path, seed: int, favourites: Collection[str] = ()) -> None:
        self.root = root
        self.favourites = favourites
        self.random = random.Random(seed)
        self.state = TreeState(PROJECT, self._read(list_files(root)), recording=True)
        self.graphs = {graph.name: graph.quads for graph in self.state.link_all()}

    def clean(self) -> dict[str, str]:
        """The graphs of a build that knows nothing of before."""
        clean = TreeState(PROJECT, self._read(list_files(self.root)), recording=False)
        return {graph.name: graph.quads for graph in clean.link_all()}

    def step(self) -> int:
        """One to three edits at once; returns how many graphs they touched."""
        touched = {path for _ in range(self.random.choice((1, 1, 1, 2, 3))) for path in self._edit()}
        there = sorted(path for path in touched if (self.root / path).exists())
        change = self.state.change({**dict.fromkeys(touched), **self._read(there)})
        assert change.removed <= self.graphs.keys()
        assert not change.added.keys() & self.graphs.keys()
        for name in change.removed:
            del self.graphs[name]
        self.graphs |= {name: graph.quads for name, graph in change.added.items()}
        return len(change.removed | change.added.keys())

    def _read(self, paths: list[str]) -> dict[str, Content]:
        return {path: content for path, content, _ in read_contents(self.root, paths, {})}

    def _edit(self) -> set[str]:
        """Edit, rename, delete or add a file; returns the paths that are others now."""
        paths = [path for path in list_files(self.root) if path.endswith(".py")]
        path = self.random.choice([path for path in paths if path in self.favourites] or paths)
        kind = self.random.choices(("text", "delete", "rename", "add", "package"), (75, 6, 10, 4, 5))[0]
        if kind == "text":
            (self.root / path).write_bytes(self._mutated((self.root / path).read_bytes()))
            return {path}
        if kind == "delete" and len(paths) > 3:
            (self.root / path).unlink()
            return {path}
        folder, _, name = path.rpartition("/")
        target = {
            "rename": self.random.choice((f"{folder}/moved_{name}", f"deep/er/{name}", name)),
            "add": f"{folder}/added{self.random.randrange(3)}.py",
            "package": f"{folder}/{self.random.choice(('__init__.py', 'setup.py', 'pyproject.toml'))}",
        }.get(kind, path).lstrip("/")
        (self.root / target).parent.mkdir(parents=True, exist_ok=True)
        if kind == "rename":
            (self.root / path).replace(self.root / target)
        elif kind == "package" and (self.root / target).exists():
            (self.root / target).unlink()
        else:
            (self.root / target).write_bytes((self.root / path).read_bytes() + b"\nfrom . import *\n")
        return {path, target}

    def _mutated(self, text: bytes) -> bytes:
        lines = text.split(b"\n")
        at, other = self.random.randrange(len(lines)), self.random.randrange(len(lines))
        match self.random.randrange(9):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[other])
            case 2:
                lines.insert(0, b"# a line more")
            case 3:
                lines.insert(at, b"def check_%d(self, a=None):\n    return self" % self.random.randrange(3))
            case 4:
                lines.insert(
                    at, b"class Base%d(Base):\n    def check(self): return self.save()" % self.random.randrange(3)
                )
            case 5:
                lines[at], lines[other] = lines[other], lines[at]
            case 6:
                lines = lines[:at]
            case _:
                words = sorted(set(_WORD.findall(text)))
                if words:
                    old, new = self.random.choice(words), self.random.choice(words)
                    return text.replace(old, new, self.random.choice((1, 2, -1)))
        return b"\n".join(lines)


def _difference(one: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    """The triples, without their graphs, that only one of the two has."""
    both = (
        {line.rsplit(" <", 1)[0] for quads in graphs.values() for line in quads.splitlines()} for graphs in (one, other)
    )
    left, right = both
    return left ^ right


@pytest.mark.parametrize("seed", range(4))
def test_after_any_edits_of_a_small_tree_the_graphs_are_those_of_a_clean_build(tmp_path: Path, seed: int) -> None:
    write_tree(tmp_path, SAMPLE)
    edited = Edited(tmp_path, seed)
    for _ in range(30):
        edited.step()
        clean = edited.clean()
        assert _difference(edited.graphs, clean) == set()
        assert edited.graphs == clean
        assert edited.state.names() == clean.keys()


@pytest.mark.parametrize("seed", range(2))
def test_after_any_edits_of_real_code_the_graphs_are_those_of_a_clean_build(tmp_path: Path, seed: int) -> None:
    for path in list_files(REAL):
        if path.startswith(("kg/python/", "kg/query/", "core/")) and path.endswith(".py"):
            write_tree(tmp_path, {f"orchestrator/{path}": (REAL / path).read_bytes()})
    edited = Edited(tmp_path, seed)
    for _ in range(3):
        for _ in range(8):
            edited.step()
        clean = edited.clean()
        assert _difference(edited.graphs, clean) == set()
        assert edited.graphs == clean


def test_after_edits_of_the_same_large_files_again_and_again_the_graphs_are_those_of_a_clean_build(
    tmp_path: Path,
) -> None:
    for path in list_files(REAL / "kg" / "python"):
        if path.endswith(".py"):
            write_tree(tmp_path, {f"orchestrator/kg/python/{path}": (REAL / "kg" / "python" / path).read_bytes()})
    large = sorted(list_files(tmp_path), key=lambda path: (tmp_path / path).stat().st_size)[-3:]
    edited = Edited(tmp_path, 3, favourites=large)
    for _ in range(2):
        for _ in range(8):
            edited.step()
        clean = edited.clean()
        assert _difference(edited.graphs, clean) == set()
        assert edited.graphs == clean
