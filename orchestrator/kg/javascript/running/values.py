"""What expressions can be while the interpreter runs: objects, functions, things from outside, plain values.

A ``Values`` is everything one expression can be at one moment; ``UNKNOWN`` among them says that there is more than we
know. Used by the interpreter; nothing is evaluated here.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from orchestrator.kg.facts import SymbolRef
from orchestrator.kg.javascript import ir

Kind = Literal["object", "array", "function", "class", "module", "promise", "generator", "map"]
MAX_VALUES = 8


class Region:
    """A stretch of the run that happens as a whole or not at all: the body of a branch, a loop, a callback."""

    __slots__ = ("depth", "parent")

    def __init__(self, parent: "Region | None" = None) -> None:
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent is not None else 0

    def covers(self, other: "Region") -> bool:
        """Whether all of ``other`` happens within this one."""
        at: Region | None = other
        while at is not None and at.depth > self.depth:
            at = at.parent
        return at is self


@dataclass(eq=False, slots=True)
class Frame:
    """One run of a function: whose calls they are, what ``this`` is, what it gives back."""

    path: str
    at: int
    this: "Values"
    function: "Object | None" = None
    returns: "Values" = ()
    yields: "Values" = ()
    arguments: "tuple[Values, ...]" = ()


@dataclass(eq=False, slots=True)
class Env:
    """The names of one block while it runs. ``namespace`` takes what the block exports."""

    owner: object
    region: Region
    frame: Frame
    parent: "Env | None"
    names: "dict[str, Values]" = field(default_factory=dict)
    namespace: "Object | None" = None


@dataclass(eq=False, slots=True)
class Object:
    """Something with properties. ``owner`` is the run that made it: others write to a copy of their own.

    ``open``: it may have properties that we have not seen. ``rest``: what was stored under keys that we do not know.
    ``inner``: what a promise resolves to, a generator yields or a map holds. ``size``: of an array, -1 if unknown.
    ``typed``: stands for any instance of its class, so a subclass may override what is found. ``path``: of a module.
    """

    owner: object
    kind: Kind
    region: Region
    proto: "Object | None" = None
    props: "dict[str, Values]" = field(default_factory=dict)
    getters: "dict[str, Values] | None" = None
    setters: "dict[str, Values] | None" = None
    open: bool = False
    rest: "Values" = ()
    inner: "Values" = ()
    size: int = -1
    typed: bool = False
    path: str = ""
    code: "Code | None" = None


@dataclass(eq=False, slots=True)
class Code:
    """What makes an object a function or class: its definition and where it was made."""

    ref: SymbolRef
    program: ir.Node
    env: Env
    home: Object | None = None
    fields: list[ir.Node] = field(default_factory=list)
    base: "Values" = ()
    constructor: Object | None = None
    instance: Object | None = None


class Live(NamedTuple):
    """A name of another block that is looked up whenever it is read: what a module exports."""

    env: Env
    name: str


class Imported(NamedTuple):
    """What a module exports under a name, looked up when it is read; "*" is all of it, "=" what require gives."""

    path: str
    name: str


class External(NamedTuple):
    """Something from outside the tree, or of the language itself when ``builtin``, by its dotted name.

    ``of``: the object whose builtin method it is.
    """

    name: str
    builtin: bool = False
    of: Object | None = None


class Bound(NamedTuple):
    """A function with ``this`` and its first arguments settled by ``bind``."""

    function: "Value"
    this: "Values"
    arguments: "tuple[Values, ...]"


class Plain(NamedTuple):
    """A value of a builtin type; ``text`` where it can serve as a key."""

    kind: str
    text: str | None = None


Value = Object | External | Plain | Live | Imported | Bound
Values = tuple[Value, ...]

_ANYTHING = Plain("?")
UNKNOWN: Values = (_ANYTHING,)
UNDEFINED: Values = (Plain("undefined"),)


def join(one: Values, other: Values) -> Values:
    """Everything that one or the other can be; what is too much becomes unknown."""
    if not other or one is other:
        return one
    if not one:
        return other
    added = tuple(value for value in other if value not in one)
    if not added:
        return one
    both = one + added
    return both if len(both) <= MAX_VALUES else (*both[: MAX_VALUES - 1], _ANYTHING)


def known(values: Values) -> bool:
    """Whether these are all the values there can be."""
    return bool(values) and _ANYTHING not in values


def plain(kind: str) -> Values:
    """A value of a builtin type."""
    return (Plain(kind),)
