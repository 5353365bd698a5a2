"""What a Python expression can be: scopes, names, imports, attributes, calls, elements.

Used by the Python linker. Answers are sets with a flag whether they are complete; where the code does not say,
the answer is incomplete, never made up. Works on facts of the whole tree, in memory, with bounds on depth and width.
"""

import builtins
from collections.abc import Callable, Hashable
from typing import Any

from orchestrator.kg.facts import Binding
from orchestrator.kg.python import steps as expressions
from orchestrator.kg.python.elements import Elements
from orchestrator.kg.python.flows import NO_FLOWS, Flows, Put
from orchestrator.kg.python.returns import TRANSPARENT, Site
from orchestrator.kg.python.symbols import (
    NOT_YET,
    NOTHING,
    UNKNOWN,
    Bound,
    External,
    Found,
    Instance,
    Opaque,
    Super,
    Symbol,
    Value,
    enclosing_class,
    one,
    union,
)

_MAX_DEPTH = 24
# Steps are not taken from more values than this.
_MAX_FOLLOWED = 16
_BUILTINS = frozenset(dir(builtins))
# Bindings that are as quickly read again as remembered, and in no circle.
_PLAIN = frozenset({"self", "cls", "unknown"})
_BOUND = "bound"
# What heads begin with that are no names.
_SIGNS = "@$#?"
_OVERLOADS = frozenset({"overload", "typing.overload", "t.overload"})
_PLAIN_TYPES = frozenset({"str", "int", "float", "bool", "bytes"})


class Evaluator(Elements):
    """Evaluates expressions of a tree.

    Remembers what it found for as long as one file is linked (``begin``), so that answers do not depend on which files
    were linked before. ``flows`` is what is known of arguments and containers at a ``stage`` of resolution.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.flows = NO_FLOWS
        self.below: Callable[[Symbol], list[Symbol]] = lambda _: []

    def at_stage(self, stage: int, flows: Flows) -> None:
        """Go on with what an earlier stage found out."""
        self.stage, self.flows = stage, flows

    def subclasses(self, of: Symbol) -> list[Symbol]:
        """Classes below a class."""
        return self.below(of)

    def evaluate(self, scope: Symbol, expression: str, line: int = 0) -> Found:
        """What an expression can be in a scope. ``line`` tells apart names bound more than once; 0 = any."""
        head, steps = expressions.parts(expression)
        if line and "[" not in expression and len(scope.names.get(head, ())) < 2:
            line = 0
        key = (scope, expression, line)
        found = self._memo.get(key)
        if found is not None:
            return found  # type: ignore[no-any-return]
        if self._depth > _MAX_DEPTH:
            return UNKNOWN
        self._memo[key] = UNKNOWN  # what a circle of names sees of itself
        self._depth += 1
        try:
            # The most common cases are not left to the functions that know all of them.
            found = self.lookup(scope, head, line) if head[0] not in _SIGNS else self._head(scope, head, line)
            for step in steps:
                values, complete, guess, opened = found
                if step[0] == "." and complete and len(values) == 1 and not guess and not opened:
                    found = self.attribute(values[0], step[1:])
                else:
                    found = self._step(found, step, scope, line)
        finally:
            self._depth -= 1
        self._memo[key] = found
        return found

    def _step(self, found: Found, step: str, scope: Symbol, line: int) -> Found:
        values = found.values
        if not values or len(values) > _MAX_FOLLOWED:
            return Found((), False, found.guess, found.open)
        sign = step[0]
        if sign == ".":
            name = step[1:]
            # One value is by far the most common.
            result = (
                self.attribute(values[0], name)
                if len(values) == 1
                else union([self.attribute(value, name) for value in values])
            )
        else:
            site = Site(scope, step[1:-1], line)
            take: Callable[[Value, Site], Found] = self.call if sign == "(" else self.subscript
            result = take(values[0], site) if len(values) == 1 else union([take(value, site) for value in values])
        if found.complete and not found.guess and not found.open:
            return result
        return Found(
            result.values, result.complete and found.complete, result.guess or found.guess, result.open or found.open
        )

    # Heads

    def _head(self, scope: Symbol, head: str, line: int) -> Found:
        sign = head[0]
        if sign == "@":
            if head == "@None":
                return NOTHING
            return one(Opaque(head[1:] if head[1] in "'-0123456789" else head))
        if sign == "$":
            self.consult(scope, "()")
            return one(scope.siblings[int(head[1:])])
        if sign == "#":
            return self.compound(scope, int(head[1:]), line)
        return UNKNOWN if sign == "?" else self.lookup(scope, head, line)

    def lookup(self, scope: Symbol, name: str, line: int) -> Found:
        """A name as Python's scopes find it: class bodies are seen only from inside themselves."""
        at: Symbol | None = scope
        if name == "super()":
            return self._super(scope)
        while at is not None:
            kind = at.definition[0]
            if at is scope or kind != "class":
                if self.recording:
                    self.consult(at, name)
                if name in at.names:
                    return self.bound(at, name, line if at is scope else 0)
            if kind == "module":
                starred = self.starred(at, name)
                if starred is not None:
                    return starred
            at = at.parent
        return one(Opaque(name)) if name in _BUILTINS else UNKNOWN

    def _super(self, scope: Symbol) -> Found:
        enclosing = enclosing_class(scope)
        return UNKNOWN if enclosing is None else one(Super(enclosing))

    # Names

    def once(self, key: Hashable, compute: Callable[[], Found | None]) -> Found | None:  # type: ignore[override]
        """Compute what was not computed yet; None for what is being computed, and for what is nested too deep."""
        if key not in self._memo:
            if self._depth > _MAX_DEPTH:
                return None
            self._memo[key] = None  # what a circle of imports sees of itself
            self._depth += 1
            try:
                self._memo[key] = compute()
            finally:
                self._depth -= 1
        return self._memo[key]  # type: ignore[no-any-return]

    def bound(self, scope: Symbol, name: str, line: int) -> Found:
        """What a name that is bound in a scope can be, at a line (0: at any time)."""
        bindings = scope.names[name]
        only = bindings[0] if len(bindings) == 1 else None
        if only is not None:
            line = 0
            if only.kind in _PLAIN:
                return self.binding(scope, only)
        key = (scope, name, line, _BOUND)
        if key in self._memo:
            return self._memo[key] or UNKNOWN
        if self._depth > _MAX_DEPTH:
            return UNKNOWN
        self._memo[key] = None  # what a circle of imports sees of itself
        self._depth += 1
        try:
            found = self.binding(scope, only) if only is not None else self._bound(scope, bindings, line)
        finally:
            self._depth -= 1
        self._memo[key] = found
        return found

    def _bound(self, scope: Symbol, bindings: list[Binding], line: int) -> Found:
        """What one of several bindings can bind."""
        chosen = self._choose(scope, bindings, line)
        if not chosen:
            return NOTHING
        found = union([self.binding(scope, binding) for binding in chosen])
        # Definitions and imports of the same name stand in branches that exclude one another.
        excluding = sum(one.kind in ("def", "import", "from") for one in chosen) > 1
        return found._replace(guess=True) if excluding and len(found.values) > 1 else found

    def _choose(self, scope: Symbol, bindings: list[Binding], line: int) -> list[Binding]:
        """The bindings a use can see: straight-line code is followed, branches and loops leave all that is possible."""
        real = [one for one in bindings if one.value != "@None" and not self._is_overload(scope, one)]
        settled = [one for one in real if not one.conditional]
        if line:
            settled = [one for one in settled if one.line <= line] or settled
        elif any(one.kind not in ("def", "import", "from") for one in settled):
            return real
        if not settled:
            return real
        last = settled[-1]
        if self._is_property(scope, last):
            return [next(one for one in real if one.kind == "def")]
        return [last, *(one for one in real if one.conditional and one.line > last.line)]

    def _is_overload(self, scope: Symbol, binding: Binding) -> bool:
        return binding.kind == "def" and not _OVERLOADS.isdisjoint(_symbol(scope, binding).definition.decorators)

    def _is_property(self, scope: Symbol, binding: Binding) -> bool:
        """Whether a definition is the setter or deleter of a property: the getter above it says what reading gives."""
        if binding.kind != "def":
            return False
        decorators = _symbol(scope, binding).definition.decorators
        return any(one in (f"{binding.name}.setter", f"{binding.name}.deleter") for one in decorators)

    def binding(self, scope: Symbol, binding: Binding) -> Found:
        """What one binding binds."""
        kind, value = binding.kind, binding.value
        if kind == "def":
            symbol = scope.siblings[int(value)]
            return self._decorated(scope, symbol) if symbol.definition.decorated else one(symbol)
        if kind in ("self", "cls"):
            given = self._environment.get((scope, binding.name))
            if given is not None:
                return given
            owner = _symbol(scope, binding)
            return one(owner if kind == "cls" else Instance(owner))
        if kind == "import":
            return self.module(value, scope.path)
        if kind == "from":
            module, _, name = value.partition(":")
            return self.imported(scope.path, module, name)
        if kind == "value":
            return self.evaluate(scope, value, max(binding.line - 1, 1))
        if kind == "parameter":
            declared = self.declared(scope, value) if value else UNKNOWN
            return declared if declared.values else self.parameter(scope, binding.name)
        return self.declared(scope, value) if kind == "type" else UNKNOWN

    def put(self, entry: Put) -> Found:
        """The value of something put somewhere."""
        if self.level == 0:
            return NOT_YET
        return self.shared((entry, self.stage, self.level), lambda: self._put(entry), UNKNOWN)

    def _put(self, entry: Put) -> Found:
        self.level -= 1
        try:
            return self.evaluate(entry.scope, entry.value, entry.line)._replace(open=True)
        finally:
            self.level += 1

    # Decorators and annotations

    def _decorated(self, scope: Symbol, symbol: Symbol) -> Found:
        """What the name of a definition is bound to: what its decorators return, where that is known."""
        definition = symbol.definition
        written = definition.decorated
        if not written or TRANSPARENT.issuperset(definition.decorators):
            return one(symbol)
        opened = False
        while written[0] != "$":
            found = self.evaluate(scope, written, definition.start_line)
            opened = opened or found.open
            callable_ = tuple(value for value in found.values if self._replaces(value))
            if callable_:
                return Found(callable_, found.complete, found.guess, found.open)
            written = expressions.parts(written)[1][-1][1:-1]  # a decorator that cannot be followed is taken to keep it
        return Found((symbol,), True, open=opened)

    def _replaces(self, value: Value) -> bool:
        """Whether a decorator's result stands for the function; objects that hand it out again do not."""
        if isinstance(value, Instance):
            return any(isinstance(found, Bound) for found in self.attribute(value, "__call__").values)
        return isinstance(value, Bound) or (isinstance(value, Symbol) and value.definition.kind != "module")

    def sees_through(self, function: Symbol) -> bool:
        """Whether it is known what the decorators of a function make of it."""
        scope, definition = function.parent or function, function.definition
        if not definition.decorated:
            return False
        found = self.evaluate(scope, definition.decorated, definition.start_line)
        return any(self._replaces(value) for value in found.values)

    def declared(self, scope: Symbol, annotation: str) -> Found:
        """An instance of the class an annotation names."""
        found = self.evaluate(scope, annotation)
        if len(found.values) != 1 or not found.complete:
            return UNKNOWN
        value = found.values[0]
        if isinstance(value, External) and value.name in ("typing.Self", "typing_extensions.Self"):
            enclosing = enclosing_class(scope)
            return one(Instance(enclosing)) if enclosing is not None else UNKNOWN
        if isinstance(value, Symbol) and value.is_class:
            return one(Instance(value))
        return found if isinstance(value, Opaque) and value.name in _PLAIN_TYPES else UNKNOWN


def _symbol(scope: Symbol, binding: Binding) -> Symbol:
    return scope.siblings[int(binding.value)]
