"""Facts from one file of any language with a ``Grammar``: tolerant of broken code, the same for the same bytes.

The tree is walked once in source order with a stack of scopes, without recursion. Used by the build through the
language files. Says only what the file itself says: nothing is resolved here.
"""

import time
from collections.abc import Iterable

import orjson
from tree_sitter import Node

from orchestrator.kg.facts import Definition, FileFacts
from orchestrator.kg.languages.collect import MAX_DEPTH, MAX_NAME, Collector, Scope
from orchestrator.kg.languages.comments import joined
from orchestrator.kg.languages.expressions import dotted, type_name
from orchestrator.kg.languages.grammar import Define, Grammar, text
from orchestrator.kg.syntax import PARSE_SECONDS, kind_ids, parse, walk

_MAX_PROBLEMS = 20
_MAX_SIGNATURE = 300

# Some grammars need seconds for broken source that Python's and JavaScript's read at once.
_TRUSTED_SIZE = 64 * 1024


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
        tree = parse(self._grammar.language, source, deadline, _TRUSTED_SIZE)
        return _Reader(self._grammar, tree.root_node).run(walk(tree, deadline, self._wanted, self._leaves))


class _Reader(Collector):
    """Collects the facts of one file; see ``Collector`` for what handlers tell it."""

    def __init__(self, grammar: Grammar, root: Node) -> None:
        super().__init__(grammar, root)
        self._root = root
        self._problems: set[int] = set()
        self._statics: list[int] = []
        self._tests: list[int] = []
        self._local: list[int] = []
        self._comments: list[str] = []
        self._comment_end = -2
        self._marks: list[str] = []
        self._marks_end = -2

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
            config=tuple(self._config),
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
        if not name or len(self._scopes) > MAX_DEPTH:
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
        self._open(Scope(index, node.end_byte, define.kind, local=scope.local))
        receiver = define.receiver(node)
        if receiver is not None:
            self._add(text(receiver), "self", "", receiver)
        self._bind_parameters(parameters)

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


def _definition_name(written: str) -> str:
    """Operators, destructors and examples have names that are no identifiers."""
    plain = dotted(written) if " " not in written else ""
    return plain or (written.replace(".", "") if len(written) <= MAX_NAME else "")


def _one_line(node: Node | None, limit: int) -> str:
    return " ".join(text(node).split())[:limit] if node is not None else ""
