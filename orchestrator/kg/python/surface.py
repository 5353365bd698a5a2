"""What other files can see of a Python file, by key, without line numbers: two versions are compared by it.

Used by the linker's ``update``. A key that is missing reads as "not there", so a name that appears or goes is a change
of its key. Whatever the evaluator can read of a foreign file must be below some key here.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import Any

from orchestrator.kg.facts import Binding, Definition, FileFacts, local_names

# The path of a file, the local name of a symbol in it, and a name bound in it or one of the words below. The path is ""
# for what belongs to no file: ("", importer or "/", module name), and ("", "", entry of an index over the whole tree).
Key = tuple[str, str, str]
Surface = dict[Key, Any]

_NUMBERED = re.compile(r"([$#])(\d+)")
# Compounds are not written into one another any deeper.
_MAX_DEPTH = 8


def surface(path: str, facts: FileFacts) -> Surface:
    """The content of every key of one file."""
    names = local_names(facts)
    found: Surface = {(path, "", "*"): (facts.exports, tuple(one.module for one in facts.imports if one.star))}
    turns = turns_of(facts)
    stable = Stable(facts, names)
    for index, definition in enumerate(facts.definitions):
        if definition.kind == "class":
            place = bisect_right(turns.get(definition.parent, []), definition.start_line)
            found[path, names[index], "bases()"] = (stable.all(definition.bases), place)
        elif definition.kind == "function":
            if facts.definitions[definition.parent].kind == "class":
                entry = ("", "", f"method:{definition.name}")
                found.setdefault(entry, []).append((path, names[index], stable.header(definition)))
            found[path, names[index], "()"] = (
                stable.all(definition.returns), definition.returns_type, definition.has_yield,
                stable.all(definition.yields), stable.header(definition),
            )  # fmt: skip
    for key, content in _bindings(facts, names, turns, stable):
        found.setdefault((path, *key), []).append(content)
    for bound in facts.attributes:
        content = (names[bound.scope], bound.kind, stable.expression(bound.value))
        found.setdefault((path, names[bound.owner], f".{bound.name}"), []).append(content)
    return found


def subclasses_key(path: str, local: str) -> Key:
    """The entry of the index of subclasses for a class."""
    return ("", "", f"subclasses:{path}#{local}")


def changed_keys(before: Surface, after: Surface) -> set[Key]:
    """The keys that read differently."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def turns_of(facts: FileFacts) -> dict[int, list[int]]:
    """The lines, by scope, at which names that are bound more than once are bound: only there, order matters."""
    counts = Counter((one.scope, one.name) for one in facts.bindings)
    turns: dict[int, list[int]] = {}
    for one in facts.bindings:
        if counts[one.scope, one.name] > 1:
            turns.setdefault(one.scope, []).append(one.line)
    return {scope: sorted(lines) for scope, lines in turns.items()}


def _bindings(
    facts: FileFacts, names: list[str], turns: dict[int, list[int]], stable: "Stable"
) -> Iterator[tuple[tuple[str, str], Any]]:
    """Every binding by scope and name, with its place among the turns of the scope."""
    for one in facts.bindings:
        place = bisect_right(turns.get(one.scope, []), one.line)
        yield (names[one.scope], one.name), (one.kind, stable.value(one), one.conditional, place)


class Stable:
    """Facts without the numbers of definitions and compounds, which change when something is put before them."""

    def __init__(self, facts: FileFacts, names: list[str]) -> None:
        self._facts = facts
        self._names = names

    def expression(self, written: str, depth: int = 0) -> str:
        """An expression with the names of definitions and the content of compounds in it."""
        if "$" not in written and "#" not in written:
            return written
        return _NUMBERED.sub(lambda found: self._named(found[1], int(found[2]), depth), written)

    def _named(self, sign: str, number: int, depth: int) -> str:
        if sign == "$":
            return f"${self._names[number]}"
        compound = self._facts.compounds[number]
        if depth > _MAX_DEPTH:
            return f"#{compound.kind}"
        return f"#{compound.kind}{[self.expression(part, depth + 1) for part in compound.parts]}"

    def all(self, written: tuple[str, ...]) -> tuple[str, ...]:
        """Several expressions."""
        return tuple(map(self.expression, written))

    def value(self, binding: Binding) -> Any:
        """What a binding binds."""
        if binding.kind not in ("def", "self", "cls"):
            return self.expression(binding.value)
        target = int(binding.value)
        return self._names[target], self.header(self._facts.definitions[target])

    def header(self, definition: Definition) -> Definition:
        """What a use of a definition can see without looking into it."""
        return definition._replace(
            parent=0, start_line=0, end_line=0, signature="", doc="", returns=(), returns_type="", bases=(), yields=(),
            parameters=self.expression(definition.parameters), decorated=self.expression(definition.decorated),
        )  # fmt: skip
