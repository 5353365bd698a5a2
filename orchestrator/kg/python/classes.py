"""Classes: their order of resolution, and what reading an attribute of a value gives.

A floor of the evaluator. Follows Python: the first class in order that binds the name, instance attributes set by any
of them, properties called, functions bound to what they were read from.
"""

from abc import abstractmethod
from typing import Any

from orchestrator.kg.facts import Binding
from orchestrator.kg.python.exports import Exports
from orchestrator.kg.python.flows import NO_FLOWS, Flows, Put, into_attribute
from orchestrator.kg.python.symbols import (
    NOT_YET,
    NOTHING,
    UNKNOWN,
    Bound,
    Container,
    External,
    Found,
    Inherited,
    Instance,
    Made,
    Method,
    Namespace,
    Opaque,
    Super,
    Symbol,
    Value,
    View,
    merged,
    one,
    union,
)

PROPERTIES = frozenset({"property", "cached_property", "functools.cached_property"})
_MAX_ANCESTORS = 200
# So many classes below may be the only ones that have an attribute, and still all count as reached.
_MAX_BELOW = 4
_MAX_GUESSED = 8
_MAX_SUBCLASSES = 32
_UNKNOWN_BASE = External("?")
_OBJECT = Opaque("object")

Order = tuple[Symbol | External | Opaque, ...]


class Classes(Exports):
    """Orders classes and reads attributes."""

    flows: Flows

    @abstractmethod
    def evaluate(self, scope: Symbol, expression: str, line: int = 0) -> Found:
        """What an expression can be."""

    @abstractmethod
    def call(self, value: Value, site: Any) -> Found:
        """What calling a value gives."""

    @abstractmethod
    def binding(self, scope: Symbol, binding: Binding) -> Found:
        """What one binding binds."""

    @abstractmethod
    def subclasses(self, of: Symbol) -> list[Symbol]:
        """Classes below a class."""

    # Order

    def mro(self, of: Symbol) -> Order:
        """The classes an attribute is looked for in, in order; ``External("?")`` for bases the code does not say."""
        return self.shared((of, "order"), lambda: self._order(of), (of, _UNKNOWN_BASE))

    def ancestors(self, of: Symbol) -> list[Symbol]:
        """The classes of ours behind a class, in order."""
        return [one for one in self.mro(of)[1:] if isinstance(one, Symbol)]

    def _order(self, of: Symbol) -> Order:
        """C3 over all ancestors, from the top down and without recursion: a chain of classes may be long."""
        bases: dict[Symbol, list[Symbol | External | Opaque]] = {}
        waiting = [of]
        while waiting:
            current = waiting.pop()
            if current in bases:
                continue
            bases[current] = [base for base in self.bases(current) if base != _OBJECT]
            if len(bases) > _MAX_ANCESTORS:
                return (of, _UNKNOWN_BASE)
            waiting += [base for base in bases[current] if isinstance(base, Symbol)]
        known: dict[Symbol, list[Symbol | External | Opaque]] = {}
        stack = [of]
        entered: set[Symbol] = set()
        while stack:
            current = stack[-1]
            below = [base for base in bases[current] if isinstance(base, Symbol)]
            open_bases = [base for base in below if base not in known and base not in entered]
            if open_bases and current not in known:
                entered.add(current)
                stack += open_bases
                continue
            stack.pop()
            lists: list[list[Symbol | External | Opaque]] = [
                known.get(base, [base]) if isinstance(base, Symbol) else [base] for base in bases[current]
            ]
            # Behind one base comes what is behind that: most classes have no more.
            behind = lists[0] if len(lists) == 1 else merged([*lists, bases[current]])
            known[current] = [current, *(base for base in behind if base is not current)]
        return tuple(known[of])

    def bases(self, of: Symbol) -> list[Symbol | External | Opaque]:
        """Each base class: ours, outside, builtin, or ``External("?")``."""
        self.consult(of, "bases")
        return self.shared((of, "bases"), lambda: self._bases(of), [])

    def _bases(self, of: Symbol) -> list[Symbol | External | Opaque]:
        """Whatever the stage, bases are what they are without knowing who calls whom."""
        outer = self.stage, self.flows
        self.stage, self.flows = 0, NO_FLOWS
        try:
            return [self._base(of, written) for written in of.definition.bases]
        finally:
            self.stage, self.flows = outer

    def _base(self, of: Symbol, written: str) -> Symbol | External | Opaque:
        found = self.evaluate(of.parent or of, written, of.definition.start_line)
        value = found.values[0] if len(found.values) == 1 and not found.guess else None
        if isinstance(value, Symbol) and value.is_class and value is not of:
            return value
        return value if isinstance(value, External | Opaque) and found.complete else _UNKNOWN_BASE

    # Attributes

    def attribute(self, value: Value, name: str) -> Found:
        """``value.name``."""
        if isinstance(value, Instance):
            key = (value, name)
            known = self._memo.get(key)
            if known is not None:
                return known  # type: ignore[no-any-return]
            return self.once(key, lambda: self._of_instance(value, name)) or UNKNOWN
        if isinstance(value, Symbol):
            if value.definition.kind == "module":
                return self.member(value, name)
            return self._of_class(value, name) if value.is_class else UNKNOWN
        if isinstance(value, External):
            return one(External(f"{value.name}.{name}"))
        if isinstance(value, Super):
            return self._of_super(value, name)
        if isinstance(value, Opaque):
            return one(value)
        if isinstance(value, Namespace):
            return self.module(f"{value.name}.{name}", "")
        if isinstance(value, Container | View | Made):
            return one(Method(value, name))
        return UNKNOWN

    def _of_instance(self, value: Instance, name: str) -> Found:
        if name == "__class__":
            return one(value.of)
        order = self.mro(value.of)
        on_class = self._in_order(order, name, value)
        if on_class is not None and any(map(_is_property, on_class.values)):
            return union([self.call(found, None) if _is_property(found) else one(found) for found in on_class.values])
        parts = self._set_on_instance(order, name)
        if on_class is None:
            parts += self._put_from_outside(order, name)
        if on_class is not None:
            parts.append(on_class)
        outside = on_class is not None and all(isinstance(found, Inherited | Opaque) for found in on_class.values)
        if value.exact or (on_class is not None and not outside) or len(parts) > (on_class is not None):
            return union(parts) if parts else NOT_YET
        return self._below(value.of, name, certain=on_class is None) or (union(parts) if parts else NOT_YET)

    def _of_super(self, value: Super, name: str) -> Found:
        """What comes behind a class: behind a mixin that has nothing behind it, what its subclasses put there."""
        receiver = Instance(value.of)
        found = self._in_order(self.mro(value.of)[1:], name, receiver)
        if found is not None:
            return found
        parts = []
        below = self.subclasses(value.of)
        for lower in below if len(below) <= _MAX_SUBCLASSES else ():
            order = self.mro(lower)
            if value.of in order:
                behind = self._in_order(order[order.index(value.of) + 1 :], name, Instance(lower))
                parts += [behind] if behind is not None else []
        return self._some(union(parts), certain=True) or UNKNOWN

    def _of_class(self, value: Symbol, name: str) -> Found:
        found = self._in_order(self.mro(value), name, value)
        if found is not None:
            return found
        parts = self._put_from_outside(self.mro(value), name)
        return union(parts) if parts else NOT_YET

    def _in_order(self, order: Order, name: str, receiver: Instance | Symbol) -> Found | None:
        """What the first class in order binds a name to, as read from the receiver."""
        guess = False
        for current in order:
            if isinstance(current, Symbol):
                if self.recording:
                    self.consult(current, name)
                if name in current.names:
                    found = self.bound(current, name, 0)
                    bound = tuple(_bind(value, receiver) for value in found.values)
                    return Found(bound, found.complete, found.guess or guess, found.open)
            elif current is _UNKNOWN_BASE or current == _UNKNOWN_BASE:
                guess = True
            elif not guess:
                rest = order[order.index(current) + 1 :]
                later = self._in_order(rest, name, receiver) if any(isinstance(one, Symbol) for one in rest) else None
                if later is not None and not all(isinstance(value, Inherited) for value in later.values):
                    return later
                return one(Inherited(f"{current.name}.{name}") if isinstance(current, External) else current)
        return None

    def _set_on_instance(self, order: Order, name: str) -> list[Found]:
        """What methods of any of the classes put into an attribute of an instance."""
        parts = []
        for current in order:
            if isinstance(current, Symbol):
                if self.recording:
                    self.consult(current, f".{name}")
                for bound in current.attributes.get(name, ()):
                    scope = current.siblings[bound.scope]
                    as_binding = Binding(bound.scope, bound.name, bound.kind, bound.value, bound.line, conditional=True)
                    parts.append(NOTHING if bound.value == "@None" else self.binding(scope, as_binding))
        return [part for part in parts if part.values or not part.complete]

    def _put_from_outside(self, order: Order, name: str) -> list[Found]:
        slot = into_attribute(name)
        self.consult_index(slot)
        entries = self.flows.into(slot)
        if not entries:
            return []
        owners = {current.name for current in order if isinstance(current, Symbol)}
        return [self.put(put) for put in entries if isinstance(put, Put) and put.owner in owners]

    @abstractmethod
    def put(self, entry: Put) -> Found:
        """The value of something put somewhere."""

    def _below(self, of: Symbol, name: str, *, certain: bool) -> Found | None:
        """What the classes below have where a class itself has nothing: its instances are theirs."""
        parts: list[Found] = []
        below = self.subclasses(of)
        for lower in below if len(below) <= _MAX_SUBCLASSES else ():
            order = self.mro(lower)
            found = self._set_on_instance(order, name)
            on_class = self._in_order(order, name, Instance(lower))
            if on_class is not None and not all(isinstance(value, Inherited | Opaque) for value in on_class.values):
                found.append(on_class)
            parts += found
        if not any(part.values for part in parts):
            return None
        return self._some(union(parts), certain=certain)

    def _some(self, found: Found, *, certain: bool) -> Found | None:
        """What several subclasses have: few count as reached, some as possible, many as nothing."""
        functions = {value.function if isinstance(value, Bound) else value for value in found.values}
        if not functions or len(functions) > _MAX_GUESSED:
            return None
        return found._replace(complete=False, guess=found.guess or not certain or len(functions) > _MAX_BELOW)


def _bind(value: Value, receiver: Instance | Symbol) -> Value:
    """A function as it is read from an instance or a class."""
    if not isinstance(value, Symbol) or not value.is_function:
        return value
    decorators = value.definition.decorators
    if "classmethod" in decorators:
        return Bound(value, receiver.of if isinstance(receiver, Instance) else receiver)
    if "staticmethod" in decorators or isinstance(receiver, Symbol):
        return value
    return Bound(value, receiver)


def _is_property(value: Value) -> bool:
    return isinstance(value, Bound) and not PROPERTIES.isdisjoint(value.function.definition.decorators)
