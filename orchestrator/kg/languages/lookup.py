"""What names and expressions mean, by the scoping rules of a family. Used by the linker of this package.

Certain only where the rules leave one possibility: an unknown base, an unknown value or a second definition make an
answer incomplete. Bounded in depth and steps; answers are kept for one file at a time, so that the order in which files
are linked cannot matter.
"""

import re
from collections.abc import Iterator

from orchestrator.kg.facts import Binding
from orchestrator.kg.languages.members import MAX_DEPTH, MAX_VALUES, Members
from orchestrator.kg.languages.symbols import Symbol, Type, World, Written
from orchestrator.kg.languages.values import (
    UNKNOWN,
    Above,
    Builtin,
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

_STEP = re.compile(r"\.?([^.()^]+)((?:\(\)|\^)*)")


class Lookup(Members):
    """Answers for one world of files."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._answers: dict[tuple[str, int, str, bool], Found] = {}

    def prepare(self) -> None:
        """Find the bases of all types, in an order that does not depend on who asks first."""
        for name in sorted(self._world.types):
            for type_ in self._world.types[name]:
                self.ancestors(type_)
                self.forget()

    def forget(self) -> None:
        """Drop what was found for one file."""
        self._answers.clear()

    # Expressions

    def evaluate(self, path: str, scope: int, text: str, *, types: bool = False) -> Found:
        """What an expression in a scope stands for; with ``types`` names mean types and namespaces only."""
        key = (path, scope, text, types)
        held = self._answers.get(key)
        if held is not None:
            return held
        if self._depth >= MAX_DEPTH:
            return UNKNOWN
        # What needs itself to be known is unknown.
        self._answers[key] = UNKNOWN
        self._depth += 1
        try:
            found = self._evaluate(path, scope, text, types=types)
        finally:
            self._depth -= 1
        self._answers[key] = found
        return found

    def _evaluate(self, path: str, scope: int, text: str, *, types: bool) -> Found:
        if text.startswith("?"):
            return UNKNOWN
        found: Found | None = None
        for name, suffix in _STEP.findall(text):
            if found is not None and name in self._rules.class_of:
                classes = (Class(value.type) for value in found.values if isinstance(value, Instance))
                found, steps = Found(tuple(classes), found.complete), suffix.removeprefix("()")
            else:
                found = (
                    self._head(path, scope, name, types=types) if found is None else self._members(found, name, path)
                )
                steps = suffix
            for step in steps.replace("()", "("):
                found = self._called(found) if step == "(" else self._made(found)
            if not found.values:
                return found
        return found or UNKNOWN

    def _members(self, found: Found, name: str, path: str) -> Found:
        members = [self.member(value, name, path) for value in found.values[:MAX_VALUES]]
        joined = either(members)
        return Found(joined.values, joined.complete and found.complete)

    def _called(self, found: Found) -> Found:
        results = [self._result(value) for value in found.values[:MAX_VALUES]]
        joined = either(results)
        return Found(joined.values, joined.complete and found.complete)

    def _result(self, value: object) -> Found:
        if isinstance(value, Functions):
            return either([self._returned(symbol, value.receiver) for symbol in value.symbols[:MAX_VALUES]])
        if isinstance(value, Class | Maker):
            return sure(Instance(value.type))
        return UNKNOWN

    def _returned(self, symbol: Symbol, receiver: Type | None) -> Found:
        result = self._world.definition(symbol).returns_type
        if result in ("Self", "static", "self", "this"):
            owner = receiver or self._world.owners.get(symbol)
            return sure(Instance(owner)) if owner is not None else UNKNOWN
        return self.instance_of(Written(symbol.path, symbol.at, result)) if result else UNKNOWN

    # Names

    def _head(self, path: str, scope: int, name: str, *, types: bool) -> Found:
        owner = self.owner(path, scope)
        if name == "@root":
            return sure(Space(""))
        file = self._world.files[path]
        words = self._rules.words(file.namespace, file.names[scope])
        if name in words:
            return sure(Space(words[name]))
        if name in ("this", "Self", "super"):
            return self._own(name, owner, path, scope)
        if name.startswith("@") and owner is not None:
            return self.member(Instance(owner), name, path)
        return self.lookup(path, scope, name, types=types)

    def _own(self, name: str, owner: Type | None, path: str, scope: int) -> Found:
        if owner is None:
            return UNKNOWN
        static = self._is_static(path, scope)
        if name == "super":
            return sure(Above(owner, static))
        return sure(Class(owner) if name == "Self" or static else Instance(owner))

    def _is_static(self, path: str, scope: int) -> bool:
        """Whether the function around is one of the class itself; a class body is, too."""
        function = self._method(path, scope)
        return function is None or self._world.is_static(function)

    def _method(self, path: str, scope: int) -> Symbol | None:
        definitions = self._world.files[path].facts.definitions
        while scope > 0:
            if Symbol(path, scope) in self._world.owners:
                return Symbol(path, scope)
            if definitions[scope].kind == "class":
                return None
            scope = definitions[scope].parent
        return None

    def owner(self, path: str, scope: int) -> Type | None:
        """The type whose body, or method, a scope is in."""
        definitions = self._world.files[path].facts.definitions
        while scope > 0:
            symbol = Symbol(path, scope)
            found = self._world.owners.get(symbol) or self._world.type_of.get(symbol)
            if found is not None:
                return found
            scope = definitions[scope].parent
        return None

    def lookup(self, path: str, scope: int, name: str, *, types: bool = False) -> Found:
        """What a bare name means in a scope."""
        file, open_ = self._world.files[path], False
        seen: set[int] = set()
        for at in self._scopes_around(path, scope):
            kind = file.facts.definitions[at].kind
            found = self._bound(path, at, name, types=types) if kind == "function" else None
            if found is None and kind != "module":
                found, unsure = self._in_type(path, at, name, seen, types=types)
                open_ = open_ or unsure
            if found is None and kind == "module":
                found = self._in_namespaces(path, at, self._start(path, scope, at), name, types=types)
            if found is not None:
                return Found(found.values, found.complete and not open_)
        return self._ambient(name, types=types, open_=open_)

    def _ambient(self, name: str, *, types: bool, open_: bool) -> Found:
        """A name of the language itself, or one that the linker of the program must find outside of the tree."""
        if name in self._rules.builtins:
            return sure(Builtin(name))
        if name in self._rules.prelude:
            return Found((Outside(self._rules.prelude[name]),), not open_)
        foreign = self._rules.outside_functions and not types and not open_ and name.isidentifier()
        return sure(Outside(name)) if foreign and name not in self._world.by_last_name else UNKNOWN

    def _scopes_around(self, path: str, scope: int) -> Iterator[int]:
        definitions = self._world.files[path].facts.definitions
        while scope > 0:
            yield scope
            scope = definitions[scope].parent
        yield 0

    def _bound(self, path: str, at: int, name: str, *, types: bool) -> Found | None:
        """Variables, imports and functions inside of a function."""
        file = self._world.files[path]
        bindings = file.bound.get((at, name), [])
        if types:
            bindings = [one for one in bindings if one.kind in ("import", "from")]
        if bindings:
            return either([self.bound(path, one) for one in bindings[:MAX_VALUES]])
        inner = file.children.get((at, self._rules.fold(name)), [])
        classes = [Symbol(path, one) for one in inner if Symbol(path, one) in self._world.type_of]
        if classes:
            return sure(*(Class(self._world.type_of[one]) for one in classes))
        functions = tuple(Symbol(path, one) for one in inner)
        return sure(Functions(functions, None)) if functions and not types else None

    def bound(self, path: str, binding: Binding) -> Found:
        """What a binding of a file stands for."""
        if binding.kind == "self":
            owner = self.owner(path, binding.scope)
            return sure(Instance(owner)) if owner is not None else UNKNOWN
        if binding.kind == "type":
            return self.instance_of(Written(path, binding.scope, binding.value))
        if binding.kind in ("value", "from"):
            # A name that stands for itself must be looked up further out.
            if binding.value == binding.name:
                around = self._world.files[path].facts.definitions[binding.scope].parent
                return self.evaluate(path, max(around, 0), binding.value) if binding.scope > 0 else UNKNOWN
            return self.evaluate(path, binding.scope, binding.value, types=binding.kind == "from")
        return self.imported(path, binding) if binding.kind == "import" else UNKNOWN

    def _in_type(self, path: str, at: int, name: str, seen: set[int], *, types: bool) -> tuple[Found | None, bool]:
        """A member known without a receiver, and whether an unknown base may have one. ``seen``: types looked at."""
        symbol = Symbol(path, at)
        owner = self._world.owners.get(symbol) or self._world.type_of.get(symbol)
        if owner is None:
            return None, False
        inner = self._types(f"{owner.name}.{self._rules.fold(name)}", path)
        if inner:
            return inner, False
        if types or not self._rules.implicit or id(owner) in seen or (seen and not self._rules.nested):
            return self._inherited_type(owner, name, path), False
        seen.add(id(owner))
        static = self._is_static(path, at)
        if static and name in self._rules.makers:
            return self.member(Class(owner), name, path), False
        found = self._of_type(owner, name, static=static, path=path)
        if found.values or found.complete:
            return found, False
        # A member that is there but cannot be followed hides what is further out.
        if self._has_field(owner, name):
            return UNKNOWN, False
        return None, self._is_open(owner)

    def _inherited_type(self, owner: Type, name: str, path: str) -> Found | None:
        for ancestor in self.ancestors(owner)[0][1:]:
            inner = self._types(f"{ancestor.name}.{self._rules.fold(name)}", path)
            if inner:
                return inner
        return None

    def _start(self, path: str, scope: int, at: int) -> str:
        """The innermost namespace: for a method outside of its class, that of the class."""
        file = self._world.files[path]
        if at:
            return file.names[at]
        while scope > 0 and not file.facts.definitions[scope].owner:
            scope = file.facts.definitions[scope].parent
        owner = self._world.owners.get(Symbol(path, scope)) if scope > 0 else None
        if owner is not None and self._rules.outer:
            return owner.name
        return file.names[scope].rpartition(".")[0] if scope > 0 and self._rules.outer else file.namespace

    def _in_namespaces(self, path: str, at: int, start: str, name: str, *, types: bool) -> Found | None:
        file = self._world.files[path]
        bindings = [one for one in file.bound.get((at, name), []) if one.kind in ("import", "from")]
        if bindings:
            found = either([self.bound(path, one) for one in bindings[:MAX_VALUES]])
            if found.values:
                return found
        for space in self._spaces(start):
            found_in = self._of_space(space, name, path, types=types)
            if found_in is not None:
                return found_in
        if self._rules.global_functions and not types:
            found_in = self._functions(self._rules.fold(name), path)
            if found_in is not None:
                return found_in
        stars = [one for one in file.bound.get((at, "*"), []) if one.kind in ("import", "from")]
        below = [self.starred(path, one, name) for one in stars]
        hits = [one for one in below if one.values]
        if hits:
            return either(hits)
        return UNKNOWN if bindings else None

    def starred(self, path: str, star: Binding, name: str) -> Found:
        """What a name means below an import of everything."""
        held = (
            self.imported(path, star)
            if star.kind == "import"
            else self.evaluate(path, star.scope, star.value, types=True)
        )
        inside = [value for value in held.values if isinstance(value, Space | Class)]
        return either([self.member(value, name, path) for value in inside])

    def _spaces(self, start: str) -> Iterator[str]:
        """The namespaces a name is looked up in, from the inside out."""
        yield start
        if self._rules.outer:
            while "." in start:
                start = start.rpartition(".")[0]
                yield start
            if start:
                yield ""

    # Imports

    def imported(self, path: str, binding: Binding) -> Found:
        """What an import's target is, by its full name."""
        key = (path, binding.scope, f"import {binding.name} {binding.value}", False)
        held = self._answers.get(key)
        if held is None:
            self._answers[key] = UNKNOWN
            held = self._answers[key] = self._absolute(binding.value, path, binding.scope, binding.name)
        return held

    def absolute(self, name: str, path: str, scope: int) -> Found:
        """What a full name means, read in a scope of a file."""
        return self._absolute(name, path, scope, "")

    def _absolute(self, name: str, path: str, scope: int, bound: str) -> Found:
        """A full name: a type, function or namespace of the tree, a member of one, or something outside."""
        file = self._world.files[path]
        words = self._rules.words(file.namespace, file.names[scope])
        head, _, rest = name.partition(".")
        if head in words:
            return self._below(Space(words[head]), rest, path)
        found = self._of_space("", name, path, types=False)
        if found is not None or self._rules.included:
            return found or UNKNOWN
        if self._rules.reexports and head != bound:
            # A path may start with a name of the module it stands in.
            near = self._in_namespaces(path, scope, file.names[scope] or file.namespace, head, types=True)
            if near is not None and near.values:
                return self._follow(near, rest, path)
        return self._inside(name, path)

    def _inside(self, name: str, path: str) -> Found:
        """A member of the longest part of a full name that is known."""
        front, last = name, ""
        while "." in front:
            front, _, part = front.rpartition(".")
            last = f"{part}.{last}" if last else part
            around = self._of_space("", front, path, types=False)
            # What is only the start of our names may be the start of others' as well.
            if around is not None and (self._rules.fold(front) in self._world.namespaces or not _is_space(around)):
                return self._follow(around, last, path)
        return sure(Outside(name)) if name else UNKNOWN

    def _follow(self, found: Found, rest: str, path: str) -> Found:
        for name in filter(None, rest.split(".")):
            found = self._members(found, name, path)
        return found

    def _below(self, start: Space, rest: str, path: str) -> Found:
        return self._follow(sure(start), rest, path)


def _is_space(found: Found) -> bool:
    return any(isinstance(value, Space) for value in found.values)
