"""Links of small JavaScript and TypeScript trees, by name, without building a graph."""

from collections.abc import Mapping
from textwrap import dedent

from orchestrator.kg.facts import FileFacts, FileLinks, NotExtractedError, SymbolRef, local_names
from orchestrator.kg.indexing.languages import language_of
from orchestrator.kg.javascript.links import Linker, module_name

Pairs = set[tuple[str, str]]


def facts_of(files: Mapping[str, str]) -> dict[str, FileFacts]:
    found: dict[str, FileFacts] = {}
    for path, text in files.items():
        language = language_of(path, b"")
        assert language is not None, path
        try:
            found[path] = language.extract(dedent(text).encode())
        except NotExtractedError:
            continue
    return found


class Tree:
    """A linked tree; answers in dotted names."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.facts = facts_of(files)
        linker = Linker(self.facts, set(files))
        self.links: dict[str, FileLinks] = {path: linker.link(path) for path in self.facts}

    def name(self, path: str, at: int) -> str:
        local = local_names(self.facts[path])[at]
        return ".".join(filter(None, (module_name(path), local)))

    def target(self, ref: SymbolRef) -> str:
        return self.name(ref.path, ref.at) if ref.path else ref.external

    def edges(self, certainty: str = "calls", rule: str = "") -> Pairs:
        return {
            (self.name(path, edge.scope), self.target(target))
            for path, links in self.links.items()
            for edge in links.edges
            if edge.certainty == certainty and (not rule or edge.rule == rule)
            for target in edge.targets
        }

    def pairs(self, kind: str) -> Pairs:
        return {
            (self.name(path, at), self.target(ref))
            for path, links in self.links.items()
            for at, ref in getattr(links, kind)
        }

    def unresolved(self, path: str) -> set[str]:
        return {name for _, name in self.links[path].unresolved}

    def tests(self) -> set[str]:
        return {self.name(path, at) for path, links in self.links.items() for at in links.tests}


def calls(source: str, suffix: str = ".js", **more: str) -> Pairs:
    """Certain calls of a file ``m`` with neighbours of the same suffix."""
    return Tree({f"m{suffix}": source} | {f"{name}{suffix}": text for name, text in more.items()}).edges()


def inside(found: Pairs) -> Pairs:
    """Without what lies outside of the tree."""
    return {pair for pair in found if pair[1] == "m" or pair[1].startswith("m.")}
