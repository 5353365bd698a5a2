"""What the lowering of one file has found so far: definitions, call sites, imports, and the work still to be done.

Bodies of functions and classes wait in a list instead of being entered, so that nesting costs no stack. Used by the
lowering only; it reads no syntax but a node's text and place.
"""

import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tree_sitter import Node

from orchestrator.kg.facts import Call, ConfigRead, Definition, ImportFact
from orchestrator.kg.javascript import ir
from orchestrator.kg.syntax import TookTooLongError

# Deeper nesting than this, within one function, is not followed: people do not write it, and JSON could not hold it.
MAX_DEPTH = 60
MAX_ITEMS = 2000
MAX_TEXT = 200
UNKNOWN: ir.Node = [ir.OTHER, "?"]
LINKS = frozenset({"member_expression", "subscript_expression", "call_expression", "non_null_expression"})
_MAX_PROBLEMS = 20
_MAX_NAME = 120
_LOOK_EVERY = 500


@dataclass(slots=True)
class Body:
    """The body of a definition that is still to be lowered. ``label`` is what its members are called after."""

    at: int
    node: Node
    label: str = ""


@dataclass(slots=True)
class Frame:
    """The names declared in a block; ``function`` for the outermost block of a function, which takes ``var`` too."""

    function: bool
    names: dict[str, None] = field(default_factory=dict)


class Lower(Protocol):
    """Lowers an expression at a depth; parts of the lowering that expressions use call back through it."""

    def __call__(self, w: "Writer", node: Node | None, depth: int, label: str = "") -> ir.Node:
        """The expression as the program has it."""
        ...


class Writer:
    """Collects the facts of one file."""

    def __init__(self, lower: Lower, deadline: float) -> None:
        self.lower = lower
        self.definitions: list[Definition] = []
        self.programs: list[ir.Node] = []
        self.calls: list[Call] = []
        self.imports: list[ImportFact] = []
        self.config: list[ConfigRead] = []
        self.waiting: list[Body] = []
        self.problems: set[int] = set()
        self.scope = 0
        self.prefix = ""  # of the namespace that is being lowered
        self.frames: list[Frame] = []
        self.exported: dict[str, None] = {}
        self.is_module = False
        self._by_name: dict[str, int] = {}
        self._deadline = deadline
        self._until_look = _LOOK_EVERY

    def define(self, definition: Definition) -> int:
        """Add a definition; its program is filled in when its body is lowered."""
        self._until_look -= 1
        if not self._until_look:
            self._until_look = _LOOK_EVERY
            if time.monotonic() > self._deadline:
                raise TookTooLongError
        at = len(self.definitions)
        self.definitions.append(definition._replace(name=(self.prefix + definition.name)[:_MAX_NAME]))
        self.programs.append([])
        self._by_name.setdefault(definition.name, at)
        return at

    def named(self, name: str) -> int:
        """The first definition of that name, or -1."""
        return self._by_name.get(name, -1)

    def call(self, node: Node, callee: str, arguments: int, *, decorator: bool = False) -> int:
        """Add a call site and return its number."""
        self.calls.append(Call(self.scope, callee, node.start_point[0] + 1, arguments, decorator))
        return len(self.calls) - 1

    def declare(self, name: str, kind: Literal["var", "let"]) -> None:
        """Note a name of the block at hand, or for ``var`` of the function."""
        frame = self.frames[-1]
        if kind == "var":
            frame = next(one for one in reversed(self.frames) if one.function)
        frame.names[name] = None

    def problem(self, node: Node) -> None:
        """Note a line where something had to be left out."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.add(node.start_point[0] + 1)


def text(node: Node | None) -> str:
    """A node's source."""
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def one_line(node: Node | None, limit: int = 300) -> str:
    """A node's source on one line."""
    return " ".join(text(node)[: 4 * limit].split())[:limit]


def short(written: str) -> str:
    """A callee that stays short where a chain is endless."""
    return written if len(written) <= MAX_TEXT else "?." + written.rpartition(".")[2][-MAX_TEXT:]
