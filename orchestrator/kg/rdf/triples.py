"""Facts and links as triples, by file: the same text for the same input. ``graphs`` puts them into named graphs.

Used by the build and by updates. An edge belongs to the file it starts in; IRIs are made of path and qualified name, so
an edit of one file leaves the IRIs of everything else, and the edges that point to them, as they are.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from orchestrator.core.errors import InvalidInput
from orchestrator.kg.facts import Definition, Edge, FileFacts, FileLinks, Skipped, SourceFile, SymbolRef, local_names
from orchestrator.kg.rdf.dependencies import dependency_triples
from orchestrator.kg.rdf.terms import iri, literal, path_part
from orchestrator.kg.rdf.vocabulary import CODE, DCT, PROV, RDF, RDFS, RULES, SCHEMA, TERMS, XSD

_COMMIT = re.compile(r"[0-9a-f]{40}")
_TYPE, _LABEL, _COMMENT = f"<{RDF}type>", f"<{RDFS}label>", f"<{RDFS}comment>"


# Terms of our own, looked up and not put together anew for each of a million triples.
_c = {name: f"<{CODE}{name}>" for name in TERMS}.__getitem__


@lru_cache(maxsize=10_000)
def _number(value: int) -> str:
    return f'"{value}"^^<{XSD}integer>'


class TripleWriter:
    """Writes the graphs of one project. ``project_iri`` is the base of every IRI it makes."""

    def __init__(self, project_iri: str, facts: Mapping[str, FileFacts]) -> None:
        base = project_iri.rstrip("/#")
        if "#" in base or "?" in base:
            raise InvalidInput("a project IRI has no fragment or query", field="project_iri")
        iri(base)
        self._base = base
        self._facts = facts
        self._names: dict[str, list[str]] = {}

    def forget(self, path: str) -> None:
        """The facts of a file are about to be others."""
        self._names.pop(path, None)

    def file(self, file: SourceFile, facts: FileFacts | None, links: FileLinks | None) -> Iterator[str]:
        """The triples of one file, as text without the graph and the full stop."""
        yield from self._file(file, facts)
        if facts is not None and links is not None:
            yield from self._definitions(file, facts, links)
            yield from self._config(file.path, facts)
            yield from self._links(file, links)
            yield from dependency_triples(self._base, file.path, links.dependencies)

    def index(
        self, commit: str, files: Sequence[SourceFile], skipped: Sequence[Skipped], ended_at: str
    ) -> Iterator[str]:
        """The triples about the repository and this run."""
        repository, run = f"<{self._base}>", f"<{self._base}/index-run>"
        yield f"{repository} {_TYPE} {_c('Repository')}"
        yield f"{repository} {_TYPE} <{SCHEMA}SoftwareSourceCode>"
        languages: set[str] = set()
        for source in files:
            if source.language not in languages and self._is_program(source):
                languages.add(source.language)
        for language in sorted(languages):
            yield f"{repository} <{SCHEMA}programmingLanguage> {literal(language)}"
        yield f"{run} {_TYPE} {_c('IndexRun')}"
        yield f"{run} {_TYPE} <{PROV}Activity>"
        yield f"{run} <{PROV}used> {repository}"
        yield f"{run} {_c('commit')} {literal(commit)}"
        if _COMMIT.fullmatch(commit):
            yield f"{run} <{PROV}used> <{self._base}/commit/{commit}>"
        yield f'{run} <{PROV}endedAtTime> "{ended_at}"^^<{XSD}dateTime>'
        for name, confidence in RULES.items():
            rule = _c(f"rule-{name}")
            yield f"{rule} {_TYPE} {_c('ResolutionRule')}"
            yield f'{rule} {_c("confidence")} "{confidence}"^^<{XSD}decimal>'
        for one in sorted(skipped, key=lambda one: (one.path, one.reason)):
            file = f"<{self._base}/file/{path_part(one.path)}>"
            reason = f"{one.reason}: {one.detail}" if one.detail else one.reason
            yield f"{file} {_c('skippedBecause')} {literal(reason)}"

    def external_names(self, links: FileLinks) -> set[str]:
        """Names outside the tree that a file's links point to."""
        refs = [target for edge in links.edges for target in edge.targets]
        for pairs in (links.imports, links.extends, links.decorated):
            refs += [ref for _, ref in pairs]
        return {ref.external for ref in refs if ref.external}

    def external(self, name: str) -> Iterator[str]:
        """The triples of one thing outside the tree."""
        node = self._external(name)
        yield f"{node} {_TYPE} {_c('External')}"
        yield f"{node} {_LABEL} {literal(name.rpartition('.')[2])}"
        yield f"{node} {_c('qualifiedName')} {literal(name)}"

    def _file(self, file: SourceFile, facts: FileFacts | None) -> Iterator[str]:
        node = f"<{self._base}/file/{path_part(file.path)}>"
        yield f"{node} {_TYPE} {_c('SourceFile')}"
        yield f"{node} {_c('path')} {literal(file.path)}"
        yield f"{node} {_LABEL} {literal(file.path.rpartition('/')[2])}"
        yield f"{node} {_c('contentHash')} {literal(file.blob)}"
        yield f"{node} <{DCT}identifier> {literal('swh:1:cnt:' + file.blob)}"
        yield f"{node} {_c('byteSize')} {_number(file.size)}"
        yield f"{node} <{DCT}isPartOf> <{self._base}>"
        if self._is_program(file):
            yield f"{node} <{SCHEMA}programmingLanguage> {literal(file.language)}"
        if facts is not None:
            yield f"{node} {_c('lines')} {_number(facts.lines)}"
            for line in facts.problems:
                yield f"{node} {_c('problemLine')} {_number(line)}"

    def _is_program(self, file: SourceFile) -> bool:
        """Whether a file is in a programming language: manifests have facts, and define nothing."""
        facts = self._facts.get(file.path)
        return bool(file.language) and (facts is None or bool(facts.definitions))

    def _definitions(self, file: SourceFile, facts: FileFacts, links: FileLinks) -> Iterator[str]:
        file_node = f"<{self._base}/file/{path_part(file.path)}>"
        qualified = _qualified_names(facts, links)
        members = dict(links.members)
        internal = _internal(facts, qualified)
        unresolved = dict(links.unresolved_sites)
        for index, definition in enumerate(facts.definitions):
            node = self._symbols(file.path)[index]
            kind = "Method" if index in members else _kind(facts, definition)
            yield f"{node} {_TYPE} {_c(kind)}"
            if index in links.tests:
                yield f"{node} {_TYPE} {_c('TestCase')}"
            yield f"{node} {_LABEL} {literal(definition.name or _last(links.module_name) or file.path)}"
            yield f"{node} {_c('qualifiedName')} {literal(qualified[index])}"
            yield f"{node} {_c('definedIn')} {file_node}"
            yield f"{node} {_c('startLine')} {_number(definition.start_line)}"
            yield f"{node} {_c('endLine')} {_number(definition.end_line)}"
            yield f"{node} {_c('visibility')} {_c('internal' if internal[index] else 'public')}"
            if definition.parent >= 0:
                parent = members.get(index, SymbolRef(file.path, definition.parent))
                yield f"{node} {_c('memberOf')} {self._target(parent)}"
            if definition.signature:
                yield f"{node} {_c('signature')} {literal(definition.signature)}"
            if definition.doc:
                yield f"{node} {_COMMENT} {literal(definition.doc)}"
            if index in unresolved:
                yield f"{node} {_c('unresolvedCalls')} {_number(unresolved[index])}"

    def _config(self, path: str, facts: FileFacts) -> Iterator[str]:
        for key, origin in dict.fromkeys((read.key, read.origin) for read in facts.config):
            node = f"<{self._base}/config/{origin}/{path_part(key)}>"
            yield f"{node} {_TYPE} {_c('ConfigKey')}"
            yield f"{node} {_LABEL} {literal(key)}"
            yield f"{node} {_c('configSource')} {literal(origin)}"
        for scope, key, origin in dict.fromkeys((read.scope, read.key, read.origin) for read in facts.config):
            yield f"{self._symbols(path)[scope]} {_c('readsConfig')} <{self._base}/config/{origin}/{path_part(key)}>"

    def _links(self, file: SourceFile, links: FileLinks) -> Iterator[str]:
        path = file.path
        for index, name in links.unresolved:
            yield f"{self._symbols(path)[index]} {_c('unresolvedName')} {literal(name)}"
        for predicate, pairs in (
            ("imports", links.imports),
            ("extends", links.extends),
            ("overrides", links.overrides),
            ("decoratedBy", links.decorated),
            ("references", links.references),
        ):
            for index, ref in pairs:
                yield f"{self._symbols(path)[index]} {_c(predicate)} {self._target(ref)}"
        yield from self._calls(path, links.edges)

    def _calls(self, path: str, edges: Sequence[Edge]) -> list[str]:
        """Each call once as an edge, and as call sites: one for all lines that reach the same by the same rule.

        Half of all triples are made here: a list takes them faster than a generator hands them on.
        """
        symbols, target_of, found = self._symbols(path), self._target, list[str]()
        seen: set[tuple[int, str, SymbolRef]] = set()
        for edge in edges:
            scope, certainty = edge.scope, edge.certainty
            for target in edge.targets:
                if (scope, certainty, target) not in seen:
                    seen.add((scope, certainty, target))
                    found.append(f"{symbols[scope]} {_c(certainty)} {target_of(target)}")
            made = edge.made
            if made is not None and (scope, "instantiates", made) not in seen:
                seen.add((scope, "instantiates", made))
                found.append(f"{symbols[scope]} {_c('instantiates')} {target_of(made)}")
        ordinals: dict[tuple[int, str, str], int] = {}
        for edge, lines in _sites(edges):
            key = (edge.scope, edge.certainty, edge.name)
            ordinals[key] = ordinals.get(key, 0) + 1
            self._site(symbols[edge.scope], edge, lines, ordinals[key], found)
        return found

    def _site(self, caller: str, edge: Edge, lines: Iterable[int], ordinal: int, found: list[str]) -> None:
        certainty, target_of = edge.certainty, self._target
        site = f"{caller[:-1]};{certainty};{path_part(edge.name)};{ordinal}>"
        found += (f"{site} {_TYPE} {_c('CallSite')}", f"{site} {_c('caller')} {caller}")
        for line in lines:
            found.append(f"{site} {_c('startLine')} {_number(line)}")
        found.append(f"{site} {_c('resolution')} {_c('rule-' + edge.rule)}")
        if edge.made is not None:
            found.append(f"{site} {_c('instantiates')} {target_of(edge.made)}")
        predicate = _c("callee" if certainty == "calls" else "candidate")
        for target in edge.targets:
            found.append(f"{site} {predicate} {target_of(target)}")

    def _target(self, ref: SymbolRef) -> str:
        return self._symbols(ref.path)[ref.at] if ref.path else self._external(ref.external)

    def _external(self, name: str) -> str:
        return f"<{self._base}/external/{path_part(name)}>"

    def _symbols(self, path: str) -> list[str]:
        """The definitions of a file, by index."""
        names = self._names.get(path)
        if names is None:
            prefix = f"<{self._base}/symbol/{path_part(path)}"
            names = self._names[path] = [
                f"{prefix}#{path_part(name)}>" if name else f"{prefix}>" for name in local_names(self._facts[path])
            ]
        return names


def _sites(edges: Sequence[Edge]) -> Iterable[tuple[Edge, dict[int, None]]]:
    """The first of the calls of one scope that reach the same by the same rule, with the lines of all of them."""
    sites: dict[tuple[object, ...], tuple[Edge, dict[int, None]]] = {}
    for edge in edges:
        key = (edge.scope, edge.certainty, edge.rule, edge.targets, edge.made)
        known = sites.get(key)
        if known is None:
            sites[key] = edge, {edge.line: None}
        else:
            known[1][edge.line] = None
    return sites.values()


def _qualified_names(facts: FileFacts, links: FileLinks) -> list[str]:
    """Dotted names as people write them; definitions of the same name share one."""
    names: list[str] = []
    prefix = links.module_name if links.prefix is None else links.prefix
    for definition in facts.definitions:
        parent = names[definition.parent] if definition.parent > 0 else prefix
        names.append(".".join(filter(None, (parent, definition.owner, definition.name))))
    return [links.module_name, *names[1:]] if names else []


def _last(module: str) -> str:
    """The last part of a module's name."""
    return re.split(r"[./]", module)[-1]


def _kind(facts: FileFacts, definition: Definition) -> str:
    if definition.kind != "function":
        return definition.kind.capitalize()
    return "Method" if facts.definitions[definition.parent].kind == "class" else "Function"


def _internal(facts: FileFacts, qualified: Sequence[str]) -> list[bool]:
    """For each definition whether it is internal, as it says itself or by its name, or inside something that is."""
    found: list[bool] = []
    for definition, name in zip(facts.definitions, qualified, strict=True):
        own = definition.visibility == "internal" or (not definition.visibility and _is_internal(name))
        found.append(own or (definition.parent >= 0 and found[definition.parent]))
    return found


def _is_internal(qualified: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in qualified.split("."))
