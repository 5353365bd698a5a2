"""What a Python expression can be: scopes, imports, re-exports, attributes, method order, return values.

Used by the Python linker. Answers are sets with a flag whether they are complete; where the code does not say,
the answer is incomplete, never a guess. Works on facts of the whole tree, in memory, with bounds on depth and width.
"""

import builtins
from collections.abc import Callable, Mapping

from orchestrator.kg.facts import AttributeBinding, Binding, FileFacts
from orchestrator.kg.python import steps as expressions
from orchestrator.kg.python.modules import ModuleIndex
from orchestrator.kg.python.recording import Tree
from orchestrator.kg.python.symbols import (
    NOTHING,
    UNKNOWN,
    External,
    Found,
    Instance,
    Namespace,
    Opaque,
    Symbol,
    Value,
    merged,
    union,
)

_MAX_DEPTH = 24
_BUILTINS = frozenset(dir(builtins))
_PROPERTIES = frozenset({"property", "cached_property", "functools.cached_property"})
_SELF_TYPES = frozenset({"typing.Self", "typing_extensions.Self"})
# Decorators under which a call still returns what the function returns.
_TRANSPARENT = _PROPERTIES | {
    "staticmethod", "classmethod", "abstractmethod", "abc.abstractmethod", "override", "typing.override", "final",
    "typing.final", "overload", "typing.overload", "lru_cache()", "functools.lru_cache()", "cache", "functools.cache",
}  # fmt: skip
_OVERLOADS = frozenset({"overload", "typing.overload", "t.overload"})


class _Super(Instance):
    """``super()`` in a class: its attributes are those of the classes behind it."""


class Evaluator(Tree):
    """Evaluates expressions of a tree.

    Remembers what it found for as long as one file is linked (``begin``), so that answers do not depend on which files
    were linked before.
    """

    def __init__(self, facts: Mapping[str, FileFacts], modules: ModuleIndex) -> None:
        super().__init__(facts, modules)
        self._memo: dict[tuple[int, str, int], Found] = {}
        self._mro: dict[int, tuple[tuple[Symbol, ...], bool]] = {}
        self._depth = 0

    def begin(self, path: str) -> None:
        """Forget every answer, and record from now on what is read outside of the file."""
        self._memo.clear()
        self._mro.clear()
        super().begin(path)

    def evaluate(self, scope: Symbol, expression: str, line: int = 0) -> Found:
        """What an expression can be in a scope. ``line`` tells apart names bound more than once; 0 = any."""
        head, steps = expressions.parts(expression)
        if line and len(scope.names.get(head, ())) < 2:
            line = 0
        key = (id(scope), expression, line)
        found = self._memo.get(key)
        if found is not None:
            return found
        if self._depth > _MAX_DEPTH:
            return UNKNOWN
        self._memo[key] = UNKNOWN  # what a circle of names sees of itself
        self._depth += 1
        try:
            found = self._head(scope, head, line)
            for position, step in enumerate(steps):
                if not found.values:
                    found = UNKNOWN
                    break
                if step[0] == "[":
                    found = UNKNOWN
                elif step[0] == "(":
                    receiver = self._receiver(scope, head, steps[:position], line)
                    found = self._each(found, lambda value, receiver=receiver: self.call(value, receiver))  # type: ignore[misc]
                else:
                    name = step[1:]
                    found = self._each(found, lambda value, name=name: self.attribute(value, name))  # type: ignore[misc]
        finally:
            self._depth -= 1
        self._memo[key] = found
        return found

    # Heads

    def _head(self, scope: Symbol, head: str, line: int) -> Found:
        if head == "super()":
            return self._super(scope)
        if head.startswith("@"):
            return NOTHING if head == "@None" else Found((Opaque(head),), True)
        if head.startswith("$"):
            return Found((scope.siblings[int(head[1:])],), True)
        if head.startswith("#"):
            return Found((Opaque(head),), True)
        return UNKNOWN if head == "?" else self.lookup(scope, head, line)

    def lookup(self, scope: Symbol, name: str, line: int) -> Found:
        """A name as Python's scopes find it: class bodies are seen only from inside themselves."""
        at: Symbol | None = scope
        while at is not None:
            self.consult(at, name)
            if (at is scope or at.definition.kind != "class") and name in at.names:
                return self._bound(at, name, line if at is scope else 0)
            if at.definition.kind == "module":
                starred = self._from_stars(at, name)
                if starred is not None:
                    return starred
            at = at.parent
        return Found((Opaque(name),), True) if name in _BUILTINS else UNKNOWN

    def _super(self, scope: Symbol) -> Found:
        enclosing = enclosing_class(scope)
        return Found((Opaque("super"),), False) if enclosing is None else Found((_Super(enclosing),), True)

    def _bound(self, scope: Symbol, name: str, line: int) -> Found:
        key = (id(scope), f"={name}", line if len(scope.names[name]) > 1 else 0)
        found = self._memo.get(key)
        if found is None:
            if self._depth > _MAX_DEPTH:
                return UNKNOWN
            self._memo[key] = UNKNOWN  # what a circle of imports sees of itself
            self._depth += 1
            chosen = self._choose(scope, scope.names[name], line)
            found = union([self._binding(scope, binding) for binding in chosen]) if chosen else NOTHING
            self._depth -= 1
            self._memo[key] = found
        return found

    def _choose(self, scope: Symbol, bindings: list[Binding], line: int) -> list[Binding]:
        """The bindings a use can see: straight-line code is followed, branches and loops leave all that is possible."""
        if len(bindings) == 1:
            return bindings
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

    def _binding(self, scope: Symbol, binding: Binding) -> Found:
        kind, value = binding.kind, binding.value
        if kind in ("def", "cls"):
            return Found((_symbol(scope, binding),), True)
        if kind == "self":
            return Found((scope.siblings[int(value)].as_instance(),), True)
        if kind == "import":
            return self.module(value, scope.path)
        if kind == "from":
            module, _, name = value.partition(":")
            return self.imported(scope.path, module, name)
        if kind == "value":
            return self.evaluate(scope, value, binding.line)
        return self.declared(scope, value) if kind in ("type", "parameter") and value else UNKNOWN

    def declared(self, scope: Symbol, annotation: str) -> Found:
        """An instance of the class an annotation names."""
        found = self.evaluate(scope, annotation)
        if len(found.values) != 1 or not found.complete:
            return UNKNOWN
        value = found.values[0]
        if isinstance(value, External) and value.name in _SELF_TYPES:
            enclosing = enclosing_class(scope)
            return Found((enclosing.as_instance(),), True) if enclosing is not None else UNKNOWN
        if isinstance(value, Symbol) and value.definition.kind == "class":
            return Found((value.as_instance(),), True)
        return (
            found if isinstance(value, Opaque) and value.name in ("str", "int", "float", "bool", "bytes") else UNKNOWN
        )

    # Modules

    def module(self, name: str, importer: str) -> Found:
        """A module by absolute name."""
        path = self.find(name, importer)
        if path is not None:
            return Found((self.symbols[path][0],), True)
        if self.modules.is_namespace(name):
            return Found((Namespace(name),), True)
        return UNKNOWN if self.modules.is_ours(name) else Found((External(name),), True)

    def imported(self, importer: str, module: str, name: str) -> Found:
        """What ``from module import name`` binds."""
        absolute = self.relative(module, importer) if module.startswith(".") else module
        if absolute is None:
            return UNKNOWN
        path = self.find(absolute, importer)
        if path is None:
            submodule = self.find(f"{absolute}.{name}" if absolute else name, importer)
            if submodule is not None:
                return Found((self.symbols[submodule][0],), True)
            ours = self.modules.is_ours(absolute) or module.startswith(".")
            return UNKNOWN if ours else Found((External(f"{absolute}.{name}"),), True)
        return self._member(self.symbols[path][0], name)

    def _member(self, module: Symbol, name: str) -> Found:
        self.consult(module, name)
        # A package that imports from its own submodule binds the name to what it imported, if that is there.
        found = self._bound(module, name, 0) if name in module.names else None
        if found is not None and found.values:
            return found
        self.consult(module, "module-name")
        submodule = self.find(f"{self.modules.names[module.path]}.{name}", module.path)
        if submodule is not None and module.path.endswith("__init__.py"):
            return Found((self.symbols[submodule][0],), True)
        return found or self._from_stars(module, name) or UNKNOWN

    def _from_stars(self, module: Symbol, name: str) -> Found | None:
        if name.startswith("_") or self._depth > _MAX_DEPTH:
            return None
        self.consult(module, "*")
        for written in self._stars[module.path]:
            absolute = self.relative(written, module.path) if written.startswith(".") else written
            path = self.find(absolute, module.path) if absolute else None
            if path is None or path == module.path:
                continue
            exports, source = self._exports[path], self.symbols[path][0]
            self.consult(source, "*")
            if exports is not None and name not in exports:
                continue
            key = (id(source), f"*{name}", 0)
            if key not in self._memo:
                self._memo[key] = UNKNOWN
                self._memo[key] = self._member(source, name)
            if self._memo[key].values:
                return self._memo[key]
        return None

    # Steps

    def _each(self, found: Found, step: Callable[[Value], Found]) -> Found:
        result = union([step(value) for value in found.values])
        return result if found.complete else Found(result.values, False)

    def attribute(self, value: Value, name: str) -> Found:
        """``value.name``."""
        if isinstance(value, External):
            return Found((External(f"{value.name}.{name}"),), True)
        if isinstance(value, Opaque):
            return Found((value,), True)
        if isinstance(value, Namespace):
            return self.module(f"{value.name}.{name}", "")
        if isinstance(value, _Super):  # before Instance, which it is too
            return self._in_classes(self.mro(value.of)[0][1:], name, self.mro(value.of)[1], on_instance=True)
        if isinstance(value, Instance):
            classes, complete = self.mro(value.of)
            found = self._in_classes(classes, name, complete, on_instance=True)
            return self._each(found, lambda one: self._read(one, value)) if found.values else found
        if value.definition.kind == "module":
            return self._member(value, name)
        if value.definition.kind == "class":
            classes, complete = self.mro(value)
            return self._in_classes(classes, name, complete, on_instance=False)
        return UNKNOWN

    def _in_classes(self, classes: tuple[Symbol, ...], name: str, complete: bool, *, on_instance: bool) -> Found:
        for one in classes:
            parts = []
            self.consult(one, name)
            if name in one.names:
                parts.append(self._bound(one, name, 0))
            if on_instance:
                self.consult(one, f".{name}")
            if on_instance and name in one.attributes:
                parts += [self._attribute_binding(one, binding) for binding in one.attributes[name]]
            if parts:
                found = union(parts)
                return found if complete else Found(found.values, False)
        return UNKNOWN

    def _attribute_binding(self, owner: Symbol, bound: AttributeBinding) -> Found:
        scope = owner.siblings[bound.scope]
        binding = Binding(bound.scope, bound.name, bound.kind, bound.value, bound.line, conditional=True)
        return NOTHING if bound.value == "@None" else self._binding(scope, binding)

    def _read(self, value: Value, receiver: Instance) -> Found:
        """What reading an attribute of an instance gives: a property is called."""
        if isinstance(value, Symbol) and not _PROPERTIES.isdisjoint(value.definition.decorators):
            return self.call(value, receiver)
        return Found((value,), True)

    def call(self, value: Value, receiver: Value | None = None) -> Found:
        """``value()``."""
        if isinstance(value, Opaque):
            return Found((value,), True)
        if isinstance(value, Instance):
            return self._each(self.attribute(value, "__call__"), lambda one: self.call(one, value))
        if not isinstance(value, Symbol) or value.definition.kind == "module":
            return UNKNOWN
        if value.definition.kind == "class":
            return Found((value.as_instance(),), True)
        return self._returned(value, receiver)

    def _returned(self, function: Symbol, receiver: Value | None) -> Found:
        self.consult(function, "()")
        definition = function.definition
        if definition.has_yield or not _TRANSPARENT.issuperset(definition.decorators):
            return UNKNOWN
        if definition.returns_type in ("Self", "typing.Self") and isinstance(receiver, Instance):
            return Found((receiver,), True)
        if definition.returns_type:
            declared = self.declared(function, definition.returns_type)
            if declared.values:
                return declared
        parts = []
        for expression in definition.returns:
            if expression == "@None":
                continue
            if expression == "self" and isinstance(receiver, Instance):
                parts.append(Found((receiver,), True))
            else:
                parts.append(self.evaluate(function, expression, definition.end_line))
        return union(parts) if parts else NOTHING

    def _receiver(self, scope: Symbol, head: str, steps: tuple[str, ...], line: int) -> Value | None:
        """The single value whose method the last step named."""
        if not steps or steps[-1] == "()":
            return None
        if head == "super()" and len(steps) == 1:
            enclosing = enclosing_class(scope)
            return enclosing.as_instance() if enclosing is not None else None
        found = self.evaluate(scope, head + "".join(steps[:-1]), line)
        return found.values[0] if len(found.values) == 1 else None

    # Classes

    def mro(self, of: Symbol) -> tuple[tuple[Symbol, ...], bool]:
        """The classes of ours an attribute is looked for in, in order, and whether all bases are known."""
        known = self._mro.get(id(of))
        if known is None:
            self._mro[id(of)] = ((of,), False)  # what a circle of bases sees of itself
            lists: list[list[Symbol]] = []
            direct: list[Symbol] = []
            complete = True
            for base in self.bases(of):
                if isinstance(base, Symbol):
                    order, whole = self.mro(base)
                    lists.append(list(order))
                    direct.append(base)
                    complete = complete and whole
                complete = complete and base is not None
            known = self._mro[id(of)] = ((of, *merged([*lists, direct])), complete)
        return known

    def bases(self, of: Symbol) -> list[Symbol | External | Opaque | None]:
        """Each base class: ours, outside, builtin, or None where the code does not say."""
        result: list[Symbol | External | Opaque | None] = []
        self.consult(of, "bases()")
        for expression in of.definition.bases:
            scope = of.parent or of
            found = self.evaluate(scope, expression, of.definition.start_line)
            value = found.values[0] if len(found.values) == 1 and found.complete else None
            is_class = isinstance(value, Symbol) and value.definition.kind == "class" and value is not of
            result.append(value if is_class or isinstance(value, External | Opaque) else None)  # type: ignore[arg-type]
        return result


def enclosing_class(scope: Symbol | None) -> Symbol | None:
    """The class a scope stands in."""
    while scope is not None and scope.definition.kind != "class":
        scope = scope.parent
    return scope


def _symbol(scope: Symbol, binding: Binding) -> Symbol:
    return scope.siblings[int(binding.value)]
