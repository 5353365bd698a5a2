"""Facts and links of manifests, in the form all files have theirs. Used by the readers of manifests and by linkers.

A manifest has no definitions; what it declares is kept for its linker as text. Parses no manifest.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import orjson

from orchestrator.kg.dependencies.reading import BadManifestError
from orchestrator.kg.facts import Dependency, FileFacts, FileLinks

_MAX = 20_000


def manifest_facts(
    lines: int, dependencies: Iterable[Dependency], project: str = "", more: Mapping[str, Any] | None = None
) -> FileFacts:
    """The facts of a manifest; ``project`` is the name it gives to what is built, ``more`` what a linker needs besides.

    At most 20,000 dependencies. Raises BadManifestError where ``more`` is nested too deeply to be kept.
    """
    unique = sorted(dict.fromkeys(dependencies))[:_MAX]
    kept = {**(more or {}), "project": project, "dependencies": [tuple(one) for one in unique]}
    try:
        program = orjson.dumps(kept).decode()
    except orjson.JSONEncodeError as error:
        raise BadManifestError("nested too deeply") from error
    return FileFacts(lines, (), (), (), (), (), (), None, (), program)


def dependencies_of(facts: FileFacts) -> FileLinks:
    """What a manifest adds to the graph."""
    kept = orjson.loads(facts.program)
    dependencies = tuple(Dependency(*one) for one in kept["dependencies"])
    return FileLinks("", (), (), (), (), (), (), (), (), frozenset(), dependencies=dependencies)


class ManifestLinker:
    """Links of manifests that no language needs for its own; see ``indexing.languages``."""

    def __init__(self, facts: Mapping[str, FileFacts], everything: Collection[str]) -> None:
        self._facts = facts

    def link(self, path: str) -> FileLinks:
        """What one manifest declares."""
        return dependencies_of(self._facts[path])
