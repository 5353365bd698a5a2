"""The ``${NAME}`` of MCP configuration files: finding them, filling them, and asking for what has no value.

Used by the readers of ``mcp.json`` and ``server.json``. Values come from the mapping the caller gives and from nothing
else: a document must not reach for the environment of this service.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core.errors import InvalidInput

# Claude: ${NAME} and ${NAME:-default}; Cursor: ${env:NAME}; VS Code: ${env:NAME} and ${input:id}.
_PLACEHOLDER = re.compile(r"\$\{(?:(env|input):)?([A-Za-z_][A-Za-z0-9_.-]*|/)(?::-([^}]*))?\}")
_KNOWN = {"pathSeparator": "/", "/": "/"}


@dataclass(slots=True)
class Inputs:
    """Values for one document; remembers what it was asked for in vain."""

    values: Mapping[str, str]
    described: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the document says of its inputs, by id: description, default, whether it is secret."""
    missing: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fill(self, text: str, place: str, *, sealed: bool = True) -> str:
        """The text with its placeholders filled; one without a value is noted and stays.

        ``sealed``: it is kept encrypted, so that it may hold a password.
        """

        def one(found: re.Match[str]) -> str:
            kind, name, default = found.groups()
            told = self.described.get(name, {}) if kind == "input" else {}
            if told.get("password") and not sealed:
                message = f"{place}: {name} is a secret, and this is not kept encrypted: use env or headers"
                raise InvalidInput(message, field=place)
            usual, options = told.get("default"), _options(told)
            if options and (given := self.values.get(name)) is not None and given not in options:
                message = f"{place}: {name} is one of {', '.join(options)}"
                raise InvalidInput(message, field=f"variables.{name}")
            for value in (self.values.get(name), default, usual if isinstance(usual, str) else None, _KNOWN.get(name)):
                if value is not None:
                    return str(value)
            self.ask(
                name, place, description=told.get("description"), secret=bool(told.get("password")), choices=options
            )
            return found[0]

        return _PLACEHOLDER.sub(one, text)

    def ask(self, name: str, place: str, **told: Any) -> None:
        """Note that a value is needed."""
        self.missing.setdefault(name, {"name": name, "field": place} | {k: v for k, v in told.items() if v})

    def require_all(self) -> None:
        """InvalidInput that names every value that is needed, its ``field`` being the place of the first."""
        if not self.missing:
            return
        names = ", ".join(sorted(self.missing)[:50])
        first = next(iter(self.missing.values()))
        raise InvalidInput(
            f"{first['field']}: values are needed for: {names}",
            field=first["field"],
            hint="Give them as variables: {name: value}.",
            details={"inputs": list(self.missing.values())[:200]},
        )


def _options(told: Mapping[str, Any]) -> list[str]:
    """What one of VS Code's inputs may be picked from; empty: anything."""
    options = told.get("options") if told.get("type") == "pickString" else None
    if not isinstance(options, list):
        return []
    return [str(one.get("value", one.get("label"))) if isinstance(one, Mapping) else str(one) for one in options]
