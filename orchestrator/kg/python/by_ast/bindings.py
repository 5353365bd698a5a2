"""What the names, attributes and elements of a Python file are bound to, target by target, by nodes of ``ast``.

Used by the extraction by ``ast`` only. Knows the scope the walk is in; which definition or value that is, is resolved
elsewhere.
"""

import ast
from collections.abc import Callable, Sequence

from orchestrator.kg.facts import BindingKind, Definition
from orchestrator.kg.python.bindings import Bindings
from orchestrator.kg.python.by_ast.expressions import Expressions
from orchestrator.kg.python.by_ast.source import Source
from orchestrator.kg.python.expressions import MAX_WRITTEN, can_matter

_SEQUENCES = (ast.Tuple, ast.List)


class Names(Bindings):
    """Collects bindings."""

    def __init__(
        self, source: Source, definitions: Sequence[Definition], define: Callable[[ast.Lambda, int], int]
    ) -> None:
        super().__init__(definitions)
        self.expressions = Expressions(source, define)

    def target(self, target: ast.expr, kind: BindingKind, value: str) -> None:
        """Bind all that a target of an assignment, loop or ``with`` names, parts of it to parts of the value."""
        stack = [(target, value)]
        while stack:
            node, value = stack.pop()
            known: BindingKind = "unknown" if value[:1] in ("", "?") else kind
            told = "" if known == "unknown" else value
            if isinstance(node, ast.Name):
                self.bind(self.expressions.name(node.id), known, told, node.lineno)
            elif isinstance(node, ast.Attribute):
                self._attribute(node, known, told)
            elif isinstance(node, ast.Subscript):
                self._element(node, value)
            elif isinstance(node, _SEQUENCES):
                stack += reversed(_parts(node.elts, value))
            elif isinstance(node, ast.Starred):
                stack.append((node.value, value))

    def unpack(self, left: ast.expr, right: ast.expr) -> None:
        """Bind a target to a value; a tuple to a tuple of the same length one by one."""
        stack = [(left, right)]
        while stack:
            target, value = stack.pop()
            if isinstance(target, _SEQUENCES) and isinstance(value, _SEQUENCES) and _match(target.elts, value.elts):
                stack += reversed(list(zip(target.elts, value.elts, strict=True)))
            else:
                self.target(target, "value", self.expressions.of(value))

    def _attribute(self, target: ast.Attribute, kind: BindingKind, value: str) -> None:
        receiver = target.value
        if self.scope.owner >= 0 and isinstance(receiver, ast.Name) and receiver.id == self.scope.self_name:
            self.bind_attribute(target.attr, kind, value, target.lineno)
        elif value and can_matter(value):
            self.store(self.expressions.of(receiver), f".{target.attr}", value, target.lineno)

    def _element(self, target: ast.Subscript, value: str) -> None:
        if value and can_matter(value):
            base = self.expressions.of(target.value)
            self.store(base, self.expressions.key(target), value, target.lineno)


def _parts(targets: list[ast.expr], value: str) -> list[tuple[ast.expr, str]]:
    """The targets of a tuple with what each takes of the value; what follows a star counts from the end."""
    starred = next((at for at, one in enumerate(targets) if isinstance(one, ast.Starred)), len(targets))
    parts = []
    for position, child in enumerate(targets):
        place = position if position < starred else position - len(targets)
        key = f"{position}:" if position == starred else f"@{place}"
        parts.append((child, f"{value}[{key}]" if value and len(value) <= MAX_WRITTEN else ""))
    return parts


def _match(targets: list[ast.expr], values: list[ast.expr]) -> bool:
    return len(targets) == len(values) and not any(isinstance(one, ast.Starred) for one in (*targets, *values))
