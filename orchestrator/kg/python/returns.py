"""What calling a value gives, and what flows into a parameter.

A floor of the evaluator. A call that passes what the function hands on is followed with its own arguments; a parameter
read otherwise is all that the known calls of the function pass. Both are bounded in depth and width.
"""

import re
from abc import abstractmethod
from typing import NamedTuple

from orchestrator.kg.python.classes import PROPERTIES, Classes
from orchestrator.kg.python.flows import Passed, into_parameters
from orchestrator.kg.python.steps import Parameter, arguments, can_flow, names_in, parameters
from orchestrator.kg.python.symbols import (
    NOT_YET,
    NOTHING,
    UNKNOWN,
    Bound,
    External,
    Found,
    Instance,
    Made,
    Method,
    Opaque,
    Symbol,
    Value,
    enclosing_class,
    one,
    union,
)

# How many calls a value is followed through, from argument to parameter to argument.
LEVELS = 3
_COMPOUND = re.compile(r"#(\d+)")
_MAX_PARTS = 20
# So many arguments of different calls are followed into a parameter; functions handed over in place do not count.
_MAX_PASSED = 8
_MAX_HANDED = 8
Environment = tuple[tuple[str, Found], ...]
_SELF_TYPES = frozenset({"Self", "typing.Self", "typing_extensions.Self"})
# Decorators under which a call still returns what the function returns.
TRANSPARENT = PROPERTIES | {
    "staticmethod", "classmethod", "abstractmethod", "abc.abstractmethod", "override", "typing.override", "final",
    "typing.final", "overload", "typing.overload", "lru_cache()", "functools.lru_cache()", "cache", "functools.cache",
    "contextmanager", "contextlib.contextmanager", "asynccontextmanager", "contextlib.asynccontextmanager",
}  # fmt: skip
# Functions from outside, by what a call of them gives: their first argument, or a decorator that gives it.
_GIVES_FIRST = frozenset({
    "functools.partial", "functools.partialmethod", "functools.cache", "functools.lru_cache",
    "functools.update_wrapper", "functools.singledispatch", "functools.total_ordering",
    "contextlib.contextmanager", "abc.abstractmethod",
    "contextlib.asynccontextmanager", "atexit.register", "copy.copy", "copy.deepcopy", "typing.no_type_check",
    "functools.wraps()", "functools.lru_cache()", "dataclasses.dataclass", "dataclasses.dataclass()",
    "unittest.skip()", "unittest.skipIf()", "unittest.skipUnless()", "asgiref.sync.sync_to_async",
    "asgiref.sync.async_to_sync", "types.coroutine", "typing.final", "typing.overload", "typing.override",
})  # fmt: skip
_FACTORIES = frozenset(name.removesuffix("()") for name in _GIVES_FIRST if name.endswith("()"))
_BUILTIN_FIRST = frozenset({
    "iter", "list", "tuple", "set", "frozenset", "sorted", "reversed", "dict",
    "staticmethod", "classmethod", "property",
})  # fmt: skip
_DESCRIPTORS = frozenset({"staticmethod", "classmethod", "property"})
_ELEMENT = frozenset({"next", "max", "min", "anext"})


class Site(NamedTuple):
    """A call as an expression writes it: arguments, and where they are read."""

    scope: Symbol
    passed: str
    line: int


class Returns(Classes):
    """Calls values."""

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.level = LEVELS

    def call(self, value: Value, site: Site | None) -> Found:
        """``value()``."""
        if isinstance(value, Symbol):
            if value.is_class:
                return one(Instance(value, exact=True))
            return self._returned(value, None, site) if value.is_function else UNKNOWN
        if isinstance(value, Bound):
            return self._returned(value.function, value.receiver, site)
        if isinstance(value, Instance):
            called = self.attribute(value, "__call__")
            return union(
                [self.call(one_of, site) for one_of in called.values if isinstance(one_of, Bound)] or [NOT_YET]
            )
        if isinstance(value, Opaque):
            return self._of_builtin(value, site)
        if isinstance(value, External):
            return self._of_outside(value, site)
        return self.method(value, site) if isinstance(value, Method) else UNKNOWN

    @abstractmethod
    def declared(self, scope: Symbol, annotation: str) -> Found:
        """An instance of the class an annotation names."""

    @abstractmethod
    def sees_through(self, function: Symbol) -> bool:
        """Whether it is known what the decorators of a function make of it."""

    @abstractmethod
    def method(self, value: Method, site: Site | None) -> Found:
        """What a method of a builtin value gives."""

    @abstractmethod
    def element(self, value: Value) -> Found:
        """What iterating over a value gives."""

    # What a function returns

    def _returned(self, function: Symbol, receiver: Value | None, site: Site | None) -> Found:
        self.consult(function, "()")
        definition = function.definition
        if not TRANSPARENT.issuperset(definition.decorators) and not self.sees_through(function):
            return NOT_YET
        if definition.has_yield:
            return one(Made(function))
        if definition.returns_type:
            if definition.returns_type in _SELF_TYPES and isinstance(receiver, Instance):
                return one(receiver)
            declared = self.declared(function, definition.returns_type)
            if declared.values:
                return declared
        returns = [written for written in definition.returns if written != "@None"]
        if not returns:
            return NOTHING
        environment = self._environment_of(function, receiver, site, returns)
        key = (function, "returns", environment)
        return self.staged(key, lambda: self._within(environment, function, returns), UNKNOWN)

    def _within(self, environment: Environment, function: Symbol, returns: list[str]) -> Found:
        """Evaluate what a function returns, with the parameters known that it hands back."""
        self._environment = {(function, name): found for name, found in environment}
        return union([self.evaluate(function, written, function.definition.end_line) for written in returns])

    def _environment_of(
        self, function: Symbol, receiver: Value | None, site: Site | None, returns: list[str]
    ) -> Environment:
        """The parameters that a function may hand back, as this call gives them."""
        wanted = self._handed_back(function, returns)
        found: list[tuple[str, Found]] = []
        for parameter in parameters(function.definition.parameters) if wanted else ():
            if parameter.name not in wanted:
                continue
            if receiver is not None and parameter.position == 0:
                if receiver != Instance(enclosing_class(function) or function):
                    found.append((parameter.name, one(receiver)))
            elif site is not None and not parameter.stars:
                given = self._given_at(parameter, site, function, int(receiver is not None))
                if given is not None:
                    found.append((parameter.name, given))
        return tuple(found)

    def _given_at(self, parameter: Parameter, site: Site, function: Symbol, shift: int) -> Found | None:
        """What one call gives a parameter, its default if it passes nothing; None where a splat hides it."""
        call = Passed(site.scope, site.passed, site.line, shift)
        written = self.given(parameter, call)
        if written is not None:
            found = self.evaluate(site.scope, written, site.line)
            return found if len(found.values) <= _MAX_HANDED else UNKNOWN._replace(open=found.open)
        if "*" in site.passed:
            return None
        if not parameter.default:
            return UNKNOWN
        return self.evaluate(function.parent or function, parameter.default, function.definition.start_line)

    def _handed_back(self, function: Symbol, returns: list[str]) -> frozenset[str]:
        """The names that what a function returns is made of, through its own variables."""

        def compute() -> frozenset[str]:
            self.consult(function, "()")
            names: set[str] = set()
            waiting = [name for written in returns for name in self.names_of(function, written)]
            while waiting:
                name = waiting.pop()
                if name not in names:
                    names.add(name)
                    values = [bound.value for bound in function.names.get(name, ()) if bound.kind == "value"]
                    waiting += [name for value in values for name in self.names_of(function, value)]
            return frozenset(names)

        return self.shared((function, "handed"), compute, frozenset())

    def names_of(self, scope: Symbol, written: str) -> set[str]:
        """The names an expression reads, those inside of its compounds too."""
        names = set(names_in(written))
        if "#" in written:
            for number in _COMPOUND.findall(written):
                for part in self.compounds[scope.path][int(number)].parts[:_MAX_PARTS]:
                    names |= names_in(part)
        return names

    # What flows into a parameter

    def parameter(self, function: Symbol, name: str) -> Found:
        """All that the known calls of a function pass for a parameter."""
        given = self._environment.get((function, name))
        if given is not None:
            return given
        if self.level == 0:
            return NOT_YET
        key = (function, f"={name}", self.stage, self.level)
        return self.shared(key, lambda: self._parameter(function, name), UNKNOWN)

    def _parameter(self, function: Symbol, name: str) -> Found:
        self.level -= 1
        try:
            return self._passed_for(function, name)
        finally:
            self.level += 1

    def _passed_for(self, function: Symbol, name: str) -> Found:
        self.consult(function, "()")
        parameter = next((one for one in parameters(function.definition.parameters) if one.name == name), None)
        if parameter is None or parameter.stars:
            return Found((), False, open=False)
        parts = []
        if parameter.default:
            parts.append(self.evaluate(function.parent or function, parameter.default, function.definition.start_line))
        slot = into_parameters(function)
        self.consult_index(slot)
        entries = self.flows.into(slot)
        followed = 0
        for entry in entries:
            written = self.given(parameter, entry) if isinstance(entry, Passed) else None
            if written is None or not can_flow(written):
                continue
            followed += written[0] != "$"
            if followed > _MAX_PASSED:
                break
            parts.append(self.evaluate(entry.scope, written, entry.line))
        known = [part for part in parts if part.values]
        found = union(known) if known else NOTHING
        return Found(found.values, False, found.guess, open=True)

    def given(self, parameter: Parameter, call: Passed) -> str | None:
        """What a call writes for a parameter; None if nothing that can be told."""
        place = parameter.position - call.shift
        at = 0
        for name, written in arguments(call.passed):
            if name == parameter.name:
                return written
            if name == "*":
                if parameter.position >= 0 and at <= place:
                    return None
            elif not name:
                if at == place and parameter.position >= 0:
                    return written
                at += 1
        return None

    # Builtins and what comes from outside

    def _first(self, site: Site | None) -> Found | None:
        return self.passed(site, 0)

    def passed(self, site: Site | None, position: int) -> Found | None:
        """What a call passes at a position; None if it passes nothing that matters there."""
        if site is None or not site.passed:
            return None
        by_position = [written for name, written in arguments(site.passed) if not name]
        if position >= len(by_position):
            return None
        return self.evaluate(site.scope, by_position[position], site.line)

    def _of_builtin(self, value: Opaque, site: Site | None) -> Found:
        name = value.name
        if name in _BUILTIN_FIRST or name in _ELEMENT:
            given = self._first(site)
            if given is None:
                return one(value)
            if name in _ELEMENT:
                return union([self.element(one_of) for one_of in given.values] or [NOT_YET])
            if name in _DESCRIPTORS:
                return given
            kept = tuple(one_of for one_of in given.values if not isinstance(one_of, Symbol | Instance))
            return given._replace(values=kept) if kept else UNKNOWN._replace(open=given.open)
        if name == "type" and site is not None:
            given = self._first(site)
            classes = tuple(one_of.of for one_of in given.values if isinstance(one_of, Instance)) if given else ()
            return Found(classes, False, given.guess, given.open) if given and classes else one(value)
        if name == "getattr" and site is not None:
            return self._getattr(site)
        return one(value)

    def _getattr(self, site: Site) -> Found:
        of, named, default = self._first(site), self.passed(site, 1), self.passed(site, 2)
        parts = [default] if default is not None else []
        for name in named.values if named is not None else ():
            if isinstance(name, Opaque) and name.name.startswith("'") and of is not None:
                parts += [self.attribute(value, name.name.strip("'")) for value in of.values]
        return union(parts)._replace(complete=False) if parts else UNKNOWN

    def _of_outside(self, value: External, site: Site | None) -> Found:
        if value.name in _GIVES_FIRST:
            given = self._first(site)
            if given is not None and given.values:
                return given
        return one(External(f"{value.name}()")) if value.name in _FACTORIES else UNKNOWN
