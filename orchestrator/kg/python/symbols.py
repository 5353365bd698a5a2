"""Definitions of a whole tree as linked symbols, and the values an expression can have.

Used by the Python resolver only; nothing is resolved here."""

from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.kg.facts import AttributeBinding, Binding, Definition, FileFacts, SymbolRef, local_names


@dataclass(eq=False, slots=True)
class Symbol:
    """A module, class or function with the names bound in it. As a value it is the object itself.

    ``local`` is its name in the file, the same as in its IRI. Tables of symbols of other files are read through the
    evaluator, which records what was read.
    """

    path: str
    index: int
    local: str
    definition: Definition
    parent: "Symbol | None"
    names: dict[str, list[Binding]] = field(default_factory=dict)
    attributes: dict[str, list[AttributeBinding]] = field(default_factory=dict)
    siblings: "list[Symbol]" = field(default_factory=list)
    instance: "Instance | None" = None

    @property
    def ref(self) -> SymbolRef:
        """How links name this symbol."""
        return SymbolRef(self.path, self.index)

    def as_instance(self) -> "Instance":
        """The value "some instance of this class"."""
        if self.instance is None:
            self.instance = Instance(self)
        return self.instance


@dataclass(eq=False, slots=True)
class Instance:
    """Some instance of a class of ours."""

    of: Symbol


class External(NamedTuple):
    """Something imported from outside the tree, by its dotted name."""

    name: str


class Opaque(NamedTuple):
    """A builtin or a value of a builtin type: known to be none of ours."""

    name: str


class Namespace(NamedTuple):
    """A package without ``__init__.py``, by its dotted name."""

    name: str


Value = Symbol | Instance | External | Opaque | Namespace


class Found(NamedTuple):
    """What an expression can be. ``complete``: nothing else is possible as far as the code says."""

    values: tuple[Value, ...]
    complete: bool


UNKNOWN = Found((), False)
NOTHING = Found((), True)
MAX_VALUES = 8


def union(parts: list[Found]) -> Found:
    """Everything that one of several can be."""
    if len(parts) == 1:
        return parts[0]
    values: dict[Value, None] = {}
    for part in parts:
        values.update(dict.fromkeys(part.values))
    complete = all(part.complete for part in parts) and len(values) <= MAX_VALUES
    return Found(tuple(values)[:MAX_VALUES], complete)


def symbols_of(path: str, facts: FileFacts) -> list[Symbol]:
    """The symbols of a file, by index; the first is the module."""
    symbols: list[Symbol] = []
    locals_ = local_names(facts)
    for index, definition in enumerate(facts.definitions):
        parent = symbols[definition.parent] if definition.parent >= 0 else None
        symbols.append(Symbol(path, index, locals_[index], definition, parent, siblings=symbols))
    for binding in facts.bindings:
        symbols[binding.scope].names.setdefault(binding.name, []).append(binding)
    for attribute in facts.attributes:
        symbols[attribute.owner].attributes.setdefault(attribute.name, []).append(attribute)
    return symbols


def merged(lists: list[list[Symbol]]) -> list[Symbol]:
    """Python's C3 order; where there is none, each class once in order of first mention."""
    plain = list(dict.fromkeys(one for part in lists for one in part))
    order: list[Symbol] = []
    lists = [part for part in lists if part]
    while lists:
        tails = {id(one) for part in lists for one in part[1:]}
        head = next((part[0] for part in lists if id(part[0]) not in tails), None)
        if head is None:
            return plain
        order.append(head)
        lists = [rest for part in lists if (rest := part[1:] if part[0] is head else part)]
    return order
