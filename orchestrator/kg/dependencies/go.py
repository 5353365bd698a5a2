"""Manifests of Go: go.mod and go.sum."""

import re

from orchestrator.kg.dependencies.facts import manifest_facts
from orchestrator.kg.dependencies.package_urls import dependency
from orchestrator.kg.dependencies.reading import lines
from orchestrator.kg.facts import Dependency, FileFacts

_MODULE = re.compile(r'^module\s+"?([^\s"]+)"?', re.MULTILINE)
_REQUIRED = re.compile(r"\"?([^\s\"/][^\s\"]*)\"?\s+(v\S+)\s*(//\s*indirect)?")
_SUM = re.compile(r"^(\S+) (v\S+?) h1:", re.MULTILINE)


def go_mod(source: bytes) -> FileFacts:
    """The module's own path, and the modules it requires: versions are the least, and mostly the ones taken."""
    text, found = source.decode(), list[Dependency]()
    module = _MODULE.search(text)
    requiring = False
    for line in map(str.strip, text.splitlines()):
        words = line.partition(" ")
        if words[0] == "require" and words[2].strip() == "(":
            requiring = True
        elif line == ")":
            requiring = False
        required = _REQUIRED.match(line if requiring else words[2].strip() if words[0] == "require" else "")
        if required is not None:
            scope = "indirect" if required[3] else "runtime"
            found += dependency("golang", required[1], constraint=required[2], locked=required[2], scope=scope)
    return manifest_facts(lines(source), found, module[1] if module is not None else "")


def go_sum(source: bytes) -> FileFacts:
    """All modules whose content was checked; lines for a go.mod alone are left out."""
    found: list[Dependency] = []
    for name, version in _SUM.findall(source.decode()):
        if not version.endswith("/go.mod"):
            found += dependency("golang", name, locked=version, scope="")
    return manifest_facts(lines(source), found)
