"""What only the whole tree can say: methods by name, subclasses by class. Kept up to date file by file.

Used by the Python linker. Every answer is recorded as read at one entry, and comes in the order of paths, so that it
does not depend on which file was indexed last.
"""

from orchestrator.kg.python.evaluate import Evaluator
from orchestrator.kg.python.surface import Key, subclasses_key
from orchestrator.kg.python.symbols import Symbol


class TreeIndex:
    """Indexes over all files of a tree."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._methods: dict[str, dict[str, list[Symbol]]] = {}
        self._subclasses: dict[Key, dict[str, list[Symbol]]] = {}
        self._entries: dict[str, tuple[set[str], dict[Key, list[Symbol]]]] = {}
        # Answers that were asked for, until a file changes them.
        self._listed: dict[str | Key, list[Symbol]] = {}
        for path in evaluator.symbols:
            self.replace(path)

    def methods(self, name: str) -> list[Symbol]:
        """Methods of that name, of any class."""
        self._evaluator.consult_index(f"method:{name}")
        found = self._listed.get(name)
        if found is None:
            found = self._listed[name] = _in_order(self._methods.get(name, {}))
        return found

    def subclasses(self, of: Symbol) -> list[Symbol]:
        """Classes that have a class of ours among their ancestors."""
        key = subclasses_key(of.path, of.local)
        self._evaluator.consult_index(key[2])
        found = self._listed.get(key)
        if found is None:
            found = self._listed[key] = _in_order(self._subclasses.get(key, {}))
        return found

    def replace(self, path: str) -> set[Key]:
        """Index a file as it is now, or drop it if it is gone; returns the keys of ancestors with other subclasses."""
        names, before = self._entries.pop(path, (set(), {}))
        for name in names:
            del self._methods[name][path]
            self._listed.pop(name, None)
        for key in before:
            del self._subclasses[key][path]
            self._listed.pop(key, None)
        if path not in self._evaluator.symbols:
            return set(before)
        self._evaluator.begin(path)
        methods: dict[str, list[Symbol]] = {}
        after: dict[Key, list[Symbol]] = {}
        for symbol in self._evaluator.symbols[path]:
            if symbol.is_class:
                for ancestor in self._evaluator.ancestors(symbol):
                    after.setdefault(subclasses_key(ancestor.path, ancestor.local), []).append(symbol)
            elif symbol.parent is not None and symbol.parent.definition.kind == "class":
                methods.setdefault(symbol.definition.name, []).append(symbol)
        for name, symbols in methods.items():
            self._methods.setdefault(name, {})[path] = symbols
            self._listed.pop(name, None)
        for key, symbols in after.items():
            self._subclasses.setdefault(key, {})[path] = symbols
            self._listed.pop(key, None)
        self._entries[path] = (set(methods), after)
        return {key for key in before.keys() | after.keys() if _named(before, key) != _named(after, key)}


def _in_order(by_path: dict[str, list[Symbol]]) -> list[Symbol]:
    return [symbol for path in sorted(by_path) for symbol in by_path[path]]


def _named(entries: dict[Key, list[Symbol]], key: Key) -> list[str]:
    return [symbol.local for symbol in entries.get(key, ())]
