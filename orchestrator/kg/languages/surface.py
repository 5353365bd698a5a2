"""What other files can read of a file, and which words a file reads: together they bound what an edit can matter to.

Used by the linker to take in changes. Lines, bodies, documentation and local variables are no part of a surface.
"""

import re
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

import orjson

from orchestrator.kg.facts import FileFacts, local_names

_READ = ("package", "project")
_SCOPED = ("traits", "extended")
_INDEXED = ("statics", "local")
_WORD = re.compile(r"[^.()^?/\s\"<>\\:]+")


class Surface(NamedTuple):
    """``functions`` by name and what is told of each; ``rest`` is everything else."""

    functions: frozenset[tuple[str, Hashable]]
    rest: Hashable


def surface(facts: FileFacts) -> Surface:
    """Equal for two states of a file that look the same to all others. Scopes are named, because numbers shift."""
    names = local_names(facts)
    kept = orjson.loads(facts.program or "{}")
    marked = {name: frozenset(kept.get(name, ())) for name in _INDEXED}
    functions: list[tuple[str, Hashable]] = []
    others: list[tuple[str, Hashable]] = []
    for index, one in enumerate(facts.definitions):
        told = (one.kind, names[one.parent] if one.parent > 0 else "", one.owner, one.bases, one.least_args)
        more = (one.most_args, one.returns_type, tuple(index in held for held in marked.values()), names[index])
        target = functions if one.kind == "function" else others
        target.append((one.name, (*told, *more)))
    rest = (
        tuple(others),
        tuple(_bindings(facts, names)),
        tuple((names[one.owner], names[one.scope], one.name, one.kind, one.value) for one in facts.attributes),
        tuple((names[one.scope], one.module, one.star) for one in facts.imports),
        orjson.dumps([kept.get(name) for name in _READ]),
        tuple((names[scope], *told) for name in _SCOPED for scope, *told in kept.get(name, ())),
    )
    return Surface(frozenset(functions), rest)


def _bindings(facts: FileFacts, names: list[str]) -> Iterator[Hashable]:
    kinds = [one.kind for one in facts.definitions]
    # Fields set in a method may have the value of a variable there.
    deep = any(one.kind == "value" and kinds[one.scope] == "function" for one in facts.attributes)
    for one in facts.bindings:
        if deep or kinds[one.scope] != "function" or one.kind in ("import", "from"):
            yield names[one.scope], one.name, one.kind, one.value


def mentioned(facts: FileFacts, fold: Callable[[str], str]) -> frozenset[str]:
    """All words of a file's calls, types, values, bases, imports and definitions."""
    written = {one.callee for one in facts.calls} | {one.value for one in facts.bindings}
    written |= {one.value for one in facts.attributes} | {one.module for one in facts.imports}
    for definition in facts.definitions:
        written |= {definition.returns_type, definition.owner, definition.name}
        written.update(definition.bases, definition.decorators)
    return frozenset(fold(word) for text in written for word in _WORD.findall(text))


def shared_values(facts: FileFacts, fold: Callable[[str], str]) -> frozenset[str]:
    """The words of values that other files follow without mentioning them: of fields and of variables of a module."""
    kinds = [one.kind for one in facts.definitions]
    written = {one.value for one in facts.attributes if one.kind == "value"}
    if written:
        written |= {one.value for one in facts.bindings}
    written |= {one.value for one in facts.bindings if one.kind != "import" and kinds[one.scope] != "function"}
    return frozenset(fold(word) for text in written for word in _WORD.findall(text))
