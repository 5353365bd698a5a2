"""Which Python module a file is, and which file an import means. Used by the Python resolver.

Follows the language: packages by ``__init__.py``, source roots (``src``, folders with a build file), namespace
packages, scripts that import their neighbours. Two files that both fit an import are told apart by nearness, or not.
"""

import os
from collections.abc import Hashable, Iterable
from itertools import takewhile
from posixpath import dirname

from orchestrator.kg.python.surface import Key

_ROOT_NAMES = frozenset({"src", "lib", "python"})
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "manage.py")


class ModuleIndex:
    """Names of all modules of a tree. ``everything`` are all paths of the tree, ``python`` those of Python files."""

    def __init__(self, everything: Iterable[str], python: Iterable[str]) -> None:
        paths = set(everything)
        self._python = sorted(python)
        self._packages = {dirname(path) for path in self._python if path.rpartition("/")[2] == "__init__.py"}
        self._roots = self._source_roots(paths)
        self.names = {path: self._name(path) for path in self._python}
        self._by_name: dict[str, list[str]] = {}
        self._neighbours: dict[tuple[str, str], str] = {}
        for path in self._python:
            for name in {self.names[path], _dotted(path)}:
                self._by_name.setdefault(name, []).append(path)
            folder, stem = dirname(path), _stem(path)
            self._neighbours[dirname(folder) if stem == "__init__" else folder, _last(path)] = path
        self._prefixes = {name[:at] for name in self._by_name for at, char in enumerate(name) if char == "."}
        self._tops = {name.partition(".")[0] for name in self._by_name}

    def find(self, name: str, importer: str) -> str | None:
        """The path of a module by absolute name, seen from the file that imports it; None if outside or unclear."""
        if not name:
            return None
        found = self._by_name.get(name, [])
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            return _nearest(found, importer)
        folder = dirname(importer)
        path: str | None = None
        if folder not in self._packages:
            for part in name.split("."):
                path = self._neighbours.get((folder, part))
                if path is None:
                    return None
                folder = dirname(path)
        return path

    def relative(self, written: str, importer: str) -> str | None:
        """The absolute name of ``..a.b`` written in a file; None where it climbs out of the tree."""
        dots = len(written) - len(written.lstrip("."))
        parts = self.names[importer].split(".") if self.names[importer] else []
        climb = dots - 1 if _stem(importer) == "__init__" else dots
        if climb > len(parts):
            return None
        return ".".join([*parts[: len(parts) - climb], *filter(None, [written[dots:]])])

    def is_ours(self, name: str) -> bool:
        """Whether the first part of a module name names something of this tree."""
        return name.partition(".")[0] in self._tops

    def is_namespace(self, name: str) -> bool:
        """Whether modules of this tree lie below the name, without a module of that very name."""
        return name in self._prefixes and name not in self._by_name

    def changed_keys(self, later: "ModuleIndex", asked: Iterable[Hashable]) -> set[Key]:
        """Which of the keys that were asked read differently in a later index."""
        changed: set[Key] = set()
        for key in asked:
            match key:
                case ("", str(importer), str(name)) if importer:
                    seen_from = importer.removeprefix("/")
                    if self._all_of(name, seen_from) != later._all_of(name, seen_from):
                        changed.add(("", importer, name))
        changed |= {(path, "", "module-name") for path, name in self.names.items() if later.names.get(path) != name}
        return changed

    def _all_of(self, name: str, importer: str) -> tuple[str | None, bool, bool]:
        return self.find(name, importer), self.is_namespace(name), self.is_ours(name)

    def _source_roots(self, paths: set[str]) -> set[str]:
        roots = {""}
        folders = {dirname(path) for path in self._python}
        for folder in list(folders):
            while folder:
                folder = dirname(folder)
                folders.add(folder)
        for folder in folders:
            named = folder.rpartition("/")[2] in _ROOT_NAMES
            built = any((f"{folder}/{name}" if folder else name) in paths for name in _BUILD_FILES)
            if (named or built) and folder not in self._packages:
                roots.add(folder)
        return roots

    def _name(self, path: str) -> str:
        """The dotted name by which the file is imported from outside its package."""
        folder = dirname(path)
        if folder in self._packages:
            while dirname(folder) != folder and dirname(folder) in self._packages:
                folder = dirname(folder)
            folder = dirname(folder)
        while folder not in self._roots:
            folder = dirname(folder)
        return _dotted(os.path.relpath(path, folder) if folder else path)


def _stem(path: str) -> str:
    return os.path.splitext(path.rpartition("/")[2])[0]


def _last(path: str) -> str:
    """The name a module has in its folder."""
    return dirname(path).rpartition("/")[2] if _stem(path) == "__init__" else _stem(path)


def _dotted(path: str) -> str:
    parts = os.path.splitext(path)[0].split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _nearest(paths: list[str], importer: str) -> str | None:
    """The path that shares most folders with the importer; None when two share equally many."""
    ranked = sorted(((_shared(path, importer), path) for path in paths), reverse=True)
    return ranked[0][1] if ranked[0][0] > ranked[1][0] else None


def _shared(one: str, other: str) -> int:
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
