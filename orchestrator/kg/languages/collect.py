"""What a language's handlers tell while a file is read: bindings, calls, imports, by the scope they stand in.

The lower half of the extractor: it keeps the stack of scopes and the lists of facts, and is the ``Sink`` of grammars.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tree_sitter import Node

from orchestrator.kg.facts import AttributeBinding, Binding, BindingKind, Call, ConfigRead, Definition, ImportFact
from orchestrator.kg.languages.expressions import expression, type_name
from orchestrator.kg.languages.grammar import Calls, Grammar, text

MAX_DEPTH = 100
MAX_NAME = 100
_KEY = re.compile(r"[\"'`](\w+)[\"'`]")


@dataclass(slots=True, eq=False)
class Scope:
    """A definition, or a part of one, whose body is being read; ``end`` is the byte it ends at."""

    index: int
    end: int
    kind: str
    owner: str = ""
    trait: bool = False
    static: bool = False
    local: bool = False
    access: str = ""


class Collector:
    """The facts of one file so far."""

    def __init__(self, grammar: Grammar, root: Node) -> None:
        self._grammar = grammar
        self._definitions = [Definition("module", "", -1, 1, root.end_point[0] + 1)]
        self._bindings: list[Binding] = []
        self._attributes: list[AttributeBinding] = []
        self._calls: list[Call] = []
        self._imports: list[ImportFact] = []
        self._config: list[ConfigRead] = []
        self._package = ""
        self._soft: list[int] = []
        self._traits: list[tuple[int, str, str]] = []
        self._extended: list[tuple[int, str]] = []
        self._ignored: set[int] = set()
        self._scope = Scope(0, root.end_byte + 1, "module")
        self._scopes = [self._scope]

    def _open(self, scope: Scope) -> None:
        self._scopes.append(scope)
        self._scope = scope

    def parameter(self, node: Node) -> None:
        """The names a parameter binds."""
        rule = self._grammar.parameters.get(node.type)
        if rule is None:
            return
        if rule.receiver:
            self._add("this", "self", "", node)
        for one in rule.names(node):
            self.bind(text(one), node, type_="" if rule.variadic else self.type_of(rule.type(node)))

    # Calls

    def _call(self, node: Node, rule: Calls) -> None:
        if rule.new:
            made = self.type_of(rule.function(node))
            if made:
                self.call(f"{made}^", node, rule.arguments(node))
            return
        callee = self.expression(node).removesuffix("()")
        self.call(callee, node, rule.arguments(node))

    def call(self, callee: str, node: Node, arguments: Node | None, *, soft: bool = False) -> None:
        """A call site; one whose callee has no name says nothing."""
        last = callee.rpartition(".")[2]
        if last and last != "?" and not callee.endswith(")"):
            if callee in self._grammar.environment and arguments is not None and arguments.named_child_count:
                self.configuration(arguments.named_children[0])
            if soft:
                self._soft.append(len(self._calls))
            self._calls.append(Call(self._scope.index, callee, node.start_point[0] + 1, self._count(arguments)))

    def _count(self, arguments: Node | None) -> int:
        if arguments is None:
            return 0
        kinds = [child.type for child in arguments.named_children]
        if not self._grammar.splats.isdisjoint(kinds):
            return -1
        return sum(kind not in self._grammar.comments for kind in kinds)

    # What handlers tell

    @property
    def in_class(self) -> bool:
        """Whether the scope is a class body."""
        return self._scope.kind == "class"

    @property
    def in_function(self) -> bool:
        """Whether the scope is a function body."""
        return self._scope.kind == "function"

    @property
    def owned(self) -> bool:
        """Whether what stands here belongs to a type that stands elsewhere."""
        return bool(self._scope.owner)

    def expression(self, node: Node | None) -> str:
        """A node as an expression string."""
        return expression(node, self._grammar)

    def type_of(self, node: Node | None) -> str:
        """A type node as a dotted name, "" where it names no single type."""
        written = self._grammar.tidy(text(node).lstrip("?")) if node is not None else ""
        return type_name(written, self._grammar.wrappers)

    def _add(self, name: str, kind: BindingKind, value: str, node: Node) -> None:
        line = node.start_point[0] + 1
        if self._scope.kind == "class" and kind in ("type", "value", "unknown"):
            self._attributes.append(AttributeBinding(self._scope.index, self._scope.index, name, kind, value, line))
        else:
            self._bindings.append(Binding(self._scope.index, name, kind, value, line, conditional=False))

    def bind(self, name: str, node: Node, *, type_: str = "", value: str = "") -> None:
        """A variable or a field: of a type, or with a value, or of neither."""
        kind, told = _kind(type_, value)
        if name:
            self._add(name, kind, told, node)

    def attribute(self, name: str, node: Node, *, type_: str = "", value: str = "") -> None:
        """A field of the class around, set from one of its methods."""
        owner = next((one.index for one in reversed(self._scopes) if one.kind == "class"), -1)
        kind, told = _kind(type_, value)
        if owner >= 0:
            line = node.start_point[0] + 1
            self._attributes.append(AttributeBinding(owner, self._scope.index, name, kind, told, line))

    def alias(self, name: str, node: Node, target: str) -> None:
        """A name that stands for another one."""
        self._add(name, "from", target, node)

    def imported(self, name: str, node: Node, target: str, *, star: bool = False, module: str = "") -> None:
        """A name that stands for an absolute one; with ``star`` all names below it."""
        line = node.start_point[0] + 1
        self._imports.append(ImportFact(self._scope.index, module or target, "", line, star=star))
        if star or name:
            self._add("*" if star else name, "import", target, node)

    def package(self, name: str) -> None:
        """The package the file says it belongs to."""
        self._package = self._package or name

    def declare(self, name: str, node: Node, result: str = "") -> None:
        """A function that is promised here and defined elsewhere."""
        if name and self._scope.kind != "function":
            self._add(name, "def", result, node)

    def bases(self, names: Iterable[str]) -> None:
        """More bases of the class around."""
        if self._scope.kind == "class":
            index = self._scope.index
            held = self._definitions[index]
            more = tuple(one for one in names if one and one not in held.bases)
            self._definitions[index] = held._replace(bases=held.bases + more)

    def extends_class(self, names: Iterable[str]) -> None:
        """Types whose methods become those of the class around itself."""
        self._extended += [(self._scope.index, name) for name in names if name]

    def implements(self, of: str, trait: str, node: Node) -> None:
        """A type, perhaps of another file, gets a base here."""
        if of and trait:
            self._traits.append((self._scope.index, of, trait))

    def enter(
        self, node: Node, *, owner: str = "", trait: bool = False, static: bool = False, local: bool = False
    ) -> None:
        """Until the node ends, functions belong to the owner, or to the class itself, or are known only there."""
        if len(self._scopes) <= MAX_DEPTH:
            around = self._scope
            self._open(Scope(around.index, node.end_byte, around.kind, owner, trait, static, local, around.access))

    def configuration(self, key: Node | None) -> None:
        """An environment variable is read; ``key`` is the node of its name."""
        if key is not None and key.end_byte - key.start_byte <= MAX_NAME:
            name = _KEY.fullmatch(text(key))
            if name is not None:
                self._config.append(ConfigRead(self._scope.index, name[1], "env", key.start_point[0] + 1))

    def ignore(self, node: Node) -> None:
        """Show no handler this node, which comes later."""
        self._ignored.add(node.id)

    def access(self, word: str) -> None:
        """From here to the end of the class body, this visibility holds."""
        self._scope.access = word


def _kind(type_: str, value: str) -> tuple[BindingKind, str]:
    if type_:
        return "type", type_
    followed = value and not value.startswith("?")
    return ("value", value) if followed else ("unknown", "")
