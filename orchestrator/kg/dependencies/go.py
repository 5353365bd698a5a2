"""Manifests of Go: go.mod and go.sum."""

import re

from orchestrator.kg.dependencies.facts import manifest_facts
from orchestrator.kg.dependencies.package_urls import dependency
from orchestrator.kg.dependencies.reading import lines
from orchestrator.kg.facts import Dependency, FileFacts

_MODULE = re.compile(r'^module\s+"?([^\s"]+)"?', re.MULTILINE)
_BLOCK = re.compile(r"^(require|tool)\s*\((.*?)^\)|^require\s+([^(\n]+)$", re.MULTILINE | re.DOTALL)
_REQUIRED = re.compile(r"^\s*\"?([^\s\"/][^\s\"]*)\"?\s+(v[^\s]+)[^\S\n]*(//\s*indirect)?", re.MULTILINE)
_SUM = re.compile(r"^(\S+) (v\S+?) h1:", re.MULTILINE)


def go_mod(source: bytes) -> FileFacts:
    """The module's own path, and the modules it requires: versions are the least, and mostly the ones taken."""
    text, found = source.decode(), list[Dependency]()
    module = _MODULE.search(text)
    for block in _BLOCK.finditer(text):
        if block[1] == "tool":
            continue
        for name, version, indirect in _REQUIRED.findall(block[2] or block[3] or ""):
            scope = "indirect" if indirect else "runtime"
            found += dependency("golang", name, constraint=version, locked=version, scope=scope)
    return manifest_facts(lines(source), found, module[1] if module is not None else "")


def go_sum(source: bytes) -> FileFacts:
    """All modules whose content was checked; lines for a go.mod alone are left out."""
    found: list[Dependency] = []
    for name, version in _SUM.findall(source.decode()):
        if not version.endswith("/go.mod"):
            found += dependency("golang", name, locked=version, scope="")
    return manifest_facts(lines(source), found)
