"""Manifests and lock files of JavaScript: package.json, and those of npm, Yarn and pnpm."""

import re
from collections.abc import Iterator

from orchestrator.kg.dependencies.facts import manifest_facts
from orchestrator.kg.dependencies.package_urls import dependency
from orchestrator.kg.dependencies.reading import json, lines, string, table, yaml_document
from orchestrator.kg.facts import Dependency, FileFacts

_SECTIONS = {
    "dependencies": "runtime",
    "devDependencies": "dev",
    "peerDependencies": "peer",
    "optionalDependencies": "optional",
}
_MODULE_FIELDS = ("name", "main", "module", "source", "types", "exports", "imports")
_YARN_ENTRY = re.compile(r'^"?((?:@[^/@"\s]+/)?[^@"\s]+)@', re.MULTILINE)
_YARN_VERSION = re.compile(r'^\s{2}version:? "?([^"\s]+)"?$', re.MULTILINE)
_PNPM_KEY = re.compile(r"/?((?:@[^/@]+/)?[^/@()]+)[@/]([^()@_/]+)")


def package_json(source: bytes) -> FileFacts:
    """What a package asks for; and what it says of its modules, for the linker of JavaScript."""
    document, found = json(source), list[Dependency]()
    for section, scope in _SECTIONS.items():
        for name, constraint in table(document.get(section)).items():
            found += dependency("npm", name, constraint=string(constraint), scope=scope)
    modules = {name: document[name] for name in _MODULE_FIELDS if name in document}
    return manifest_facts(lines(source), found, string(document.get("name")), modules)


def package_lock(source: bytes) -> FileFacts:
    """package-lock.json of any version."""
    document = json(source)
    packages = table(document.get("packages"))
    found = list(_installed(packages) if packages else _nested(document))
    return manifest_facts(lines(source), found)


def _installed(packages: object) -> Iterator[Dependency]:
    for path, value in table(packages).items():
        held, name = table(value), path.rpartition("node_modules/")[2]
        if "node_modules/" in path and not held.get("link"):
            name = string(held.get("name")) or name
            yield from dependency("npm", name, locked=string(held.get("version")), scope=_scope(held))


def _nested(document: object) -> Iterator[Dependency]:
    """Version 1, where packages stand inside of each other; as deep as JSON may be."""
    waiting = [document]
    while waiting:
        for name, value in table(table(waiting.pop()).get("dependencies")).items():
            held = table(value)
            yield from dependency("npm", name, locked=string(held.get("version")), scope=_scope(held))
            waiting.append(held)


def _scope(held: object) -> str:
    value = table(held)
    return next((word for word in ("dev", "optional", "peer") if value.get(word) is True), "runtime")


def yarn_lock(source: bytes) -> FileFacts:
    """yarn.lock of any version: blocks that start with what was asked for and hold a version."""
    found: list[Dependency] = []
    for block in re.split(r"\n\s*\n", source.decode()):
        entry, version = _YARN_ENTRY.search(block), _YARN_VERSION.search(block)
        if entry is not None and version is not None and "@workspace:" not in block:
            found += dependency("npm", entry[1], locked=version[1], scope="")
    return manifest_facts(lines(source), found)


def pnpm_lock(source: bytes) -> FileFacts:
    """pnpm-lock.yaml: packages by a key of name and version."""
    found: list[Dependency] = []
    for key, value in table(yaml_document(source).get("packages")).items():
        match = _PNPM_KEY.match(string(key))
        if match is not None:
            found += dependency(
                "npm", match[1], locked=match[2], scope="dev" if table(value).get("dev") == "true" else ""
            )
    return manifest_facts(lines(source), found)
