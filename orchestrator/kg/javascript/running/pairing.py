"""Whether a unit that ran again is, for those who read from it, what it was before; and if so, keeps its identity.

Used by the project of the JavaScript linker after an edit. What both runs made is compared object by object. Where it
is alike, what the first run made stays and takes over the new programs, so units that hold some of it need not run
again, but for those that used a function which is another one now. It runs nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.running.machine import Module
from orchestrator.kg.javascript.running.values import Bound, Code, Env, External, Frame, Live, Object, Value, Values

Reference = tuple[str, int]
Summaries = Mapping[Reference, Values]


@dataclass(frozen=True, slots=True)
class Version:
    """One run of a unit: what it left, and its files as it saw them. ``names`` are local names by definition."""

    modules: Mapping[str, Module]
    summaries: Summaries
    programs: Mapping[str, list[ir.Node]]
    texts: Mapping[str, str]
    names: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The first run's objects with the second one's programs.

    ``changed``: functions, by old number, that differ; ``shifted``: those that only stand at other lines.
    """

    modules: dict[str, Module]
    summaries: dict[Reference, Values]
    changed: frozenset[Reference]
    shifted: frozenset[Reference]


def keep(old: Version, new: Version) -> Kept | None:
    """What stays of a run, brought up to date; None where its readers could tell the difference."""
    pairing = _Pairing(old, new)
    if not all(pairing.module(old.modules[path], new.modules[path]) for path in old.modules):
        return None
    changed: set[Reference] = set()
    shifted: set[Reference] = set()
    for path in old.modules:
        _compare_programs(path, old, new, changed, shifted)
    kept: dict[Reference, Values] = {}
    later = dict(new.summaries)
    for (path, at), values in old.summaries.items():
        ref = pairing.number(path, at)
        found = later.pop((path, ref), None) if ref is not None else None
        if found is not None and ref is not None and pairing.attempt(values, found):
            kept[path, ref] = values
        else:
            changed.add((path, at))
            if found is not None and ref is not None:
                later[path, ref] = found
    for (path, at), values in later.items():
        kept[path, at] = pairing.adopted(values)
        earlier = pairing.earlier(path, at)
        changed |= {(path, earlier)} if earlier is not None else set()
    pairing.settle()
    return Kept(dict(old.modules), kept, frozenset(changed), frozenset(shifted))


def _compare_programs(path: str, old: Version, new: Version, changed: set[Reference], shifted: set[Reference]) -> None:
    later = dict(zip(new.names[path], new.programs[path], strict=True))
    pairs = zip(old.names[path], old.programs[path], strict=True)
    for at, (name, program) in enumerate(pairs):
        # The first entry is the module itself: nobody but the unit runs it.
        if at and later.get(name) != program:
            (shifted if _alike(program, later.get(name)) else changed).add((path, at))


def _alike(old: Any, new: Any) -> bool:
    """Whether programs are the same but for lines."""
    if not isinstance(old, list) or not isinstance(new, list) or len(old) != len(new):
        return bool(old == new)
    if old and old[0] == ir.CHAIN == new[0]:
        return len(old[2]) == len(new[2]) and _alike(old[1], new[1]) and all(map(_same_step, old[2], new[2]))
    return all(map(_alike, old, new))


def _same_step(old: ir.Node, new: ir.Node) -> bool:
    if old[0] == ir.MEMBER == new[0]:
        return _alike(old[1], new[1])
    return _alike(old, new)


class _Pairing:
    """Pairs what two runs made, and in the end lets the first one's take the place of the second one's."""

    def __init__(self, old: Version, new: Version) -> None:
        self._old, self._new = old, new
        self._tokens = {module.env.owner for module in old.modules.values()}
        self._later = {module.env.owner for module in new.modules.values()}
        self._numbers = {path: {name: at for at, name in enumerate(names)} for path, names in new.names.items()}
        self._earlier = {path: {name: at for at, name in enumerate(names)} for path, names in old.names.items()}
        self._pairs: dict[Any, Any] = {}  # new to old
        self._back: dict[Any, Any] = {}
        self._waiting: list[tuple[Any, Any]] = []
        self._tried: list[Any] = []
        self._entries: list[tuple[Env, str]] = []
        self._adopting: list[Any] = []
        self._adopted: set[Any] = set()

    def number(self, path: str, at: int) -> int | None:
        """The number that a definition has now."""
        return self._numbers[path].get(self._old.names[path][at])

    def earlier(self, path: str, at: int) -> int | None:
        """The number that a definition had."""
        return self._earlier[path].get(self._new.names[path][at])

    # Comparing

    def module(self, old: Module, new: Module) -> bool:
        """Whether two runs of a module left the same. Names that nobody mentions may come and go."""
        if old.is_es != new.is_es or old.stars != new.stars or not self._names(old, new):
            return False
        self._pair(old.env, new.env)
        values = (old.namespace,), (new.namespace,)
        commonjs = (old.commonjs,), (new.commonjs,)
        return self._values(*values) and self._values(*commonjs) and self._settled()

    def attempt(self, old: Values, new: Values) -> bool:
        """Whether two values are the same; if not, it is as if nobody had asked."""
        self._tried = []
        if self._values(old, new) and self._settled():
            return True
        self._waiting.clear()
        for one in self._tried:
            self._back.pop(self._pairs.pop(one), None)
        return False

    def _names(self, old: Module, new: Module) -> bool:
        before, after = old.env.names, new.env.names
        added, gone = after.keys() - before.keys(), before.keys() - after.keys()
        if _mentioned(added, self._old.texts[old.path]) or _mentioned(gone, self._new.texts[old.path]):
            return False
        self._entries += [(old.env, name) for name in gone]
        self._entries += [(new.env, name) for name in added]
        return all(self._values(before[name], after[name]) for name in before.keys() & after.keys())

    def _settled(self) -> bool:
        """Whether all that waits to be compared is alike."""
        while self._waiting:
            old, new = self._waiting.pop()
            if not _COMPARED[old.__class__](self, old, new):
                return False
        return True

    def _values(self, old: Values, new: Values) -> bool:
        return len(old) == len(new) and all(map(self._value, old, new))

    def _value(self, old: Value | None, new: Value | None) -> bool:
        if old.__class__ is not new.__class__:
            return False
        if isinstance(old, Object) and isinstance(new, Object):
            if old.owner in self._tokens and new.owner in self._later:
                return self._pair(old, new)
            return old is new
        if isinstance(old, Live) and isinstance(new, Live):
            return old.name == new.name and self._env(old.env, new.env)
        if isinstance(old, Bound) and isinstance(new, Bound):
            same = self._value(old.function, new.function) and self._values(old.this, new.this)
            return same and len(old.arguments) == len(new.arguments) and all(
                map(self._values, old.arguments, new.arguments)
            )  # fmt: skip
        if isinstance(old, External) and isinstance(new, External):
            return old.name == new.name and old.builtin == new.builtin and self._value(old.of, new.of)
        return old == new

    def _pair(self, old: Any, new: Any) -> bool:
        known = self._pairs.get(new)
        if known is not None or old in self._back:
            return known is old
        self._pairs[new] = old
        self._back[old] = new
        self._tried.append(new)
        self._waiting.append((old, new))
        return True

    def _env(self, old: Env | None, new: Env | None) -> bool:
        if old is None or new is None or old.owner not in self._tokens or new.owner not in self._later:
            return old is new
        return self._pair(old, new)

    def _object(self, old: Object, new: Object) -> bool:
        flat = (old.kind, old.open, old.size, old.typed, old.path)
        return (
            flat == (new.kind, new.open, new.size, new.typed, new.path)
            and self._value(old.proto, new.proto)
            and self._table(old.props, new.props)
            and self._table(old.getters or {}, new.getters or {})
            and self._table(old.setters or {}, new.setters or {})
            and self._values(old.rest, new.rest)
            and self._values(old.inner, new.inner)
            and self._code(old.code, new.code)
        )

    def _table(self, old: Mapping[str, Values], new: Mapping[str, Values]) -> bool:
        return list(old) == list(new) and all(map(self._values, old.values(), new.values()))

    def _code(self, old: Code | None, new: Code | None) -> bool:
        if old is None or new is None:
            return old is new
        if old.ref.path != new.ref.path or len(old.fields) != len(new.fields):
            return False
        if old.ref.path in self._old.names and self.number(*old.ref[:2]) != new.ref.at:
            return False
        return (
            self._env(old.env, new.env)
            and self._value(old.home, new.home)
            and self._values(old.base, new.base)
            and self._value(old.constructor, new.constructor)
            and self._value(old.instance, new.instance)
            and self._pair(old, new)
        )

    def _scope(self, old: Env, new: Env) -> bool:
        """Blocks; the names of modules are compared before."""
        return (
            self._env(old.parent, new.parent)
            and self._value(old.namespace, new.namespace)
            and (old.parent is None or self._table(old.names, new.names))
            and (old.frame is new.frame or self._pair(old.frame, new.frame))
        )

    def _frame(self, old: Frame, new: Frame) -> bool:
        if old.path != new.path or (old.path in self._old.names and self.number(old.path, old.at) != new.at):
            return False
        return (
            self._values(old.this, new.this)
            and self._value(old.function, new.function)
            and self._values(old.returns, new.returns)
            and self._values(old.yields, new.yields)
            and len(old.arguments) == len(new.arguments)
            and all(map(self._values, old.arguments, new.arguments))
        )

    # Taking over

    def settle(self) -> None:
        """Give the objects of the first run the programs of the second, and it the names that are new."""
        for new, old in self._pairs.items():
            if isinstance(old, Code):
                old.ref, old.program, old.fields = new.ref, new.program, new.fields
            elif isinstance(old, Frame):
                old.at = new.at
        for env, name in self._entries:
            target = self._pairs.get(env)
            if target is not None:
                target.names[name] = self.adopted(env.names[name])
            else:
                del env.names[name]

    def adopted(self, values: Values) -> Values:
        """Values of the second run, with those of the first wherever they are the same."""
        found = tuple(map(self._taken, values))
        while self._adopting:
            self._adopt(self._adopting.pop())
        return found

    def _taken(self, value: Any) -> Any:
        known = self._pairs.get(value) if isinstance(value, Object | Env | Frame | Code) else None
        if known is not None:
            return known
        if isinstance(value, Live):
            return Live(self._taken(value.env), value.name)
        if isinstance(value, Bound):
            return Bound(self._taken(value.function), self._all(value.this), tuple(map(self._all, value.arguments)))
        if isinstance(value, External):
            return value._replace(of=self._taken(value.of)) if value.of is not None else value
        foreign = isinstance(value, Object | Env) and value.owner not in self._later
        if isinstance(value, Object | Env | Frame | Code) and not foreign and value not in self._adopted:
            self._adopted.add(value)
            self._adopting.append(value)
        return value

    def _all(self, values: Values) -> Values:
        return tuple(map(self._taken, values))

    def _adopt(self, one: Any) -> None:
        """Something that only the second run made: what it refers to is the first run's, where that has it."""
        if isinstance(one, Object):
            one.proto, one.code = self._taken(one.proto), self._taken(one.code)
            one.rest, one.inner = self._all(one.rest), self._all(one.inner)
            one.props = self._taken_table(one.props)
            one.getters = self._taken_table(one.getters) if one.getters else one.getters
            one.setters = self._taken_table(one.setters) if one.setters else one.setters
        elif isinstance(one, Env):
            one.frame, one.parent, one.namespace = map(self._taken, (one.frame, one.parent, one.namespace))
            one.names = self._taken_table(one.names)
        elif isinstance(one, Frame):
            one.this, one.function = self._all(one.this), self._taken(one.function)
            one.returns, one.yields = self._all(one.returns), self._all(one.yields)
            one.arguments = tuple(map(self._all, one.arguments))
        else:
            one.env, one.home, one.base = self._taken(one.env), self._taken(one.home), self._all(one.base)
            one.constructor, one.instance = self._taken(one.constructor), self._taken(one.instance)

    def _taken_table(self, table: Mapping[str, Values]) -> dict[str, Values]:
        return {name: self._all(values) for name, values in table.items()}


_COMPARED: dict[type, Callable[[_Pairing, Any, Any], bool]] = {
    Object: _Pairing._object,
    Env: _Pairing._scope,
    Frame: _Pairing._frame,
    Code: lambda _pairing, _old, _new: True,
}


def _mentioned(names: set[str], text: str) -> bool:
    """Whether a program, as text, speaks of one of the names."""
    return any(re.search(rf'"~?{re.escape(name)}["\\.]', text) for name in names)
