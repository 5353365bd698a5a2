"""What is in containers: literals, comprehensions, what is put into them later, and what iterating gives.

A floor of the evaluator. A container is the place where it is written. Where a key is a constant and all that writes it
stands unconditionally in the scope that reads it, the last write before the read counts; else all that may be there.
"""

from typing import NamedTuple

from orchestrator.kg.facts import Compound
from orchestrator.kg.python.flows import Put, into_container
from orchestrator.kg.python.returns import Returns, Site
from orchestrator.kg.python.symbols import (
    NOT_YET,
    NOTHING,
    Bound,
    Container,
    External,
    Found,
    Inherited,
    Instance,
    Made,
    Method,
    Opaque,
    Symbol,
    Value,
    View,
    one,
    union,
)

_MAX_NESTED = 3
_MAX_WRITES = 64
_TAKES_KEY = frozenset({"get", "pop", "setdefault", "__getitem__"})
_TAKES_ANY = frozenset({"popleft", "popitem", "__next__", "send", "__enter__", "__aenter__", "__anext__"})
_SAME = frozenset({"copy", "__iter__", "__aiter__", "keys"})


class Write(NamedTuple):
    """Something at a key of a container (None: any key), written at a line of a scope."""

    key: str | None
    found: Found
    scope: Symbol
    line: int
    settled: bool


class Elements(Returns):
    """Reads elements."""

    def compound(self, scope: Symbol, number: int, line: int) -> Found:
        """A container, or the alternatives, that an expression writes."""
        self.consult(scope, "()")
        written = self.compounds[scope.path][number]
        if written.kind == "any":
            return union([self.evaluate(scope, part, line) for part in written.parts])
        return one(Container(scope.siblings[written.scope], number))

    def subscript(self, value: Value, site: Site) -> Found:
        """``value[key]``; the key is written where arguments are in a site."""
        key = site.passed
        if key == "*":
            return self.element(value)
        if isinstance(value, Container):
            return self._at(value, 0, key, site)
        if isinstance(value, View):
            return self._at(value.of, value.start, key, site) if value.kind == "slice" else self._all(value.of)
        if isinstance(value, Made):
            return self.element(value)
        if isinstance(value, Symbol):
            return one(value) if value.is_class else NOT_YET
        if isinstance(value, Instance):
            return self._called(value, "__getitem__")
        return one(value) if isinstance(value, Opaque) else NOT_YET

    def element(self, value: Value) -> Found:
        """What iterating over a value gives."""
        if isinstance(value, Container):
            return self._all(value) if self._written(value).kind != "dict" else one(Opaque("@key"))
        if isinstance(value, View):
            return one(View(value.of, "item")) if value.kind == "items" else self._all(value.of, value.start)
        if isinstance(value, Made):
            return self._yielded(value.function)
        if isinstance(value, Instance):
            iterator = self._called(value, "__iter__")
            parts = [
                self._called(one_of, "__next__") if isinstance(one_of, Instance) else self.element(one_of)
                for one_of in iterator.values
                if not isinstance(one_of, External | Inherited)
            ]
            return union(parts) if parts else NOT_YET
        return one(value) if isinstance(value, Opaque) else NOT_YET

    def method(self, value: Method, site: Site | None) -> Found:
        """What a method of a container, a view of one, or a generator gives."""
        of, name = value
        if isinstance(of, Made):
            return one(of) if name in _SAME else self._yielded(of.function)
        container = of.of if isinstance(of, View) else of
        if name in ("values", "items"):
            return one(View(container, name))
        if name in _SAME:
            return one(of)
        if name in _TAKES_KEY:
            if site is None or not site.passed:
                return self._all(container)
            key = site.passed.partition(",")[0]
            default = self.passed(site, 1)
            found = self._at(container, 0, "" if key == "?" else key, site)
            return union([found, default]) if default is not None else found
        return self._all(container) if name in _TAKES_ANY else NOTHING

    def _called(self, value: Instance, name: str) -> Found:
        methods = [one_of for one_of in self.attribute(value, name).values if isinstance(one_of, Bound)]
        return union([self.call(method, None) for method in methods]) if methods else NOT_YET

    def _yielded(self, function: Symbol) -> Found:
        self.consult(function, "()")
        definition = function.definition
        parts = [self.evaluate(function, written, definition.end_line) for written in definition.yields]
        return union(parts) if parts else NOTHING

    # Writes

    def _written(self, container: Container) -> Compound:
        return self.compounds[container.scope.path][container.number]

    def _all(self, container: Container, start: int = 0) -> Found:
        found = [write.found for write in self._writes(container) if write.key is None or not _before(write.key, start)]
        return union(found)._replace(open=True) if found else NOT_YET

    def _at(self, container: Container, start: int, key: str, site: Site) -> Found:
        if key.endswith(":"):
            return one(View(container, "slice", start + int(key[:-1] or 0)) if key[:-1].isdigit() else container)
        wanted = self.constants(site.scope, key, site.line) if key else None
        writes = self._writes(container)
        if not wanted:
            found = [write.found for write in writes]
            return union(found)._replace(open=True) if found else NOT_YET
        found = []
        for name in wanted:
            place = self._place(container, start, name)
            found += self._visible([write for write in writes if write.key in (None, place)], site)
        return union(found)._replace(open=True) if found else NOT_YET

    def _place(self, container: Container, start: int, name: str) -> str:
        """The key that a constant means: negative ones count from the end."""
        if self._written(container).kind == "dict" or name.startswith("'"):
            return name
        index = int(name)
        return str(index + len(self._written(container).parts) if index < 0 else index + start)

    def _visible(self, writes: list[Write], site: Site) -> list[Found]:
        exact = [write for write in writes if write.key is not None]
        straight = all(write.settled and write.scope is site.scope for write in exact)
        if straight and site.line and exact:
            before = [write for write in exact if write.line <= site.line] or exact
            exact = before[-1:]
        return [write.found for write in writes if write.key is None] + [write.found for write in exact]

    def constants(self, scope: Symbol, written: str, line: int) -> list[str]:
        """The constants a key can be; none where it is not known."""
        found = self.evaluate(scope, written, line)
        names = [value.name for value in found.values if isinstance(value, Opaque) and value.name[0] in "'-0123456789"]
        return names if len(names) == len(found.values) else []

    def _writes(self, container: Container, depth: int = 0) -> list[Write]:
        if self.level == 0 or depth > _MAX_NESTED:
            return []
        key = (container, "writes", self.stage, self.level)
        return self.shared(key, lambda: self._all_writes(container, depth), [])

    def _all_writes(self, container: Container, depth: int) -> list[Write]:
        self.level -= 1
        try:
            slot = into_container(container.scope, self.ordinal(container))
            self.consult_index(slot)
            writes = self._literal(container, depth)
            for put in self.flows.into(slot):
                if len(writes) < _MAX_WRITES and isinstance(put, Put):
                    writes += self._put_write(put, depth)
            return sorted(writes, key=lambda write: write.line if write.scope.path == container.scope.path else 0)
        finally:
            self.level += 1

    def ordinal(self, container: Container) -> int:
        """The turn of a container among those written in its scope."""
        before = self.compounds[container.scope.path][: container.number]
        return sum(one.scope == container.scope.index for one in before)

    def _literal(self, container: Container, depth: int) -> list[Write]:
        written, scope = self._written(container), container.scope
        if written.kind == "dict":
            return self._pairs(written, scope, depth)
        writes, certain = [], written.kind != "each"
        for position, part in enumerate(written.parts):
            starred = part.startswith("*")
            certain = certain and not starred
            expression = f"{part[1:]}[*]" if starred else part
            found = self.evaluate(scope, expression, written.line)
            writes.append(Write(str(position) if certain else None, found, scope, written.line, settled=True))
        return writes

    def _pairs(self, written: Compound, scope: Symbol, depth: int) -> list[Write]:
        writes: list[Write] = []
        for key, value in zip(written.parts[::2], written.parts[1::2], strict=True):
            if key == "**":
                writes += self._merged(scope, value, written.line, depth, settled=True)
                continue
            names = self.constants(scope, key, written.line) if key != "?" else []
            found = self.evaluate(scope, value, written.line)
            writes += [Write(name, found, scope, written.line, settled=True) for name in _or_any(names)]
        return writes

    def _put_write(self, put: Put, depth: int) -> list[Write]:
        settled = not put.conditional
        if put.key == "**":
            return self._merged(put.scope, put.value, put.line, depth, settled=settled)
        found = self.evaluate(put.scope, put.value, put.line)
        names = self.constants(put.scope, put.key, put.line) if put.key not in ("", "+") else []
        return [Write(name, found, put.scope, put.line, settled) for name in _or_any(names)]

    def _merged(self, scope: Symbol, value: str, line: int, depth: int, *, settled: bool) -> list[Write]:
        """All of another container, as if it were written here."""
        writes = []
        for other in self.evaluate(scope, value, line).values:
            if isinstance(other, Container):
                inner = self._writes(other, depth + 1)
                writes += [Write(write.key, write.found, scope, line, settled and write.settled) for write in inner]
        return writes


def _before(key: str, start: int) -> bool:
    return start > 0 and key.isdigit() and int(key) < start


def _or_any(names: list[str]) -> list[str | None]:
    """The keys, or "any key" where there are none."""
    return [*names] or [None]
