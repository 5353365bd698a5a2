"""What a manifest declares, as triples of the manifest's own file. Used by the triple writer.

A dependency is one declaration: two manifests that ask for the same package have one each, with the same package URL.
"""

from collections.abc import Iterator, Sequence

from orchestrator.kg.facts import Dependency
from orchestrator.kg.rdf.terms import literal, path_part
from orchestrator.kg.rdf.vocabulary import CODE, RDF, RDFS, SCHEMA, SPDX


def dependency_triples(base: str, path: str, dependencies: Sequence[Dependency]) -> Iterator[str]:
    """The triples of a manifest's dependencies. ``base`` is the project's IRI, without brackets."""
    file = f"<{base}/file/{path_part(path)}>"
    for one in dependencies:
        node = _node(base, path, one)
        yield f"{file} <{CODE}dependsOn> {node}"
        yield f"{node} <{RDF}type> <{CODE}Dependency>"
        yield f"{node} <{RDF}type> <{SPDX}Package>"
        yield f"{node} <{RDFS}label> {literal(one.name)}"
        yield f"{node} <{SCHEMA}name> {literal(one.name)}"
        yield f"{node} <{SPDX}packageUrl> {literal(one.package_url)}"
        yield f"{node} <{CODE}declaredIn> {file}"
        for term, value in (
            ("versionConstraint", one.constraint),
            ("lockedVersion", one.locked),
            ("dependencyScope", one.scope),
        ):
            if value:
                yield f"{node} <{CODE}{term}> {literal(value)}"


def _node(base: str, path: str, one: Dependency) -> str:
    """Stable under edits of the manifest elsewhere, and under another version of what is only asked for."""
    version = f"@{path_part(one.locked)}" if one.locked and not one.constraint else ""
    scope = f";{path_part(one.scope)}" if one.scope else ""
    return f"<{base}/dependency/{path_part(path)}#{one.ecosystem}/{path_part(one.name)}{version}{scope}>"
