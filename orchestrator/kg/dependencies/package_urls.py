"""Dependencies with their package URL. Used by the readers of manifests."""

import re

from packageurl import PackageURL

from orchestrator.kg.facts import Dependency

_MAX_NAME = 214
_MAX_TEXT = 300


def dependency(
    ecosystem: str, name: str, *, constraint: str = "", locked: str = "", scope: str = "runtime"
) -> list[Dependency]:
    """One dependency, or none where the name can be nobody's. The package URL has a version where one is locked."""
    name, locked = name.strip(), locked.strip()
    if not name or len(name) > _MAX_NAME or re.search(r"[\s\x00-\x1f\"<>]", name) or len(locked) > _MAX_TEXT:
        return []
    group, last = _split(ecosystem, name)
    try:
        url = PackageURL(ecosystem, group or None, last, locked or None).to_string()
    except ValueError:
        return []
    return [Dependency(ecosystem, name, " ".join(constraint.split())[:_MAX_TEXT], locked, scope, url)]


def _split(ecosystem: str, name: str) -> tuple[str, str]:
    """The namespace and the name of a package URL: Maven has groups, npm scopes, Go and Composer paths."""
    group, _, last = name.rpartition(":" if ecosystem == "maven" else "/")
    return group, last
