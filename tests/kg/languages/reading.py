"""Reads a tree of sources as the build does, and says what was linked in words a test can compare."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.kg.facts import Definition, FileFacts, FileLinks, SymbolRef, local_names
from orchestrator.kg.indexing.families import Families
from orchestrator.kg.indexing.languages import language_of


@dataclass
class Reading:
    facts: dict[str, FileFacts]
    links: dict[str, FileLinks]

    def name(self, path: str, index: int) -> str:
        return f"{path}#{local_names(self.facts[path])[index]}".removesuffix("#")

    def target(self, ref: SymbolRef) -> str:
        return self.name(ref.path, ref.at) if ref.path else f"external {ref.external}"

    def definition(self, name: str) -> Definition:
        path, _, local = name.partition("#")
        return self.facts[path].definitions[local_names(self.facts[path]).index(local)]

    def kinds(self, path: str) -> dict[str, str]:
        return dict(
            zip(local_names(self.facts[path])[1:], (one.kind for one in self.facts[path].definitions[1:]), strict=True)
        )

    def public(self, path: str) -> set[str]:
        names = local_names(self.facts[path])
        return {
            name for name, one in zip(names, self.facts[path].definitions, strict=True) if one.visibility == "public"
        }

    def calls(self, caller: str, certainty: str = "calls") -> set[str]:
        path = caller.partition("#")[0]
        return {
            self.target(target)
            for edge in self.links[path].edges
            if edge.certainty == certainty and self.name(path, edge.scope) == caller
            for target in edge.targets
        }

    def may_call(self, caller: str) -> set[str]:
        return self.calls(caller, "mayCall")

    def rules(self, caller: str) -> dict[str, str]:
        path = caller.partition("#")[0]
        edges = (edge for edge in self.links[path].edges if self.name(path, edge.scope) == caller)
        return {edge.name: edge.rule for edge in edges if edge.certainty == "calls"}

    def unresolved(self, caller: str) -> set[str]:
        path = caller.partition("#")[0]
        return {name for index, name in self.links[path].unresolved if self.name(path, index) == caller}

    def pairs(self, what: str) -> set[tuple[str, str]]:
        return {
            (self.name(path, index), self.target(ref))
            for path, links in self.links.items()
            for index, ref in getattr(links, what)
        }

    def tests(self) -> set[str]:
        return {self.name(path, index) for path, links in self.links.items() for index in links.tests}

    def told(self, path: str) -> tuple[object, ...]:
        """A file's links by names: numbers of definitions may shift where nothing else changes."""
        links = self.links[path]
        pairs = ("imports", "extends", "overrides", "decorated", "members")
        return (
            [
                (
                    self.name(path, one.scope),
                    one.certainty,
                    one.rule,
                    one.line,
                    one.name,
                    list(map(self.target, one.targets)),
                )
                for one in links.edges
            ],
            [[(self.name(path, at), self.target(ref)) for at, ref in getattr(links, what)] for what in pairs],
            [(self.name(path, at), name) for at, name in links.unresolved],
            [(self.name(path, at), count) for at, count in links.unresolved_sites],
            sorted(self.name(path, at) for at in links.tests),
            (links.module_name, links.prefix, links.dependencies),
        )


def read(tree: Mapping[str, str | bytes]) -> Reading:
    facts: dict[str, FileFacts] = {}
    languages: dict[str, str] = {}
    for path, content in tree.items():
        data = content.encode() if isinstance(content, str) else content
        language = language_of(path, data)
        assert language is not None, path
        text, skipped = language.text(path, data)
        assert text is not None, skipped
        languages[path] = language.name
        facts[path] = language.extract(text)
    families = Families(facts, languages, list(tree))
    return Reading(facts, {path: families.link(path) for path in facts})
