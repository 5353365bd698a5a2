"""Manifests of Rust: Cargo.toml and Cargo.lock."""

from collections.abc import Iterator

from orchestrator.kg.dependencies.facts import manifest_facts
from orchestrator.kg.dependencies.package_urls import dependency
from orchestrator.kg.dependencies.reading import lines, rows, string, table, toml
from orchestrator.kg.facts import Dependency, FileFacts

_SECTIONS = {"dependencies": "runtime", "dev-dependencies": "dev", "build-dependencies": "build"}


def cargo_toml(source: bytes) -> FileFacts:
    """A package or a workspace; dependencies for some platforms count like others."""
    document = toml(source)
    found = list(_tables(document))
    found += _section(table(document.get("workspace")).get("dependencies"), "runtime")
    for target in table(document.get("target")).values():
        found += _tables(target)
    name = string(table(document.get("lib")).get("name")) or string(table(document.get("package")).get("name"))
    return manifest_facts(lines(source), found, name)


def _tables(document: object) -> Iterator[Dependency]:
    for section, scope in _SECTIONS.items():
        yield from _section(table(document).get(section), scope)


def _section(named: object, scope: str) -> Iterator[Dependency]:
    for name, value in table(named).items():
        held = table(value)
        kept = "optional" if held.get("optional") is True and scope == "runtime" else scope
        constraint = string(value) or string(held.get("version"))
        yield from dependency("cargo", string(held.get("package")) or name, constraint=constraint, scope=kept)


def cargo_lock(source: bytes) -> FileFacts:
    """All packages with their version; those without a source are of the workspace itself."""
    found: list[Dependency] = []
    for one in rows(toml(source).get("package")):
        package = table(one)
        if package.get("source"):
            found += dependency("cargo", string(package.get("name")), locked=string(package.get("version")), scope="")
    return manifest_facts(lines(source), found)
