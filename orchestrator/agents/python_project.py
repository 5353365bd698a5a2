"""A tree of Python files: which module each is, what an import means, and which module or class an expression names.

Used by the renaming code-mod. It parses a file when it is first asked for and remembers why one could not be read. What
cannot be told for sure is None, never a guess.
"""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.agents.python_scopes import Occurrence, Scope, scopes_of
from orchestrator.agents.python_source import Source, UnreadableSource
from orchestrator.core.errors import TooLarge

MOST_FILES = 20_000
_SKIPPED = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})


@dataclass(eq=False)
class Module:
    """One file with its scopes; ``names`` are the dotted names it may be imported by, the likeliest first."""

    source: Source
    scope: Scope
    names: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where it is."""
        return self.source.path

    @cached_property
    def _imports(self) -> dict[int, ast.Import | ast.ImportFrom]:
        statements = [node for node in ast.walk(self.source.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        return {id(alias): statement for statement in statements for alias in statement.names}

    @property
    def from_imports(self) -> list[ast.ImportFrom]:
        """Every ``from … import …`` in it."""
        found = {id(node): node for node in self._imports.values() if isinstance(node, ast.ImportFrom)}
        return list(found.values())

    def statement(self, alias: ast.alias) -> ast.Import | ast.ImportFrom:
        """The import statement a name stands in."""
        return self._imports[id(alias)]

    @property
    def package(self) -> str:
        """The package that relative imports in it start from."""
        return self.names[0] if self.path.endswith("__init__.py") else self.names[0].rpartition(".")[0]


@dataclass(frozen=True)
class ClassRef:
    """A class of the project."""

    module: Module
    scope: Scope

    @property
    def node(self) -> ast.ClassDef:
        """Its definition."""
        assert isinstance(self.scope.owner, ast.ClassDef)
        return self.scope.owner


class Project:
    """All Python files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = tuple(sorted(_python_files(root)))
        self.unreadable: dict[str, str] = {}
        self._modules: dict[str, Module | None] = {}
        self._by_name: dict[str, set[str]] = {}
        for path in self.paths:
            for name in _names(path, root):
                self._by_name.setdefault(name, set()).add(path)

    def module(self, path: str) -> Module | None:
        """A file, parsed; None when it cannot be."""
        if path not in self._modules:
            self._modules[path] = self._load(path)
        return self._modules[path]

    def mentioning(self, *words: str) -> Iterator[Module]:
        """Every readable file in which one of the words stands."""
        # Letters beyond ASCII have other bytes in every encoding: such a file is parsed to know.
        plain = all(word.isascii() for word in words)
        yield from self._matching("|".join(rf"\b{re.escape(word)}\b" for word in words) if plain else "")

    def importing_all(self) -> Iterator[Module]:
        """Every readable file with a star import."""
        yield from self._matching(r"import\s*\*")

    def _matching(self, text: str) -> Iterator[Module]:
        pattern = re.compile(text.encode())
        for path in self.paths:
            try:
                data = (self.root / path).read_bytes()
            except OSError:
                self.unreadable[path] = "cannot be read"
                continue
            if pattern.search(data) and (found := self.module(path)):
                yield found

    def find(self, dotted: str) -> Module | None:
        """The file of a module; None when there is none or more than one."""
        paths = self._by_name.get(dotted, set())
        return self.module(next(iter(paths))) if len(paths) == 1 else None

    def is_module(self, dotted: str) -> bool:
        """Whether some file is this module."""
        return dotted in self._by_name

    def is_ambiguous(self, dotted: str, path: str) -> bool:
        """Whether a dotted name may mean this file or another one."""
        paths = self._by_name.get(dotted, set())
        return path in paths and len(paths) > 1

    def imported(self, module: Module, node: ast.ImportFrom) -> str:
        """The dotted name of the module that ``from … import`` names."""
        if not node.level:
            return node.module or ""
        parts = module.package.split(".") if module.package else []
        base = parts[: len(parts) - (node.level - 1)] if node.level > 1 else parts
        return ".".join([*base, *([node.module] if node.module else [])])

    def meaning(self, module: Module, scope: Scope, node: ast.expr) -> "str | ClassRef | None":
        """The module (by dotted name) or class that an expression names, if that is sure."""
        return self._meaning(module, scope, node, 0)

    def _meaning(self, module: Module, scope: Scope, node: ast.expr, depth: int) -> "str | ClassRef | None":
        if depth > 20:
            return None
        if isinstance(node, ast.Name):
            home = scope.resolve(node.id)
            return self._bound(module, home, node.id, depth) if home is not None else None
        if isinstance(node, ast.Attribute):
            whole = self._meaning(module, scope, node.value, depth + 1)
            if isinstance(whole, str):
                return self._exported(whole, node.attr, depth)
            if isinstance(whole, ClassRef):
                return _inner_class(whole, node.attr)
        return None

    def _exported(self, dotted: str, name: str, depth: int) -> "str | ClassRef | None":
        inner = f"{dotted}.{name}"
        if inner in self._by_name:
            return inner
        found = self.find(dotted)
        return self._bound(found, found.scope, name, depth + 1) if found else None

    def _bound(self, module: Module, scope: Scope, name: str, depth: int) -> "str | ClassRef | None":
        made = scope.bound.get(name, [])
        if len(made) != 1:
            return self._package(module, made, name)
        node = made[0].node
        if isinstance(node, ast.ClassDef):
            inner = next((child for child in scope.children if child.owner is node), None)
            return ClassRef(module, inner) if inner else None
        if isinstance(node, ast.alias):
            statement = module.statement(node)
            if isinstance(statement, ast.ImportFrom):
                return self._exported(self.imported(module, statement), node.name, depth)
            return node.name if node.asname else name
        return None

    def _package(self, module: Module, made: list[Occurrence], name: str) -> str | None:
        """``import a.b`` and ``import a.c`` both bind ``a``: that is one meaning."""
        plain = [m.node for m in made if isinstance(m.node, ast.alias) and m.node.asname is None]
        whole = len(plain) == len(made) and made
        return name if whole and all(isinstance(module.statement(node), ast.Import) for node in plain) else None

    def _load(self, path: str) -> Module | None:
        try:
            source = Source.read(self.root, path)
            return Module(source, scopes_of(source.tree), _names(path, self.root))
        except UnreadableSource as error:
            self.unreadable[path] = str(error)
        except RecursionError:
            self.unreadable[path] = "nested too deeply"
        return None


def _inner_class(outer: ClassRef, name: str) -> ClassRef | None:
    made = outer.scope.bound.get(name, [])
    if len(made) == 1 and isinstance(made[0].node, ast.ClassDef):
        inner = next(child for child in outer.scope.children if child.owner is made[0].node)
        return ClassRef(outer.module, inner)
    return None


def _python_files(root: Path) -> Iterator[str]:
    count = 0
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith(".") and name not in _SKIPPED]
        for name in files:
            path = Path(folder, name)
            if name.endswith(".py") and not path.is_symlink():
                count += 1
                if count > MOST_FILES:
                    raise TooLarge(f"The project has more than {MOST_FILES} Python files.", field="project_id")
                yield path.relative_to(root).as_posix()


def _names(path: str, root: Path) -> tuple[str, ...]:
    """The dotted names a file may be imported by: from the folder above its packages, and from the project's root."""
    parts = path.rpartition(".")[0].split("/")
    folders, last = parts[:-1], parts[-1]
    start = len(folders)
    while start and (root.joinpath(*folders[:start]) / "__init__.py").is_file():
        start -= 1
    tail = [] if last == "__init__" else [last]
    names = [".".join([*folders[first:], *tail]) for first in dict.fromkeys((start, 0, int(folders[:1] == ["src"])))]
    return tuple(dict.fromkeys(name for name in names if name)) or (last,)
