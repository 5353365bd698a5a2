"""What is bound where in a Python file, by scope. Used by both extractions, which know the nodes.

Knows the scope the walk is in and what it binds; which definition or value that is, is resolved elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from sys import intern

from orchestrator.kg.facts import AttributeBinding, Binding, BindingKind, Definition, Store
from orchestrator.kg.python.expressions import can_matter
from orchestrator.kg.python.steps import arguments

# A third of the time that the constructor of a named tuple takes; there are as many bindings as lines.
_new = tuple.__new__
# Methods of builtin containers that put their last argument into them, and at which key (see ``facts.Store``).
_PUTS = {
    "append": "+", "appendleft": "+", "add": "+", "insert": "+", "extend": "+", "update": "**", "setdefault": "key",
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Scope:
    """A definition whose body the walk is in: byte ``start`` to ``end``."""

    index: int
    start: int
    end: int = 0
    branches: int = 0
    self_name: str = ""
    owner: int = -1
    global_names: set[str] = field(default_factory=set)
    outer_names: set[str] = field(default_factory=set)


class Bindings:
    """Collects bindings. ``branches`` are the ends of the branches and loops the walk is in."""

    def __init__(self, definitions: Sequence[Definition], end: int = 0) -> None:
        self.scope = Scope(0, 0, end)
        self.branches: list[int] = []
        self.bindings: list[Binding] = []
        self.attributes: list[AttributeBinding] = []
        self.stores: list[Store] = []
        self._definitions = definitions

    def bind(self, name: str, kind: BindingKind, value: str, line: int) -> None:
        """Bind a name in the scope, or where ``global`` and ``nonlocal`` say."""
        scope, conditional = self.scope.index, len(self.branches) > self.scope.branches
        if name in self.scope.global_names:
            scope, conditional = 0, True
        elif name in self.scope.outer_names:
            scope, conditional = max(0, self._definitions[scope].parent), True
        self.bindings.append(_new(Binding, (scope, name, kind, intern(value), line, conditional)))

    def bind_attribute(self, name: str, kind: BindingKind, value: str, line: int) -> None:
        """Bind an attribute of the instance that the method is called on."""
        scope = self.scope
        self.attributes.append(AttributeBinding(scope.owner, scope.index, name, kind, value, line))

    def store(self, base: str, key: str, value: str, line: int) -> None:
        """A value is put into something; see ``facts.Store``."""
        if can_matter(base) and can_matter(value):
            conditional = len(self.branches) > self.scope.branches
            self.stores.append(Store(self.scope.index, base, key, value, line, conditional))

    def put(self, callee: str, passed: str, line: int) -> None:
        """Call of a method that puts something into a list, set or dictionary, if that is what it is called on."""
        base, _, method = callee.rpartition(".")
        kind = _PUTS.get(method)
        if not base or kind is None:
            return
        values = [value for _, value in arguments(passed)]
        key = values[0] if kind == "key" and can_matter(values[0]) else "" if kind == "key" else kind
        self.store(base, key, f"{values[-1]}[*]" if method == "extend" else values[-1], line)
