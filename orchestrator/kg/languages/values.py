"""What an expression can stand for. Used by the lookup and the linker of this package."""

from typing import NamedTuple

from orchestrator.kg.languages.symbols import Symbol, Type


class Class(NamedTuple):
    """A type itself."""

    type: Type


class Instance(NamedTuple):
    """A value of a type, or of a subtype of it."""

    type: Type


class Above(NamedTuple):
    """An instance seen as one of its base types; ``static``: the class seen as its base."""

    type: Type
    static: bool


class Functions(NamedTuple):
    """One function, or several of a name; ``receiver`` is the type they were looked up on."""

    symbols: tuple[Symbol, ...]
    receiver: Type | None


class Maker(NamedTuple):
    """What makes an instance of a type when called."""

    type: Type


class Space(NamedTuple):
    """A namespace."""

    name: str


class Outside(NamedTuple):
    """A name outside of the tree; ``instance``: a value of that type."""

    name: str
    instance: bool = False


class Builtin(NamedTuple):
    """A name of the language itself."""

    name: str


Value = Class | Instance | Above | Functions | Maker | Space | Outside | Builtin


class Found(NamedTuple):
    """The values an expression may have; ``complete``: there are no others."""

    values: tuple[Value, ...] = ()
    complete: bool = False


UNKNOWN = Found()


def sure(*values: Value) -> Found:
    """These values, and no others."""
    return Found(values, complete=True)


def either(found: list[Found]) -> Found:
    """One of several."""
    values = tuple(dict.fromkeys(value for one in found for value in one.values))
    return Found(values, complete=bool(found) and all(one.complete for one in found))
