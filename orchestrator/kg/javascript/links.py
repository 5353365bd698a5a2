"""Links between definitions of JavaScript and TypeScript: calls with their certainty, imports, bases, tests.

Used by the build. A site is ``calls`` for each target that some way of reaching it leaves as the only one; targets that
are one of several, methods of subclasses and methods of the same name are ``mayCall``, at most eight per site. What is
neither is counted as unresolved; calls of what the language brings are not counted.
"""

import re
from collections.abc import Collection, Hashable, Iterator, Mapping, Set

from orchestrator.kg.dependencies.facts import dependencies_of
from orchestrator.kg.facts import Call, Edge, FileFacts, FileLinks, SymbolRef
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.hierarchy import Hierarchy
from orchestrator.kg.javascript.project import Project
from orchestrator.kg.javascript.running.record import Site
from orchestrator.kg.readers import Readers

MAX_CANDIDATES = 8
_TEST_FILE = re.compile(r"(^|/)(tests?|__tests__|specs?|e2e|cypress)/|[._-](test|spec|cy|e2e)\.[cm]?[jt]sx?$")
_TEST_MODULES = frozenset(
    {"vitest", "node:test", "@jest/globals", "mocha", "bun:test", "@playwright/test", "ava", "tap"}
)
_TEST_NAME = re.compile(r"(it|test|specify|fit|xit|xtest) ")
_NO_LINKS = FileLinks("", (), (), (), (), (), (), (), (), frozenset())
_EXTENSION = re.compile(r"(\.d)?\.[cm]?[jt]sx?$")


class Linker:
    """Makes the links of every file of a tree, and knows after a change which of them to make again."""

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str]) -> None:
        self._project = Project(facts, everything)
        self._hierarchy = Hierarchy(self._project)
        self._consulted: set[Hashable] = set()

    @property
    def consulted(self) -> Set[Hashable]:
        """What the last ``link`` looked up among all files: method names, and classes whose subclasses counted."""
        return self._consulted

    def update(
        self, changed: Mapping[str, FileFacts | None], everything: Collection[str], readers: Readers
    ) -> set[str]:
        """Take new facts; returns the files whose links may differ now. See ``indexing.languages.UpdatableLinker``."""
        affected = self._project.update(changed, everything)
        return affected | readers.of(self._hierarchy.update(changed))

    def link(self, path: str) -> FileLinks:
        """The links that start in one file."""
        self._consulted = set()
        facts = self._project.facts[path]
        if not facts.definitions:
            return dependencies_of(facts) if '"dependencies":' in facts.program else _NO_LINKS
        sites = self._sites(path)
        edges: list[Edge] = []
        names: dict[tuple[int, str], None] = {}
        unresolved: dict[int, int] = {}
        for number, call in enumerate(facts.calls):
            site = sites.get(number) or Site(blank=True)
            edges += self._edges(path, call, site, number)
            if not site.certain and not site.builtin and call.callee != "super":
                names[call.scope, _last_name(call.callee)] = None
                unresolved[call.scope] = unresolved.get(call.scope, 0) + 1
        edges += self._accessors(path)
        return FileLinks(
            module_name=module_name(path),
            edges=tuple(edges),
            unresolved=tuple(names),
            unresolved_sites=tuple(unresolved.items()),
            references=tuple(self._pairs(path, "references")),
            imports=tuple(self._imports(path)),
            extends=tuple(self._pairs(path, "extends")),
            overrides=tuple(self._overrides(path)),
            decorated=tuple(self._pairs(path, "decorated")),
            tests=frozenset(_tests(path, facts)),
        )

    # Calls

    def _sites(self, path: str) -> dict[int, Site]:
        """All findings about the sites of a file, by number of the site."""
        merged: dict[int, Site] = {}
        for record in self._project.findings(path):
            for number, site in record.sites.get(path, {}).items():
                known = merged.setdefault(number, Site())
                known.certain = site.certain | known.certain
                known.possible |= site.possible
                known.virtual |= site.virtual
                known.builtin |= site.builtin
        return merged

    def _edges(self, path: str, call: Call, site: Site, number: int) -> Iterator[Edge]:
        name = _last_name(call.callee)
        for target, (rule, made) in site.certain.items():
            shown = self._rule(path, call, target, rule)
            yield Edge(call.scope, "calls", (target,), shown, call.line, name, made)
        overriding = [one for one in self._overriding(site, name) if one not in site.certain]
        possible = [one for one in site.possible if one not in site.certain and one not in overriding]
        if possible:
            yield Edge(call.scope, "mayCall", tuple(possible[:MAX_CANDIDATES]), "several", call.line, name)
        elif overriding and len(overriding) <= MAX_CANDIDATES:
            yield Edge(call.scope, "mayCall", tuple(overriding), "override", call.line, name)
        elif not site.certain and not site.builtin and "." in call.callee and not call.callee.startswith("super"):
            candidates = self._same_name(name, call.args)
            if candidates:
                yield Edge(call.scope, "mayCall", candidates, "sameName", call.line, name)

    def _rule(self, path: str, call: Call, target: SymbolRef, rule: str) -> str:
        """Why the edge is certain. A plain name is told apart by where it was declared."""
        if rule != "scope":
            return rule
        if target.external:
            return "external"
        if self._is_local(path, call):
            return "flow"
        if target.path != path:
            return "import"
        definition = self._project.facts[path].definitions[target.at]
        owner = (
            self._project.facts[path].definitions[definition.parent].name if definition.name == "constructor" else ""
        )
        return "scope" if call.callee in (definition.name, owner) else "flow"

    def _is_local(self, path: str, call: Call) -> bool:
        """Whether the called name belongs to a function around the call and is none of its declarations."""
        definitions = self._project.facts[path].definitions
        at = call.scope
        program = self._project.program(path)
        while at > 0:
            if program[at][0] == ir.FUNCTION and call.callee in program[at][3]:
                return not any(one[0] == ir.DECLARE and one[1] == call.callee for one in program[at][4])
            at = definitions[at].parent
        return False

    def _accessors(self, path: str) -> Iterator[Edge]:
        """Getters and setters that run when a property is read or written."""
        merged: dict[tuple[int, int, str], Site] = {}
        for record in self._project.findings(path):
            for key, site in record.accessors.get(path, {}).items():
                if key[1]:
                    known = merged.setdefault(key, Site())
                    known.certain |= site.certain
                    known.possible |= site.possible
        for (scope, line, name), site in merged.items():
            for target in site.certain:
                yield Edge(scope, "calls", (target,), "accessor", line, name)
            possible = tuple(target for target in site.possible if target not in site.certain)
            if possible:
                yield Edge(scope, "mayCall", possible[:MAX_CANDIDATES], "several", line, name)

    def _overriding(self, site: Site, name: str) -> list[SymbolRef]:
        found: dict[SymbolRef, None] = {}
        for of in site.virtual:
            self._consulted |= {self._hierarchy.below_key(of), ("name", name)}
            found |= dict.fromkeys(self._hierarchy.below(of, name))
        return list(found)

    def _same_name(self, name: str, arguments: int) -> tuple[SymbolRef, ...]:
        """All methods of that name that can take the arguments; none when they are too many to mean anything."""
        self._consulted.add(("name", name))
        fitting = [ref for ref, most in self._hierarchy.methods(name) if most < 0 or arguments <= most]
        return tuple(fitting) if len(fitting) <= MAX_CANDIDATES else ()

    # Everything else

    def _pairs(self, path: str, kind: str) -> list[tuple[int, SymbolRef]]:
        found: dict[tuple[int, SymbolRef], None] = {}
        for record in self._project.findings(path):
            found |= getattr(record, kind).get(path, {})
        return sorted(found)

    def _imports(self, path: str) -> Iterator[tuple[int, SymbolRef]]:
        seen: set[tuple[int, SymbolRef]] = set()
        for one in self._project.facts[path].imports:
            target = self._project.find(one.module, path)
            ref = SymbolRef(target, 0) if target is not None else SymbolRef("", -1, one.module)
            if target == path or (target is None and one.module.startswith((".", "/", "#"))) or not one.module:
                continue
            if (one.scope, ref) not in seen:
                seen.add((one.scope, ref))
                yield one.scope, ref

    def _overrides(self, path: str) -> Iterator[tuple[int, SymbolRef]]:
        definitions = self._project.facts[path].definitions
        for index, definition in enumerate(definitions):
            if definition.kind == "function" and definitions[definition.parent].kind == "class":
                self._consulted.add(("name", definition.name))
                above = self._hierarchy.above(SymbolRef(path, definition.parent), definition.name)
                if above is not None and definition.name != "constructor":
                    yield index, above


def module_name(path: str) -> str:
    """The dotted name of a module: its path without extension; an index file is its folder."""
    plain = _EXTENSION.sub("", path)
    folder, _, name = plain.rpartition("/")
    return (folder if name == "index" and folder else plain).replace("/", ".")


def _tests(path: str, facts: FileFacts) -> Iterator[int]:
    """Functions handed to ``it`` or ``test``, in files named as tests or that import a test runner."""
    if _TEST_FILE.search(path) or any(one.module in _TEST_MODULES for one in facts.imports):
        for index, definition in enumerate(facts.definitions):
            if definition.kind == "function" and _TEST_NAME.match(definition.name):
                yield index


def _last_name(callee: str) -> str:
    return callee.removesuffix("()").rpartition(".")[2].removesuffix("()")
