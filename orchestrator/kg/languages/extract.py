"""Facts from one file of any language with a ``Grammar``: tolerant of broken code, the same for the same bytes.

The tree is walked once in source order with a stack of scopes, without recursion. Used by the build through the
language files. Says only what the file itself says: nothing is resolved here.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from tree_sitter import Node

from orchestrator.kg.facts import AttributeBinding, Binding, BindingKind, Call, Definition, FileFacts, ImportFact
from orchestrator.kg.languages.comments import joined
from orchestrator.kg.languages.expressions import dotted, expression, type_name
from orchestrator.kg.languages.grammar import Calls, Define, Grammar, text
from orchestrator.kg.languages.tree import PARSE_SECONDS, kind_ids, parse, walk

_MAX_PROBLEMS = 20
_MAX_SIGNATURE = 300
_MAX_DEPTH = 100
_MAX_NAME = 100


@dataclass(slots=True, eq=False)
class _Scope:
    index: int
    end: int
    kind: str
    owner: str = ""
    trait: bool = False
    static: bool = False
    local: bool = False
    access: str = ""


def extractor(grammar: Grammar) -> "Extract":
    """The extractor of a language."""
    return Extract(grammar)


class Extract:
    """``extract(source)`` of one language: all facts of one file. Raises TookTooLongError for a file it chokes on."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._wanted = kind_ids(grammar.language, grammar.wanted)
        self._leaves = kind_ids(grammar.language, grammar.leaves | grammar.comments)

    def __call__(self, source: bytes) -> FileFacts:
        """The facts of UTF-8 text."""
        deadline = time.monotonic() + PARSE_SECONDS
        tree = parse(self._grammar.language, source, deadline)
        return _Reader(self._grammar, tree.root_node).run(walk(tree, deadline, self._wanted, self._leaves))


class _Reader:
    """Collects the facts of one file; it is the ``Sink`` of its language's handlers."""

    def __init__(self, grammar: Grammar, root: Node) -> None:
        self._grammar = grammar
        self._root = root
        self._definitions = [Definition("module", "", -1, 1, root.end_point[0] + 1)]
        self._bindings: list[Binding] = []
        self._attributes: list[AttributeBinding] = []
        self._calls: list[Call] = []
        self._imports: list[ImportFact] = []
        self._problems: set[int] = set()
        self._package = ""
        self._statics: list[int] = []
        self._tests: list[int] = []
        self._soft: list[int] = []
        self._local: list[int] = []
        self._traits: list[tuple[int, str, str]] = []
        self._extended: list[tuple[int, str]] = []
        self._scope = _Scope(0, root.end_byte + 1, "module")
        self._scopes = [self._scope]
        self._comments: list[str] = []
        self._comment_end = -2
        self._marks: list[str] = []
        self._marks_end = -2
        self._ignored: set[int] = set()

    def run(self, nodes: Iterable[Node]) -> FileFacts:
        """Visit the nodes in source order."""
        grammar, broken = self._grammar, self._root.has_error
        for node in nodes:
            kind = node.type
            if broken and (node.is_error or node.is_missing):
                self._problems.add(node.start_point[0] + 1)
            while self._scope.end <= node.start_byte:
                self._scopes.pop()
                self._scope = self._scopes[-1]
            if kind in grammar.comments:
                self._comment(node)
                continue
            if kind in grammar.before:
                self._before(node)
            rule = grammar.calls.get(kind)
            if rule is not None:
                self._call(node, rule)
            handler = grammar.handlers.get(kind)
            if handler is not None and not (self._ignored and node.id in self._ignored):
                handler(node, self)
            define = grammar.definitions.get(kind)
            if define is not None and define.when(node):
                self._define(node, define)
        return self._facts()

    def _facts(self) -> FileFacts:
        kept = {
            "package": self._package,
            "statics": self._statics,
            "tests": self._tests,
            "soft": self._soft,
            "local": self._local,
            "traits": self._traits,
            "extended": self._extended,
        }
        return FileFacts(
            lines=self._root.end_point[0] + (1 if self._root.end_point[1] else 0),
            definitions=tuple(self._definitions),
            bindings=tuple(self._bindings),
            attributes=tuple(self._attributes),
            calls=tuple(self._calls),
            references=(),
            imports=tuple(self._imports),
            exports=None,
            problems=tuple(sorted(self._problems)[:_MAX_PROBLEMS]),
            program=orjson.dumps({key: value for key, value in kept.items() if value}).decode(),
        )

    # Documentation, and what stands before a definition

    def _comment(self, node: Node) -> None:
        if node.start_point[0] > self._comment_end + 1 or len(self._comments) >= 50:
            self._comments = []
        self._comments.append(text(node))
        # Some grammars count the line break as part of a line comment.
        self._comment_end = node.end_point[0] - (node.end_point[1] == 0)

    def _before(self, node: Node) -> None:
        """An attribute or a template head: what stands before it still documents what comes after it."""
        name = self._grammar.before[node.type](node)
        start, end = node.start_point[0], node.end_point[0]
        if name is None and node.named_child_count:
            end = node.named_children[-1].start_point[0] - 1
        elif name is not None:
            self._marks = [*(self._marks if start <= self._marks_end + 1 else []), text(name)]
            self._marks_end = end
        if self._comment_end + 1 >= start:
            self._comment_end = end

    def _documentation(self, node: Node) -> str:
        near = self._comment_end + 1 >= node.start_point[0] and self._comment_end <= node.start_point[0]
        return joined(self._comments) if near else ""

    # Definitions

    def _define(self, node: Node, define: Define) -> None:
        name = _definition_name(define.name(node)) or ("anonymous" if define.kind == "class" else "")
        if not name or len(self._scopes) > _MAX_DEPTH:
            return
        scope, grammar = self._scope, self._grammar
        parameters = define.parameters(node)
        least, most = self._arity(parameters)
        marks, self._marks = self._marks if self._marks_end + 1 >= node.start_point[0] else [], []
        decorators = tuple(dict.fromkeys(filter(None, map(dotted, [*define.decorators(node), *marks]))))
        result = define.result(node)
        index = len(self._definitions)
        owner = define.owner(node) or (scope.owner if define.kind == "function" else "")
        arrow = f" -> {_one_line(result, 100)}" if result is not None else ""
        self._definitions.append(
            Definition(
                define.kind,
                name,
                scope.index,
                node.start_point[0] + 1,
                max(node.start_point[0], node.end_point[0] - (node.end_point[1] == 0)) + 1,
                signature=_one_line(parameters, _MAX_SIGNATURE) + arrow,
                doc=self._documentation(node),
                decorators=decorators,
                bases=tuple(filter(None, (type_name(one, frozenset()) for one in define.bases(node)))),
                least_args=least,
                most_args=most,
                returns_type=self.type_of(result),
                owner=owner,
                visibility=grammar.visibility(node, name, "trait" if scope.trait else scope.kind, scope.access),
            )
        )
        self._comments = []
        if define.static(node) or (scope.static and define.kind == "function"):
            self._statics.append(index)
        if scope.local:
            self._local.append(index)
        if define.kind == "function" and grammar.test(name, decorators):
            self._tests.append(index)
        self._open(_Scope(index, node.end_byte, define.kind, local=scope.local))
        receiver = define.receiver(node)
        if receiver is not None:
            self._add(text(receiver), "self", "", receiver)
        self._bind_parameters(parameters)

    def _open(self, scope: _Scope) -> None:
        self._scopes.append(scope)
        self._scope = scope

    def _arity(self, parameters: Node | None) -> tuple[int, int]:
        least = most = 0
        endless = parameters is not None and self._grammar.endless(parameters)
        for node in parameters.named_children if parameters is not None else ():
            rule = self._grammar.parameters.get(node.type)
            if rule is None or rule.receiver:
                continue
            if rule.variadic:
                return least, -1
            # In C, (void) is no parameter.
            if node.text == b"void":
                continue
            named = max(1, len(rule.names(node)))
            most += named
            least += 0 if rule.optional(node) else named
        return least, -1 if endless else most

    def _bind_parameters(self, parameters: Node | None) -> None:
        for node in parameters.named_children if parameters is not None else ():
            if node.type in self._grammar.parameters:
                self.parameter(node)

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
        if len(self._scopes) <= _MAX_DEPTH:
            around = self._scope
            self._open(_Scope(around.index, node.end_byte, around.kind, owner, trait, static, local, around.access))

    def ignore(self, node: Node) -> None:
        """Show no handler this node, which comes later."""
        self._ignored.add(node.id)

    def access(self, word: str) -> None:
        """From here to the end of the class body, this visibility holds."""
        self._scope.access = word


def _definition_name(written: str) -> str:
    """Operators, destructors and examples have names that are no identifiers."""
    plain = dotted(written) if " " not in written else ""
    return plain or (written.replace(".", "") if len(written) <= _MAX_NAME else "")


def _kind(type_: str, value: str) -> tuple[BindingKind, str]:
    if type_:
        return "type", type_
    followed = value and not value.startswith("?")
    return ("value", value) if followed else ("unknown", "")


def _one_line(node: Node | None, limit: int) -> str:
    return " ".join(text(node).split())[:limit] if node is not None else ""
