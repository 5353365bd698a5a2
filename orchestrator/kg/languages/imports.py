"""Which files an import means. Used by the linker of this package."""

import re
from collections.abc import Iterator

from orchestrator.kg.facts import ImportFact, SymbolRef
from orchestrator.kg.languages.lookup import Lookup
from orchestrator.kg.languages.symbols import File, World
from orchestrator.kg.languages.values import Class, Found, Functions, Outside, Space

_WORD = re.compile(r"[^.()^?]+")
# A namespace of more files says too little about each of them.
_MAX_FILES = 50


class Imports:
    """Finds the modules that the imports of a file reach."""

    def __init__(self, world: World, lookup: Lookup) -> None:
        self._world = world
        self._lookup = lookup
        self._names: dict[str, frozenset[str]] = {}

    def of(self, file: File) -> Iterator[tuple[int, SymbolRef]]:
        """Who imports what: a definition of the file, and a module or a name outside."""
        seen: set[tuple[int, SymbolRef]] = set()
        for one in file.facts.imports:
            for ref in self._targets(file, one):
                if (one.scope, ref) not in seen and ref.path != file.path:
                    seen.add((one.scope, ref))
                    yield one.scope, ref

    def _targets(self, file: File, one: ImportFact) -> Iterator[SymbolRef]:
        find = self._world.scoping.files_of_import
        if find is not None and self._by_path(one.module):
            paths = [path for path in find(one.module, file.path, self._world) if path in self._world.files]
            yield from (SymbolRef(path, 0) for path in paths)
            if not paths:
                yield SymbolRef("", -1, one.module.strip('"<>'))
            return
        found = self._lookup.absolute(one.module, file.path, one.scope)
        yield from self._modules(found, self._mentioned(file))

    def _by_path(self, module: str) -> bool:
        """Whether an import names a file, not a namespace."""
        return self._world.scoping.included or module.startswith("./") or self._world.scoping.paths

    def _mentioned(self, file: File) -> frozenset[str]:
        """All names that the file's calls, types, values and bases mention."""
        held = self._names.get(file.path)
        if held is None:
            facts = file.facts
            written = [one.callee for one in facts.calls] + [
                one.value for one in facts.bindings if one.kind != "import"
            ]
            written += [one.value for one in facts.attributes]
            for definition in facts.definitions:
                written += [definition.returns_type, *definition.bases, *definition.decorators]
            found = (word for text in set(written) for word in _WORD.findall(text))
            held = frozenset(map(self._world.scoping.fold, found))
            self._names = {file.path: held}
        return held

    def _modules(self, found: Found, mentioned: frozenset[str]) -> Iterator[SymbolRef]:
        for value in found.values:
            if isinstance(value, Class):
                yield SymbolRef(value.type.parts[0].path, 0)
            elif isinstance(value, Functions):
                yield SymbolRef(value.symbols[0].path, 0)
            elif isinstance(value, Outside):
                yield SymbolRef("", -1, value.name)
            elif isinstance(value, Space):
                yield from self._files(value, mentioned)

    def _files(self, space: Space, mentioned: frozenset[str]) -> Iterator[SymbolRef]:
        """The files of a namespace that define what is mentioned; all of them where none seems to."""
        fold, tests = self._world.scoping.fold, self._world.scoping.test_files
        paths = self._world.namespaces.get(fold(space.name), [])
        plain = [path for path in paths if tests is None or not tests.search(path)]
        used = [path for path in plain if not mentioned.isdisjoint(self._tops(path))]
        if len(used or plain) <= _MAX_FILES:
            yield from (SymbolRef(path, 0) for path in used or plain)

    def _tops(self, path: str) -> list[str]:
        """What a file defines at its top."""
        definitions = self._world.files[path].facts.definitions
        tops = (one for one in definitions[1:] if one.parent == 0 or definitions[one.parent].kind == "module")
        return [self._world.scoping.fold(one.name) for one in tops if not one.owner]
