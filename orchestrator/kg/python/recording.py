"""The symbols and modules of a tree, with a record of what was read of them: what makes updates exact.

The base of the evaluator. While a file is linked, every read outside of it is noted as a ``Key``; when a change of
other files leaves the content of all these keys (``surface``) as it was, the file's links are what they were.
"""

from collections.abc import Mapping

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.python.modules import ModuleIndex
from orchestrator.kg.python.surface import Key
from orchestrator.kg.python.symbols import Symbol, symbols_of


class Tree:
    """What can be looked up in a tree, recorded."""

    def __init__(self, facts: Mapping[str, FileFacts], modules: ModuleIndex) -> None:
        self.modules = modules
        self.symbols: dict[str, list[Symbol]] = {}
        self._stars: dict[str, list[str]] = {}
        self._exports: dict[str, tuple[str, ...] | None] = {}
        self.consulted: set[Key] = set()
        self._home = ""
        for path in sorted(facts):
            self.replace(path, facts[path])

    def begin(self, path: str) -> None:
        """Record from now on what is read outside of the file."""
        self.consulted = set()
        self._home = path

    def replace(self, path: str, facts: FileFacts | None) -> None:
        """Take the new facts of a file; None: it is gone."""
        if facts is None:
            for table in (self.symbols, self._stars, self._exports):
                table.pop(path, None)
            return
        self.symbols[path] = symbols_of(path, facts)
        self._stars[path] = [found.module for found in facts.imports if found.star]
        self._exports[path] = facts.exports

    def consult(self, symbol: Symbol, name: str) -> None:
        """Record that something of a symbol is read: a name bound in it, or one of the keys of ``surface``."""
        if symbol.path != self._home:
            self.consulted.add((symbol.path, symbol.local, name))

    def consult_index(self, name: str) -> None:
        """Record that an index over the whole tree is read at one entry."""
        self.consulted.add(("", "", name))

    def find(self, name: str, importer: str) -> str | None:
        """The path of a module; the key stands for all that the module index says of a name."""
        self.consulted.add(("", importer or "/", name))
        return self.modules.find(name, importer)

    def relative(self, written: str, importer: str) -> str | None:
        """The absolute name of a module; it depends on the importer's own name."""
        if importer != self._home:
            self.consulted.add((importer, "", "module-name"))
        return self.modules.relative(written, importer)
