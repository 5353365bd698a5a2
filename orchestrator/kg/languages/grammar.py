"""The words in which a language is declared: what its kinds of syntax nodes mean. Used by the language files.

A ``Grammar`` is data plus a few small readers of nodes; the extractor interprets it. Nothing here parses or resolves.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from tree_sitter import Language, Node

_MAX_LOOKED = 1000
Reader = Callable[[Node], str]
Finder = Callable[[Node], Node | None]


class Sink(Protocol):
    """What a handler of a language may tell about a node, in the scope the node stands in."""

    @property
    def in_class(self) -> bool:
        """Whether the scope is a class body."""
        ...

    @property
    def in_function(self) -> bool:
        """Whether the scope is a function body."""
        ...

    @property
    def owned(self) -> bool:
        """Whether what stands here belongs to a type that stands elsewhere."""
        ...

    def bind(self, name: str, node: Node, *, type_: str = "", value: str = "") -> None:
        """A variable, parameter or, in a class body, a field: of a type, or with a value, or of neither."""
        ...

    def attribute(self, name: str, node: Node, *, type_: str = "", value: str = "") -> None:
        """A field of the class around, set from one of its methods."""
        ...

    def alias(self, name: str, node: Node, target: str) -> None:
        """A name that stands for another one, which is looked up where it stands."""
        ...

    def imported(self, name: str, node: Node, target: str, *, star: bool = False, module: str = "") -> None:
        """A name that stands for an absolute one; with ``star`` all names below it. ``module``: the import as such."""
        ...

    def package(self, name: str) -> None:
        """The package the file says it belongs to."""
        ...

    def parameter(self, node: Node) -> None:
        """The names a parameter, perhaps of a closure, binds."""
        ...

    def declare(self, name: str, node: Node, result: str = "") -> None:
        """A function that is promised here and defined elsewhere."""
        ...

    def call(self, callee: str, node: Node, arguments: Node | None, *, soft: bool = False) -> None:
        """A call that is not told by ``Grammar.calls``; a soft one may be none, and is not missed when unresolved."""
        ...

    def bases(self, names: Iterable[str]) -> None:
        """More bases of the class around."""
        ...

    def extends_class(self, names: Iterable[str]) -> None:
        """Types whose methods become those of the class around itself."""
        ...

    def implements(self, of: str, trait: str, node: Node) -> None:
        """A type, perhaps of another file, gets a base here."""
        ...

    def enter(
        self, node: Node, *, owner: str = "", trait: bool = False, static: bool = False, local: bool = False
    ) -> None:
        """Until the node ends, functions belong to the owner (a type), the class itself (static), the file (local)."""
        ...

    def configuration(self, key: Node | None) -> None:
        """An environment variable is read; ``key`` is the node of its name."""
        ...

    def ignore(self, node: Node) -> None:
        """Show no handler this node, which comes later."""
        ...

    def access(self, word: str) -> None:
        """From here to the end of the class body, this visibility holds."""
        ...

    def expression(self, node: Node | None) -> str:
        """A node as an expression string."""
        ...

    def type_of(self, node: Node | None) -> str:
        """A type node as a dotted name, "" where it names no single type."""
        ...


Handler = Callable[[Node, Sink], None]
Visible = Literal["", "public", "internal"]


def text(node: Node | None) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def field_of(*names: str) -> Finder:
    """A child by field name; several names go down step by step."""

    def find(node: Node) -> Node | None:
        found: Node | None = node
        for name in names:
            found = found.child_by_field_name(name) if found is not None else None
        return found

    return find


def child_of(*kinds: str) -> Finder:
    """The first child of one of the kinds."""
    return lambda node: next((child for child in node.named_children if child.type in kinds), None)


def within(node: Node, *kinds: str) -> Iterator[Node]:
    """The nodes of the kinds below a node, in source order, the first thousand nodes of it."""
    stack, looked = [node], 0
    while stack and looked < _MAX_LOOKED:
        one, looked = stack.pop(), looked + 1
        if one.type in kinds:
            yield one
        stack.extend(reversed(one.named_children))


def text_of(finder: Finder) -> Reader:
    """The text of what is found, without spaces."""
    return lambda node: "".join(text(finder(node)).split())


def nothing(_: Node) -> None:
    """There is no such child."""
    return


def no_names(_: Node) -> Iterable[str]:
    """No names."""
    return ()


def always(_: Node) -> bool:
    """Any node will do."""
    return True


_NAME = text_of(field_of("name"))
_TYPE = field_of("type")
_ARGUMENTS = field_of("arguments")


@dataclass(frozen=True, slots=True)
class Define:
    """How a kind of node defines something. ``bases`` are type texts; ``owner`` is a type the function belongs to."""

    kind: Literal["module", "class", "function"]
    name: Reader = _NAME
    parameters: Finder = nothing
    result: Finder = nothing
    bases: Callable[[Node], Iterable[str]] = no_names
    decorators: Callable[[Node], Iterable[str]] = no_names
    owner: Reader = lambda _: ""
    receiver: Finder = nothing
    when: Callable[[Node], bool] = always
    static: Callable[[Node], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class Parameter:
    """How a kind of parameter counts and what it binds. ``receiver``: the instance at hand, not counted."""

    names: Callable[[Node], Sequence[Node]] = lambda node: node.children_by_field_name("name")
    type: Finder = _TYPE
    optional: Callable[[Node], bool] = lambda _: False
    variadic: bool = False
    receiver: bool = False


@dataclass(frozen=True, slots=True)
class Calls:
    """How a kind of node calls: a function, or a name on an object; ``new`` makes an instance of a type."""

    function: Finder = nothing
    object: Finder = nothing
    name: Finder = nothing
    arguments: Finder = _ARGUMENTS
    new: bool = False


@dataclass(frozen=True)
class Grammar:
    """One language, as its extractor needs it. Kinds are node types of the tree-sitter grammar."""

    language: Language
    definitions: Mapping[str, Define]
    calls: Mapping[str, Calls]
    members: Mapping[str, tuple[Finder, Finder]]
    names: frozenset[str]
    words: Mapping[str, str] = field(default_factory=dict)
    through: Mapping[str, Finder] = field(default_factory=dict)
    instances: Mapping[str, Finder] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    comments: frozenset[str] = frozenset({"comment"})
    wrappers: frozenset[str] = frozenset()
    visibility: Callable[[Node, str, str, str], Visible] = lambda _node, _name, _kind, _access: ""
    endless: Callable[[Node], bool] = lambda _: False
    splats: frozenset[str] = frozenset()
    before: Mapping[str, Finder] = field(default_factory=dict)
    environment: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    tidy: Callable[[str], str] = lambda name: name
    test: Callable[[str, tuple[str, ...]], bool] = lambda _name, _decorators: False

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The kinds of nodes the extractor must see."""
        shown = (self.definitions, self.calls, self.handlers, self.before)
        return frozenset[str]().union(self.comments, *shown)
