"""The state of the abstract interpreter: names, objects and their properties as one unit of files runs.

A unit is a circle of files that import each other, mostly one file. It runs on its own: what other units made is read,
but written only to copies, so that a unit's findings depend on nothing but its files and those it reads from.
``evaluate`` and ``execute`` hand programs to the tables of ``expressions`` and ``statements``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.builtin_names import GLOBALS, METHODS
from orchestrator.kg.javascript.running.record import Record
from orchestrator.kg.javascript.running.values import (
    UNDEFINED,
    UNKNOWN,
    Bound,
    Env,
    External,
    Imported,
    Live,
    Object,
    Plain,
    Region,
    Value,
    Values,
    join,
)

MAX_DEPTH = 120
_STAND_INS = frozenset({Live, Imported})
_MAX_PROTOTYPES = 40
_MAX_PROPERTIES = 500
_MAX_ITEMS = 100


@dataclass(slots=True)
class Module:
    """A module that runs or ran: its names, what it exports by ES rules, its CommonJS ``module`` object."""

    path: str
    env: Env
    namespace: Object
    commonjs: Object
    is_es: bool
    stars: list[str] = field(default_factory=list)


class Call(Protocol):
    """Calls every value that can be called, notes where the site leads and gives back what comes of it."""

    def __call__(
        self, m: "Machine", callees: Values, this: Values, arguments: "list[Values]", at: "Place", rule: str
    ) -> Values:
        """The values that the call can have."""
        ...


@dataclass(slots=True, frozen=True)
class Place:
    """Where something is called: a numbered site of a file, or an access to a property (site -1).

    ``sure``: whether it is certain by now that what is called here is the one that is called.
    """

    path: str
    site: int
    scope: int
    line: int = 0
    name: str = ""
    sure: bool = True


Handler = Callable[["Machine", ir.Node, Env], Values]
Bind = Callable[["Machine", ir.Node, Values, Env], None]


class Machine:
    """Runs the programs of one unit."""

    def __init__(
        self,
        programs: Callable[[str], list[ir.Node]],
        find: Callable[[str, str], str | None],
        done: Mapping[str, Module],
        table: Mapping[int, Handler],
        call: Call,
        bind: Bind,
        summaries: Mapping[tuple[str, int], Values],
    ) -> None:
        self.token = object()  # owns what this run makes, without keeping the run alive
        self.programs = programs
        self.find = find
        self.modules: dict[str, Module] = {}
        self.record = Record()
        self.region = Region()
        self.steps = 0
        self.limit = 0
        self.started = False  # whether all modules ran: what they export is settled from then on
        self._exports: dict[Imported, Values] = {}
        self.calls = 0
        self.call = call
        self.executed: dict[tuple[str, int], int] = {}
        self.results: dict[object, Values] = {}
        self.summaries: dict[tuple[str, int], Values] = {}
        self._bind = bind
        self._others = summaries
        self.created: list[Object] = []
        self._done = done
        self._table = table
        self._depth = 0
        self._names: dict[Env, dict[str, Values]] = {}
        self._props: dict[Object, dict[str, Values]] = {}
        self.instances: dict[Object, Object] = {}

    # Running

    def evaluate(self, node: ir.Node, env: Env) -> Values:
        """What an expression can be; its effects happen."""
        self.steps += 1
        if self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        values = self._table[node[0]](self, node, env)
        self._depth -= 1
        return values

    def execute(self, statements: list[ir.Node], env: Env) -> None:
        """Statements, one after the other."""
        table = self._table
        self.steps += len(statements)
        if self._depth > MAX_DEPTH:
            return
        self._depth += 1
        for node in statements:
            table[node[0]](self, node, env)
        self._depth -= 1

    def bind(self, target: ir.Node, values: Values, env: Env) -> None:
        """Assign to a pattern."""
        self._bind(self, target, values, env)

    def summary(self, function: tuple[str, int]) -> Values | None:
        """What a function gives back for unknown arguments, where that was found out."""
        found = self.summaries.get(function)
        if found is None:
            found = self._others.get(function)
            if found is not None:
                self.use(function)
        return found

    def use(self, of: tuple[str, int]) -> None:
        """Note that something of a function or class is read, if it belongs to another unit."""
        if of[0] not in self.modules:
            self.record.consulted.add(of[0])
            self.record.used.add(of)

    # Names

    def names(self, env: Env) -> dict[str, Values]:
        """The names of a block to read."""
        return env.names if env.owner is self.token else self._names.get(env, env.names)

    def lookup(self, env: Env, name: str) -> Values:
        """What a name can be."""
        at: Env | None = env
        while at is not None:
            values = self.names(at).get(name)
            if values is not None:
                return self.settle(values)
            at = at.parent
        if name == "arguments":
            return (self.array(list(env.frame.arguments)),) if env.frame.arguments else UNKNOWN
        return (External(name, builtin=True),) if name in GLOBALS else UNKNOWN

    def settle(self, values: Values) -> Values:
        """Values with what stands for names elsewhere looked up."""
        for value in values:
            if value.__class__ in _STAND_INS:
                break
        else:
            return values
        if self._depth > MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        settled: Values = ()
        for value in values:
            settled = join(settled, self._elsewhere(value))
        self._depth -= 1
        return settled

    def _elsewhere(self, value: Value) -> Values:
        if isinstance(value, Live):
            return self.lookup(value.env, value.name)
        if not isinstance(value, Imported):
            return (value,)
        found = self._exports.get(value)
        if found is None:
            found = self.exported(value.path, value.name)
            if self.started:
                self._exports[value] = found
        return found

    def assign(self, env: Env, name: str, values: Values) -> None:
        """``name = values``: replaces what was there, unless it may not happen."""
        at = env
        while name not in self.names(at) and at.parent is not None:
            at = at.parent
        names = at.names
        if at.owner is not self.token:
            names = self._names.setdefault(at, dict(at.names))
        old = names.get(name)
        names[name] = values if old is None or self.region.covers(at.region) else join(old, values)

    # Modules

    def module(self, path: str) -> Module | None:
        """A module that ran, or is running in this unit."""
        found = self.modules.get(path) or self._done.get(path)
        if found is not None and path not in self.modules:
            self.record.consulted.add(path)
        return found

    def exported(self, path: str, name: str, seen: set[str] | None = None) -> Values:
        """What a module exports under a name. ``seen``: the modules asked already on the way through ``export *``."""
        module = self.module(path)
        seen = set() if seen is None else seen
        if module is None or path in seen:
            return UNKNOWN
        seen.add(path)
        if not module.is_es:
            commonjs = self.properties(module.commonjs).get("exports", UNKNOWN)
            return commonjs if name in ("*", "=", "default") else self.get(commonjs, name)
        if name in ("*", "="):
            if name == "=" and "export=" in self.properties(module.namespace):
                return self.settle(self.properties(module.namespace)["export="])
            return (module.namespace,)
        found = self.properties(module.namespace).get(name)
        if found is not None:
            return self.settle(found)
        if name != "default":
            for star in module.stars:
                values = self.exported(star, name, seen)
                if values not in (UNKNOWN, UNDEFINED):
                    return values
        return self.settle(self.properties(module.namespace).get("export=", UNKNOWN)) if name == "default" else UNKNOWN

    # Objects

    def object(self) -> Object:
        """A new empty object."""
        return Object(self.token, "object", self.region)

    def array(self, items: list[Values]) -> Object:
        """A new array of known items; what follows a hundred of them may stand anywhere behind."""
        known, more = items[:_MAX_ITEMS], items[_MAX_ITEMS:]
        made = Object(self.token, "array", self.region, size=-1 if more else len(known))
        made.props = {str(index): values for index, values in enumerate(known)}
        for values in more:
            made.rest = join(made.rest, values)
        return made

    def properties(self, of: Object) -> dict[str, Values]:
        """An object's own properties to read."""
        return of.props if of.owner is self.token else self._props.get(of, of.props)

    def own(self, of: Object) -> dict[str, Values]:
        """An object's own properties to write."""
        if of.owner is self.token:
            return of.props
        return self._props.setdefault(of, dict(of.props))

    def get(self, values: Values, key: str) -> Values:
        """``values.key``, without calling getters."""
        found: Values = ()
        for value in values:
            found = join(found, self.member(value, key))
        return found

    def member(self, value: Value, key: str) -> Values:
        """The property of one value."""
        if isinstance(value, Object):
            return self._property(value, key)
        if isinstance(value, External):
            return (External(f"{value.name}.{key}", value.builtin),)
        if isinstance(value, Plain):
            if value.kind == "?":
                return UNKNOWN
            return () if value.kind in ("undefined", "null") else (External(f"{value.kind}.{key}", builtin=True),)
        if isinstance(value, Bound):
            return (External(f"Function.prototype.{key}", builtin=True, of=None),) if key == "name" else UNKNOWN
        return self.get(self.settle((value,)), key)

    def _property(self, of: Object, key: str) -> Values:
        if of.kind == "module":
            return self.exported(of.path, key) if of.path else self.settle(self.properties(of).get(key, UNDEFINED))
        at: Object | None = of
        found, is_open = None, False
        for _ in range(_MAX_PROTOTYPES):
            if at is None:
                break
            found = self.properties(at).get(key)
            if found is not None:
                break
            is_open = is_open or at.open
            at = at.proto
        if found is None and key == "prototype" and of.kind == "function":
            found = self._prototype(of)
        if found is None:
            return _builtin(of, key) or join(of.rest, UNKNOWN if is_open else ()) or UNDEFINED
        found = self.settle(found)
        found = join(found, UNKNOWN) if is_open else found
        return join(found, of.rest) if at is of else found

    def _prototype(self, of: Object) -> Values:
        """The prototype of a function, made when it is first asked for."""
        made = self.object()
        made.region = of.region
        made.props["constructor"] = (of,)
        found: Values = (made,)
        self.own(of)["prototype"] = found
        return found

    def accessor(self, value: Value, key: str, *, setter: bool) -> Values:
        """The getter or setter that runs when a property is read or written, if there is one."""
        at = value if isinstance(value, Object) else None
        for _ in range(_MAX_PROTOTYPES):
            if at is None:
                break
            accessors = at.setters if setter else at.getters
            if accessors is not None and key in accessors:
                return accessors[key]
            if key in self.properties(at):
                break
            at = at.proto
        return ()

    def put(self, of: Object, key: str | None, values: Values) -> None:
        """``of.key = values``; a key of None is one that is not known."""
        if key is None:
            if of.owner is self.token:
                of.rest = join(of.rest, values)
            return
        props = self.own(of)
        old = props.get(key)
        if old is None and len(props) >= _MAX_PROPERTIES:
            of.open = True
            return
        strong = self.region.covers(of.region)
        props[key] = values if old is None or strong else join(old, values)
        if of.kind == "array" and of.owner is self.token and key.isdigit():
            of.size = max(of.size, int(key) + 1) if of.size >= 0 else -1

    def elements(self, of: Object) -> list[Values]:
        """What iterating gives, item by item, as far as it is known."""
        if of.kind == "array":
            props = self.properties(of)
            keys = sorted((key for key in props if key.isdigit() and len(key) < 9), key=int)
            items = [props[key] for key in keys]
        else:
            items = [(value,) for value in of.inner]
        return items + [(value,) for value in of.rest]


def _builtin(of: Object, key: str) -> Values:
    """A property that the language gives to every object of the kind."""
    if key == "length" and of.kind == "array":
        return (Plain("number", str(of.size) if of.size >= 0 else None),)
    if key in METHODS.get(of.kind, ()):
        return (External(f"{of.kind}.{key}", builtin=True, of=of),)
    return (External(f"object.{key}", builtin=True, of=of),) if key in METHODS["object"] else ()
