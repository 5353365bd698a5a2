"""What types, namespaces and files hold: members with their bases, functions, variables, and what is in sight.

The lower half of the lookup of this package: it answers for a value at hand, and asks the upper half for what
expressions and imports mean.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import takewhile

from orchestrator.kg.facts import AttributeBinding, Binding
from orchestrator.kg.languages.symbols import Type, World, Written
from orchestrator.kg.languages.values import (
    UNKNOWN,
    Above,
    Class,
    Found,
    Functions,
    Instance,
    Maker,
    Outside,
    Space,
    either,
    sure,
)

MAX_DEPTH = 24
MAX_VALUES = 8
_MAX_ANCESTORS = 64
_MAX_INCLUDED = 5000


class Members(ABC):
    """Answers about values of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules = world.scoping
        self._ancestors: dict[int, tuple[list[Type], bool]] = {}
        self._visible: dict[str, frozenset[str]] = {}
        self._depth = 0

    @abstractmethod
    def evaluate(self, path: str, scope: int, text: str, *, types: bool = False) -> Found:
        """What an expression in a scope stands for; with ``types`` names mean types and namespaces only."""

    @abstractmethod
    def bound(self, path: str, binding: Binding) -> Found:
        """What a binding of a file stands for."""

    @abstractmethod
    def starred(self, path: str, star: Binding, name: str) -> Found:
        """What a name means below an import of everything."""

    def _made(self, found: Found) -> Found:
        values = [Instance(one.type) for one in found.values if isinstance(one, Class)]
        outside = [Outside(one.name, instance=True) for one in found.values if isinstance(one, Outside)]
        return Found((*values, *outside), found.complete)

    def instance_of(self, written: Written) -> Found:
        """A value of a type as written."""
        return self._made(self.evaluate(written.path, written.scope, written.text, types=True))

    # What a namespace holds

    def _of_space(self, space: str, name: str, path: str, *, types: bool) -> Found | None:
        full = f"{space}.{name}" if space else name
        key = self._rules.fold(full)
        found = self._types(key, path)
        if found is not None:
            return found
        if not types:
            found = self._functions(key, path) or self._variable(key, path)
            if found is not None:
                return found
        return sure(Space(full)) if key in self._world.spaces else None

    def _types(self, key: str, path: str) -> Found | None:
        held = self._world.types.get(key)
        if not held:
            return None
        near = [one for one in held if self._is_near([part.path for part in one.parts], path)]
        chosen = near or ([] if self._rules.included else held)
        if len(chosen) > 1:
            chosen = _nearest(chosen, path)
        return Found(tuple(Class(one) for one in chosen[:MAX_VALUES]), len(chosen) == 1) if chosen else None

    def _is_near(self, paths: Sequence[str], path: str) -> bool:
        return not self._rules.included or not self.visible(path).isdisjoint(paths)

    def _functions(self, key: str, path: str) -> Found | None:
        """Functions of a name; where only what is included is known, those defined or promised there."""
        held = self._world.functions.get(key, [])
        if self._rules.included and (held or key in self._world.promised):
            seen = self.visible(path)
            here = [one for one in held if one.path == path]
            promised = any(one in seen for one, _ in self._world.promised.get(key, ()))
            known = here or [one for one in held if (one.path in seen) or (promised and not self._world.is_static(one))]
            return sure(Functions(tuple(known), None)) if known else (UNKNOWN if promised else None)
        held = [one for one in held if one.path == path or not self._world.is_local(one)]
        return sure(Functions(tuple(held), None)) if held else None

    def _variable(self, key: str, path: str) -> Found | None:
        held = [one for one in self._world.variables.get(key, ()) if self._is_near([one[0]], path)]
        return either([self.bound(of, one) for of, one in held[:MAX_VALUES]]) if held else None

    def visible(self, path: str) -> frozenset[str]:
        """The file and all that it includes, directly or not."""
        held = self._visible.get(path)
        if held is None:
            seen, waiting = {path}, [path]
            while waiting and len(seen) < _MAX_INCLUDED:
                for target in self.included(waiting.pop()):
                    if target not in seen:
                        seen.add(target)
                        waiting.append(target)
            held = self._visible[path] = frozenset(seen)
        return held

    def included(self, path: str) -> list[str]:
        """The files of the tree that a file includes by path."""
        find, file = self._rules.files_of_import, self._world.files.get(path)
        if find is None or file is None:
            return []
        return [target for one in file.facts.imports for target in find(one.module, path, self._world)]

    # Members

    def member(self, value: object, name: str, path: str) -> Found:
        """A name on a value."""
        if isinstance(value, Outside):
            return sure(Outside(f"{value.name}.{name}"))
        if isinstance(value, Space):
            found = self._of_space(value.name, name, path, types=False) or self._reexported(value.name, name)
            # A name of the outermost namespace that no file has is somebody else's.
            return found if found.values or value.name or self._rules.words("", "") else sure(Outside(name))
        if isinstance(value, Class):
            if name in self._rules.makers:
                own = self._of_type(value.type, name, static=True, path=path)
                return own if own.values else sure(Maker(value.type))
            inner = self._types(f"{value.type.name}.{self._rules.fold(name)}", path)
            return inner or self._of_type(value.type, name, static=True, path=path)
        if isinstance(value, Instance):
            return self._of_type(value.type, name, static=False, path=path)
        if isinstance(value, Above):
            return self._of_type(value.type, name, static=value.static, path=path, above=True)
        return UNKNOWN

    def _reexported(self, space: str, name: str) -> Found:
        """A name that a namespace imports itself, and so hands on."""
        fold = self._rules.fold
        if not self._rules.reexports or self._depth >= MAX_DEPTH:
            return UNKNOWN
        self._depth += 1
        try:
            held = self._world.exports.get((fold(space), fold(name)), [])
            if held:
                return either([self.bound(of, one) for of, one in held[:MAX_VALUES]])
            stars = self._world.exports.get((fold(space), "*"), [])
            found = [self.starred(of, one, name) for of, one in stars[:MAX_VALUES]]
            return either([one for one in found if one.values])
        finally:
            self._depth -= 1

    def _of_type(self, type_: Type, name: str, *, static: bool, path: str, above: bool = False) -> Found:
        ancestors, complete = self.ancestors(type_)
        key = self._rules.fold(name)
        for at, ancestor in enumerate(ancestors[1:] if above else ancestors):
            held = ancestor.members.get(key, [])
            if self._rules.strict_statics:
                held = [one for one in held if self._world.is_static(one) == static]
            if held:
                # A nearer base that is not known could have the name, too.
                certain = complete or (at == 0 and not above)
                return Found((Functions(tuple(held), type_),), certain)
            if name in ancestor.fields and not above:
                return self._field(ancestor.fields[name])
        return self._of_extended(ancestors, name, path) if static else UNKNOWN

    def _of_extended(self, ancestors: list[Type], name: str, path: str) -> Found:
        """A method of the types that a class itself, not its instances, has the methods of."""
        for written in (one for ancestor in ancestors for one in ancestor.extended):
            values = self.evaluate(written.path, written.scope, written.text, types=True).values
            for value in values:
                found = (
                    self._of_type(value.type, name, static=False, path=path) if isinstance(value, Class) else UNKNOWN
                )
                if found.values:
                    return found
        return UNKNOWN

    def _is_open(self, type_: Type) -> bool:
        """Whether something unknown may lend members to a type."""
        ancestors, complete = self.ancestors(type_)
        extended = (one for ancestor in ancestors for one in ancestor.extended)
        known = (self.evaluate(one.path, one.scope, one.text, types=True).values for one in extended)
        return not complete or any(not isinstance(value, Class) for values in known for value in values or (None,))

    def _has_field(self, type_: Type, name: str) -> bool:
        return any(name in one.fields for one in self.ancestors(type_)[0])

    def _field(self, held: list[tuple[str, AttributeBinding]]) -> Found:
        typed = [one for one in held if one[1].kind == "type"] or held
        found = []
        for path, one in typed[:MAX_VALUES]:
            written = Written(path, one.scope, one.value)
            if one.kind == "type":
                found.append(self.instance_of(written))
            elif one.kind == "value":
                found.append(self.evaluate(path, one.scope, one.value))
            else:
                found.append(UNKNOWN)
        return either(found)

    def ancestors(self, type_: Type) -> tuple[list[Type], bool]:
        """A type and its bases, nearest first, and whether all of them are known."""
        held = self._ancestors.get(id(type_))
        if held is not None:
            return held
        found, complete, waiting = [type_], True, list(type_.bases)
        while waiting and len(found) < _MAX_ANCESTORS:
            base = waiting.pop(0)
            values = self.evaluate(base.path, base.scope, base.text, types=True)
            classes = [one.type for one in values.values if isinstance(one, Class)]
            complete = complete and values.complete and len(classes) == len(values.values)
            for one in classes:
                if one not in found:
                    found.append(one)
                    waiting = [*one.bases, *waiting]
        self._ancestors[id(type_)] = found, complete
        return found, complete


def _nearest(types: list[Type], path: str) -> list[Type]:
    """Those that share most folders with a path."""
    ranks = [max(_shared(part.path, path) for part in one.parts) for one in types]
    return [one for one, rank in zip(types, ranks, strict=True) if rank == max(ranks)]


def _shared(one: str, other: str) -> int:
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
