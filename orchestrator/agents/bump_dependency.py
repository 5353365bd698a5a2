"""The code-mod ``agent:bump-dependency``: moves a Python project's pins of one dependency to another version.

Requirements and constraints files, and the strings of ``pyproject.toml``. Only exact pins are changed; ranges are left
and listed, as are pins with hashes, which would not hold any more. It asks no registry whether the version exists.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.agents.options import Options, read_options
from orchestrator.agents.source_files import files_below, read_text, write_text
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import NotFound
from orchestrator.core.events import EventKind

_FILES = re.compile(r"(?:[\w.-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in)|pyproject\.toml)", re.IGNORECASE)
_IN_FOLDER = re.compile(r"(?:^|/)(?:requirements|constraints)/[^/]+\.(?:txt|in)$")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"[0-9A-Za-z][0-9A-Za-z.!+_-]*"
_REQUIREMENT = re.compile(
    rf"""(?P<lead>^[ \t]*|["'])(?P<name>{_NAME})(?P<extras>[ \t]*\[[^\]\n]*\])?[ \t]*"""
    rf"""(?P<op>===?|~=|!=|<=?|>=?)(?P<space>[ \t]*)(?P<version>{_VERSION}(?:\.\*)?)(?P<more>[ \t]*,[^;#"'\n]*)?""",
    re.MULTILINE,
)


class BumpDependencyInput(Options):
    """Which dependency, and the version it is to have."""

    name: str = Field(max_length=200, pattern=rf"^{_NAME}$", description="The package's name.")
    version: str = Field(max_length=100, pattern=rf"^{_VERSION}$", description="The version to pin.")


@dataclass
class _Found:
    changed: list[dict[str, Any]] = field(default_factory=list)
    left: list[dict[str, Any]] = field(default_factory=list)
    same: int = 0


class BumpDependencyAgent:
    """Moves pins."""

    info = AgentInfo(
        id="agent:bump-dependency",
        name="Bump dependency",
        kind=AgentKind.CODEMOD,
        description="Pins a Python dependency to a given version in requirements files and pyproject.toml.",
        capabilities=(Capability("dependency_bump"), Capability("file_operations")),
        task_types=frozenset({"dependency_bump"}),
        changes_code=True,
        example={"name": "httpx", "version": "0.28.1"},
    )

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        read_options(BumpDependencyInput, given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Change every exact pin; NotFound when the project does not name the dependency."""
        given = read_options(BumpDependencyInput, context.input)
        found = await asyncio.to_thread(_bump, context.require_workspace().resolve(), given)
        if not (found.changed or found.left or found.same):
            raise NotFound(f"no requirements file and no pyproject.toml names {given.name}", field="input.name")
        for one in found.left:
            context.tell(EventKind.LOG, message=f"{one['path']}:{one['line']} is left: {one['why']}", **one)
        old = ", ".join(sorted({str(one["from"]) for one in found.changed}))
        summary = f"Pinned {given.name} to {given.version} in {len(found.changed)} places (was {old})."
        if not found.changed:
            summary = f"Nothing to change: {given.name} is pinned to {given.version} already, or nowhere exactly."
        return AgentResult(summary, {"changed": found.changed, "left": found.left, "same": found.same})


def _bump(root: Path, given: BumpDependencyInput) -> _Found:
    found = _Found()
    for path in files_below(root, root):
        name = str(path.relative_to(root))
        if not (_FILES.fullmatch(path.name) or _IN_FOLDER.search(name)):
            continue
        text = read_text(path)
        changed = _changed(text, name, given, found) if text is not None else text
        if changed is not None and changed != text:
            write_text(path, changed)
    return found


def _changed(text: str, path: str, given: BumpDependencyInput, found: _Found) -> str:
    quoted_only = path.endswith(".toml")

    def replace(match: re.Match[str]) -> str:
        if _canonical(match["name"]) != _canonical(given.name) or (quoted_only and match["lead"] not in ("'", '"')):
            return match[0]
        place = {"path": path, "line": text.count("\n", 0, match.start("name")) + 1}
        if match["op"] not in ("==", "===") or match["more"] or match["version"].endswith(".*"):
            found.left.append({**place, "why": "it is a range, not a pin"})
        elif _has_hash(text, match.end()):
            found.left.append({**place, "why": "its hashes are those of the old version"})
        elif match["version"] == given.version:
            found.same += 1
        else:
            found.changed.append({**place, "from": match["version"]})
            before, after = match.start("version") - match.start(), match.end("version") - match.start()
            return match[0][:before] + given.version + match[0][after:]
        return match[0]

    return _REQUIREMENT.sub(replace, text)


def _has_hash(text: str, at: int) -> bool:
    """Whether the requirement, with the lines that go on with a backslash, names hashes."""
    while True:
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        if "--hash" in line:
            return True
        if end < 0 or not line.rstrip().endswith("\\"):
            return False
        at = end + 1


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
