"""Capabilities: what a target can do, and what a task requires. Pure words used by routing, the registry and agents.

A capability has a name, a version and parameters; a requirement names a capability, a minimum version and the
parameter values it needs. ``"grep"``, ``"grep>=2.1"`` and the mapping form are all accepted from users.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core.errors import InvalidInput

_NAME = re.compile(r"^[a-z0-9][a-z0-9_.:/-]{0,99}$")
_SHORT = re.compile(r"^(?P<name>[^>=@\s]+)\s*(?:>=|@)?\s*(?P<version>[0-9][0-9.]{0,30})?$")


def version_key(version: str) -> tuple[int, ...]:
    """A sortable form of a dotted version; trailing zeros do not matter, nor does a part that is no plain number."""
    # isdigit() would let "²" through, and Python refuses to read numbers of thousands of digits.
    parts = [int(part) for part in version.split(".") if part.isdecimal() and len(part) <= 18]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a target offers. ``parameters`` maps a name to the values it supports (a list) or the one value it has."""

    name: str
    version: str = "1"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a task needs: a capability, at least a version, with these parameter values."""

    name: str
    min_version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The stored and shown form."""
        return {"name": self.name, "min_version": self.min_version, "parameters": dict(self.parameters)}


def misfit(requirement: Requirement, offered: Iterable[Capability]) -> str | None:
    """Why none of the offered capabilities meets the requirement, or None when one does."""
    named = [capability for capability in offered if capability.name == requirement.name]
    if not named:
        return f"lacks capability {requirement.name}"
    recent = [c for c in named if version_key(c.version) >= version_key(requirement.min_version or "0")]
    if not recent:
        best = max((c.version for c in named), key=version_key)
        return f"has {requirement.name} {best}, needs at least {requirement.min_version}"
    problems = [problem for c in recent if (problem := _parameter_misfit(requirement, c))]
    return problems[0] if len(problems) == len(recent) else None


def _parameter_misfit(requirement: Requirement, capability: Capability) -> str | None:
    for name, wanted in requirement.parameters.items():
        offered = capability.parameters.get(name)
        values = offered if isinstance(offered, list | tuple) else [offered]
        if wanted not in values:
            return f"{requirement.name} does not offer {name}={wanted}"
    return None


def parse_requirement(raw: str | Mapping[str, Any], where: str = "required_capabilities") -> Requirement:
    """A requirement from ``"name"``, ``"name>=1.2"`` or ``{"name", "min_version", "parameters"}``."""
    name, version, parameters = _split(raw, where, "min_version")
    return Requirement(name, version, parameters)


def parse_capability(raw: str | Mapping[str, Any], where: str = "capabilities") -> Capability:
    """A capability from ``"name"``, ``"name@1.2"`` or ``{"name", "version", "parameters"}``."""
    name, version, parameters = _split(raw, where, "version")
    return Capability(name, version or "1", parameters)


def _split(raw: str | Mapping[str, Any], where: str, version_field: str) -> tuple[str, str, Mapping[str, Any]]:
    if isinstance(raw, str):
        match = _SHORT.match(raw.strip().lower())
        if not match or not _NAME.match(match["name"]):
            raise InvalidInput(f"{where}: {raw[:60]!r} is not a capability name", field=where)
        return match["name"], match["version"] or "", {}
    name = str(raw.get("name", "")).strip().lower()
    if not _NAME.match(name):
        raise InvalidInput(f"{where}.name: {name[:60]!r} is not a capability name", field=f"{where}.name")
    return name, str(raw.get(version_field) or ""), dict(raw.get("parameters") or {})
