"""Keeps extracted facts by content id between builds, so that unchanged files are not parsed again.

A cache only: one that is missing, of another version or damaged counts as empty, and everything is parsed anew.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from orchestrator.kg.facts import AttributeBinding, Binding, Call, Definition, FileFacts, ImportFact, Reference

# Raise it whenever extraction or the shape of facts changes.
_VERSION = 2


def save_facts(path: Path, facts: Mapping[str, FileFacts]) -> None:
    """Write facts by blob id."""
    entries = {blob: _plain(one) for blob, one in facts.items()}
    path.write_bytes(orjson.dumps({"version": _VERSION, "facts": entries}, default=tuple))


def load_facts(path: Path) -> dict[str, FileFacts]:
    """Facts by blob id; empty where there are none to trust."""
    try:
        stored = orjson.loads(path.read_bytes())
        if stored["version"] != _VERSION:
            return {}
        return {blob: _facts(one) for blob, one in stored["facts"].items()}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return {}


def _plain(facts: FileFacts) -> list[Any]:
    return [
        facts.lines,
        [tuple(one) for one in facts.definitions],
        [tuple(one) for one in facts.bindings],
        [tuple(one) for one in facts.attributes],
        [tuple(one) for one in facts.calls],
        [tuple(one) for one in facts.references],
        [tuple(one) for one in facts.imports],
        facts.exports,
        facts.problems,
        facts.program,
    ]


def _facts(stored: list[Any]) -> FileFacts:
    lines, definitions, bindings, attributes, calls, references, imports, exports, problems, program = stored
    return FileFacts(
        lines=lines,
        definitions=tuple(_definition(one) for one in definitions),
        bindings=tuple(Binding(*one) for one in bindings),
        attributes=tuple(AttributeBinding(*one) for one in attributes),
        calls=tuple(Call(*one) for one in calls),
        references=tuple(Reference(*one) for one in references),
        imports=tuple(ImportFact(*one) for one in imports),
        exports=None if exports is None else tuple(exports),
        problems=tuple(problems),
        program=program,
    )


def _definition(stored: list[Any]) -> Definition:
    """JSON has no tuples: they are made again, because definitions are compared and shared."""
    return Definition._make(tuple(value) if isinstance(value, list) else value for value in stored)
