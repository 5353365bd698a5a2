"""Definitions of a whole tree as linked symbols, and the values an expression can have.

Used by the Python resolver only; nothing is resolved here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar, Union

from orchestrator.kg.facts import AttributeBinding, Binding, Definition, FileFacts, SymbolRef, local_names

T = TypeVar("T")
# A third of the time that the constructor of a named tuple takes; these are made millions of times.
_new = tuple.__new__


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

    @property
    def ref(self) -> SymbolRef:
        """How links name this symbol."""
        return _new(SymbolRef, (self.path, self.index, ""))

    @property
    def name(self) -> str:
        """How others name this symbol over time: definitions are made anew when their file changes."""
        return f"{self.path}#{self.local}"

    @property
    def is_class(self) -> bool:
        """Whether calling it makes an instance."""
        return self.definition.kind == "class"

    @property
    def is_function(self) -> bool:
        """Whether calling it runs its body."""
        return self.definition.kind == "function"


class Instance(NamedTuple):
    """An instance of a class of ours. ``exact``: of this very class; else it may be of a subclass."""

    of: Symbol
    exact: bool = False


class Super(NamedTuple):
    """``super()`` in a class: its attributes are those of the classes behind it, read on an instance."""

    of: Symbol


class Bound(NamedTuple):
    """A function read from an instance, or a class method from a class: its first argument is given."""

    function: Symbol
    receiver: "Value"


class Container(NamedTuple):
    """A list, tuple, set or dictionary by the place where it is written: compound ``number`` of the scope's file."""

    scope: Symbol
    number: int


class View(NamedTuple):
    """Some of a container: what follows ``start``, or its ``values`` or ``items``."""

    of: Container
    kind: str
    start: int = 0


class Made(NamedTuple):
    """What calling a generator function gives."""

    function: Symbol


class Method(NamedTuple):
    """A method of a builtin value: of a container, a view or a generator."""

    of: "Container | View | Made"
    name: str


class External(NamedTuple):
    """Something imported from outside the tree, by its dotted name."""

    name: str


class Inherited(NamedTuple):
    """What an instance or a class of ours has from a base outside: it can be called, and no more is known of it."""

    name: str


class Opaque(NamedTuple):
    """A builtin or a value of a builtin type: known to be none of ours. Constants by their text (``'key'``, ``1``)."""

    name: str


class Namespace(NamedTuple):
    """A package without ``__init__.py``, by its dotted name."""

    name: str


Value = Union[  # noqa: UP007 - some of these name Value themselves, which is not defined yet
    Symbol, Instance, Super, Bound, Container, View, Made, Method, External, Inherited, Opaque, Namespace
]


class Found(NamedTuple):
    """What an expression can be.

    ``complete``: nothing else is possible as far as the code says. ``guess``: the values exclude one another or stand
    behind something unknown, so that none of them is certain to be reached. ``open``: it depends on who calls whom.
    """

    values: tuple[Value, ...]
    complete: bool
    guess: bool = False
    open: bool = False


UNKNOWN = Found((), False)
# Unknown as long as nobody knows more of who calls whom.
NOT_YET = Found((), False, open=True)
NOTHING = Found((), True)
# More values than this are as good as none.
MAX_VALUES = 5000


def one(value: Value) -> Found:
    """Exactly this."""
    return _new(Found, ((value,), True, False, False))


def union(parts: Sequence[Found]) -> Found:
    """Everything that one of several can be."""
    if len(parts) == 1:
        return parts[0]
    values: dict[Value, None] = {}
    complete, guess, opened = True, False, False
    for part in parts:
        for value in part.values:
            values[value] = None
        complete, guess, opened = complete and part.complete, guess or part.guess, opened or part.open
    if len(values) > MAX_VALUES:
        return Found((), False, guess, opened)
    return _new(Found, (tuple(values), complete, guess, opened))


def symbols_of(path: str, facts: FileFacts, before: Sequence[Symbol] = ()) -> list[Symbol]:
    """The symbols of a file, by index; the first is the module.

    Definitions that were there ``before`` are the same symbols: what was found out about them stays true of them.
    """
    known = {symbol.local: symbol for symbol in before}
    symbols: list[Symbol] = []
    for index, (local, definition) in enumerate(zip(local_names(facts), facts.definitions, strict=True)):
        parent = symbols[definition.parent] if definition.parent >= 0 else None
        symbol = known.get(local)
        if symbol is None:
            symbol = Symbol(path, index, local, definition, parent, siblings=symbols)
        else:
            symbol.index, symbol.definition, symbol.parent, symbol.siblings = index, definition, parent, symbols
            symbol.names, symbol.attributes = {}, {}
        symbols.append(symbol)
    for binding in facts.bindings:
        names = symbols[binding.scope].names
        known_as = names.get(binding.name)
        if known_as is None:
            names[binding.name] = [binding]
        else:
            known_as.append(binding)
    for attribute in facts.attributes:
        symbols[attribute.owner].attributes.setdefault(attribute.name, []).append(attribute)
    return symbols


def places_in(*parts: object) -> set[str]:
    """The files in which something that is part of an answer has a place: compounds by number, lines of scopes."""
    found: set[str] = set()
    waiting: list[object] = list(parts)
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple | list):
            scope = getattr(part, "scope", None)
            if scope is not None:
                found.add(scope.path)
            waiting += [one for one in part if isinstance(one, tuple | list)]
    return found


def enclosing_class(scope: Symbol | None) -> Symbol | None:
    """The class a scope stands in."""
    while scope is not None and not scope.is_class:
        scope = scope.parent
    return scope


def merged(lists: list[list[T]]) -> list[T]:
    """Python's C3 order; where there is none, each class once in order of first mention."""
    plain = list(dict.fromkeys(one for part in lists for one in part))
    order: list[T] = []
    lists = [part for part in lists if part]
    while lists:
        tails = {one for part in lists for one in part[1:]}
        head = next((part[0] for part in lists if part[0] not in tails), None)
        if head is None:
            return plain
        order.append(head)
        lists = [rest for part in lists if (rest := part[1:] if part[0] == head else part)]
    return order
