"""What the names, attributes and elements of a Python file are bound to, target by target. Used by the extractor only.

Knows the scope the walk is in and what it binds; which definition or value that is, is resolved elsewhere.
"""

from collections.abc import Callable, Sequence

from tree_sitter import Node

from orchestrator.kg.facts import BindingKind, Definition
from orchestrator.kg.python.bindings import Bindings, Scope
from orchestrator.kg.python.expressions import MAX_WRITTEN, Expressions, can_matter
from orchestrator.kg.python.syntax import text

_TUPLES = frozenset({"pattern_list", "tuple_pattern", "list_pattern"})
_VALUE_TUPLES = frozenset({"expression_list", "tuple", "list"})


class Names(Bindings):
    """Collects bindings from nodes of tree-sitter; scopes, branches and comprehensions end by position."""

    def __init__(self, root: Node, definitions: Sequence[Definition], define: Callable[[Node, int], int]) -> None:
        super().__init__(definitions, root.end_byte + 1)
        self.expressions = Expressions(define)
        self._scopes = [self.scope]

    def enter(self, scope: Scope) -> None:
        """The walk goes into a definition."""
        scope.branches = len(self.branches)
        self._scopes.append(scope)
        self.scope = scope
        self.expressions.scope = scope.index

    def leave(self, position: int) -> None:
        """Close the scopes, branches and comprehensions that end before a byte."""
        while self.scope.end <= position:
            self._scopes.pop()
            self.scope = self._scopes[-1]
            self.expressions.scope = self.scope.index
        while self.branches and self.branches[-1] <= position:
            self.branches.pop()
        self.expressions.leave(position)

    def target(self, target: Node, kind: BindingKind, value: str) -> None:
        """Bind all that a target of an assignment, loop or ``with`` names, parts of it to parts of the value."""
        stack = [(target, value)]
        while stack:
            node, value = stack.pop()
            known: BindingKind = "unknown" if value[:1] in ("", "?") else kind
            if node.type == "identifier":
                told = "" if known == "unknown" else value
                self.bind(self.expressions.name(node), known, told, node.start_point[0] + 1)
            elif node.type == "attribute":
                self._attribute(node, known, "" if known == "unknown" else value)
            elif node.type == "subscript":
                self._element(node, value)
            elif node.type in _TUPLES:
                stack += reversed(self._parts(node, value))
            elif node.named_child_count:
                stack.append((node.named_children[0], value))

    def unpack(self, left: Node, right: Node) -> None:
        """Bind a target to a value; a tuple to a tuple of the same length one by one."""
        stack = [(left, right)]
        while stack:
            target, value = stack.pop()
            targets, values = target.named_children, value.named_children
            if target.type in _TUPLES and value.type in _VALUE_TUPLES and _match(targets, values):
                stack += reversed(list(zip(targets, values, strict=True)))
            else:
                self.target(target, "value", self.expressions.of(value))

    def _parts(self, node: Node, value: str) -> list[tuple[Node, str]]:
        """The targets of a tuple with what each takes of the value; what follows a star counts from the end."""
        parts, children = [], node.named_children
        starred = next((at for at, one in enumerate(children) if "splat" in one.type), len(children))
        for position, child in enumerate(children):
            place = position if position < starred else position - len(children)
            taken = (
                ""
                if not value or len(value) > MAX_WRITTEN
                else f"{value}[{position}:]"
                if position == starred
                else f"{value}[@{place}]"
            )
            parts.append((child, taken))
        return parts

    def _attribute(self, target: Node, kind: BindingKind, value: str) -> None:
        receiver, name = target.child_by_field_name("object"), target.child_by_field_name("attribute")
        if receiver is None or name is None:
            return
        scope, line = self.scope, target.start_point[0] + 1
        if scope.owner >= 0 and text(receiver) == scope.self_name:
            self.bind_attribute(text(name), kind, value, line)
        elif value and can_matter(value):
            self.store(self.expressions.of(receiver), f".{text(name)}", value, line)

    def _element(self, target: Node, value: str) -> None:
        if value and can_matter(value):
            base = self.expressions.of(target.child_by_field_name("value"))
            self.store(base, self.expressions.key(target), value, target.start_point[0] + 1)


def _match(targets: Sequence[Node], values: Sequence[Node]) -> bool:
    return len(targets) == len(values) and not any("splat" in one.type for one in (*targets, *values))
