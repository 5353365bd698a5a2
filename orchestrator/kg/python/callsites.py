"""The edges of call sites: what each call reaches, by which rule, and what else it may reach. Used by the linker.

A target that a value flows to is ``calls``, also when there are several: each of them was followed from where it is
defined to where it is called. What only has the right name, stands in branches that exclude one another, or overrides
what is called, is ``mayCall``, at most eight per site.
"""

from collections.abc import Iterator
from typing import NamedTuple

from orchestrator.kg.facts import Call, Edge, SymbolRef
from orchestrator.kg.python.evaluate import Evaluator
from orchestrator.kg.python.steps import arguments, parts
from orchestrator.kg.python.symbols import Bound, External, Found, Inherited, Instance, Opaque, Super, Symbol, Value
from orchestrator.kg.python.tree_index import TreeIndex

MAX_CANDIDATES = 8
_new = tuple.__new__
# Builtins that call what they are given: by position, or by name.
_CALLS_BACK = {
    "map": (0, ""), "filter": (0, ""), "sorted": (-1, "key"), "min": (-1, "key"), "max": (-1, "key"), "iter": (-1, ""),
    "functools.reduce": (0, ""), "itertools.starmap": (0, ""), "itertools.groupby": (1, "key"),
    "itertools.takewhile": (0, ""), "itertools.dropwhile": (0, ""), "itertools.filterfalse": (0, ""),
}  # fmt: skip


class Reached(NamedTuple):
    """What a call reaches, the name it is known by, and whether it is resolved or known to reach none of ours."""

    edges: list[Edge]
    name: str
    resolved: bool


class CallSites:
    """Makes the edges of one call after another."""

    def __init__(self, evaluator: Evaluator, index: TreeIndex) -> None:
        self._evaluator = evaluator
        self._index = index
        self._alike: dict[tuple[Found, str, int, bool], Reached] = {}

    def begin(self) -> None:
        """Another file is linked from now on."""
        self._alike = {}

    def value(self, scope: Symbol, call: Call) -> Found:
        """What is called, or iterated over."""
        callee = call.callee.removesuffix("[*]") if call.implicit else call.callee
        return self._evaluator.evaluate(scope, callee, call.line)

    def reached(self, scope: Symbol, call: Call, found: Found) -> Reached:
        """The edges of a call, and what it counts as. Calls of one file that are alike reach the same."""
        key = (found, call.callee, call.args, call.decorator)
        known = self._alike.get(key) if not call.implicit else None
        if known is not None:
            edges, name, resolved = known
            at, line = call.scope, call.line
            here = [_new(Edge, (at, one[1], one[2], one[3], line, one[5], one[6])) for one in edges]
            return Reached(here, name, resolved)
        edges, name = list(self.edges(scope, call, found)), last_name(call.callee)
        resolved = is_builtin(found) or any(edge.certainty == "calls" for edge in edges)
        reached = Reached(edges, name, resolved)
        if not call.implicit and _says_all(found, call.callee):
            self._alike[key] = reached
        return reached

    def edges(self, scope: Symbol, call: Call, found: Found) -> Iterator[Edge]:
        """The edges of a call, given what is called."""
        name = last_name(call.callee)
        if call.implicit and call.callee.endswith("[*]"):
            yield from self._several(call, self._iterated(found), name, found)
            return
        beside = self._beside(call, found) if len(found.values) > 1 else []
        if beside:
            yield Edge(call.scope, "mayCall", tuple(beside[:MAX_CANDIDATES]), "several", call.line, name)
            found = found._replace(values=tuple(one for one in found.values if not isinstance(one, Instance)))
        targets = list(dict.fromkeys(ref for value in found.values if (ref := self.target(value)) is not None))
        if call.implicit:
            yield from self._several(call, [ref for ref in targets if ref.path], name, found)
        elif found.complete and len(targets) == 1 and len(found.values) == 1 and not found.guess and not found.open:
            yield from self._single(scope, call, found.values[0], targets[0], name)
        elif targets:
            yield from self._several(call, targets, name, found)
            yield from self._overriding(call, found.values, name, targets)
        elif not found.values and "." in call.callee and call.callee[-1] not in ")]":
            candidates = self._same_name(name, call.args)
            if candidates:
                yield Edge(call.scope, "mayCall", candidates, "sameName", call.line, name)
        yield from self._called_back(scope, call, found, name)

    def _single(self, scope: Symbol, call: Call, value: Value, target: SymbolRef, name: str) -> Iterator[Edge]:
        made = value.ref if isinstance(value, Symbol) and value.is_class else None
        yield Edge(call.scope, "calls", (target,), self._rule(scope, call, value, target), call.line, name, made)
        yield from self._overriding(call, (value,), name, [target])

    def _several(
        self, call: Call, targets: list[SymbolRef], name: str, found: Found, rule: str = "flow"
    ) -> Iterator[Edge]:
        if not targets:
            return
        if found.guess:
            if len(targets) <= MAX_CANDIDATES:
                yield Edge(call.scope, "mayCall", tuple(targets), "several", call.line, name)
            return
        for value in found.values:
            made = value.ref if isinstance(value, Symbol) and value.is_class else None
            target = self.target(value)
            if made is not None and target is not None and len(found.values) > 1:
                yield Edge(call.scope, "calls", (target,), rule, call.line, name, made)
                targets = [one for one in targets if one != target]
        if targets:
            made = found.values[0].ref if len(found.values) == 1 and _is_class(found.values[0]) else None  # type: ignore[union-attr]
            yield Edge(call.scope, "calls", tuple(targets), rule, call.line, name, made)

    def _beside(self, call: Call, found: Found) -> list[SymbolRef]:
        """What runs when the result of a call is an object, where it is a function of ours as well.

        A decorator that works with and without brackets gives a function for the one and an object for the other; which
        it is depends on arguments that are not looked at, and brackets speak for the function.
        """
        if call.callee[-1] != ")" or found.guess:
            return []
        functions = {one for one in found.values if isinstance(one, Symbol) and one.is_function}
        objects = [one for one in found.values if isinstance(one, Instance)]
        return [ref for one in objects if functions and (ref := self.target(one)) is not None]

    # Targets

    def target(self, value: Value) -> SymbolRef | None:
        """The definition that runs when the value is called."""
        if isinstance(value, External | Inherited):
            return SymbolRef("", -1, value.name.replace("()", ""))
        if isinstance(value, Bound):
            return value.function.ref
        if isinstance(value, Instance):
            return self._method(value, "__call__")
        if not isinstance(value, Symbol):
            return None
        if value.is_class:
            return self._method(Instance(value, exact=True), "__init__") or value.ref
        return value.ref if value.is_function else None

    def _method(self, instance: Instance, name: str) -> SymbolRef | None:
        for one in self._evaluator.attribute(instance, name).values:
            if isinstance(one, Bound):
                return one.function.ref
        return None

    def _iterated(self, found: Found) -> list[SymbolRef]:
        """What a loop over values calls."""
        targets: dict[SymbolRef, None] = {}
        for value in found.values:
            if not isinstance(value, Instance):
                continue
            for method in self._evaluator.attribute(value, "__iter__").values:
                if isinstance(method, Bound):
                    targets[method.function.ref] = None
                    for iterator in self._evaluator.call(method, None).values:
                        ref = self._method(iterator, "__next__") if isinstance(iterator, Instance) else None
                        if ref is not None:
                            targets[ref] = None
        return list(targets)

    def _called_back(self, scope: Symbol, call: Call, found: Found, name: str) -> Iterator[Edge]:
        """What a builtin calls that it is handed."""
        for value in found.values if call.passed else ():
            if not isinstance(value, Opaque | External) or value.name not in _CALLS_BACK:
                continue
            position, keyword = _CALLS_BACK[value.name]
            by_position = [written for key, written in arguments(call.passed) if not key]
            given = [written for key, written in arguments(call.passed) if key and key == keyword]
            if 0 <= position < len(by_position):
                given.append(by_position[position])
            for written in given:
                handed = self._evaluator.evaluate(scope, written, call.line)
                targets = [ref for one in handed.values if (ref := self.target(one)) is not None and ref.path]
                yield from self._several(call, targets, name, handed, "callback")

    # Rules and candidates

    def _rule(self, scope: Symbol, call: Call, value: Value, target: SymbolRef) -> str:
        """Why the edge is certain, by the shape of the call."""
        if call.decorator:
            return "decorator"
        if target.external:
            return "external"
        head, steps = parts(call.callee)
        if not steps or steps[-1][0] != ".":
            if steps:
                return "flow"
            return "scope" if target.path == scope.path else "import"
        if head == "super()":
            return "super"
        if isinstance(value, Bound) and isinstance(value.receiver, Instance):
            return "self" if head in ("self", "cls") and len(steps) == 1 else "instance"
        receiver = self._evaluator.evaluate(scope, head + "".join(steps[:-1]), call.line).values
        if receiver and isinstance(receiver[0], Instance | Super):
            return "instance"
        return "class" if receiver and _is_class(receiver[0]) else "module"

    def _overriding(self, call: Call, values: tuple[Value, ...], name: str, targets: list[SymbolRef]) -> Iterator[Edge]:
        """Methods of subclasses that may run instead, when the receiver may be an instance of one."""
        if call.callee.startswith("super()"):
            return
        found: dict[SymbolRef, None] = {}
        for value in values:
            receiver = value.receiver if isinstance(value, Bound) else None
            if isinstance(receiver, Instance) and not receiver.exact:
                for method in self._below(receiver.of, name):
                    if method.ref not in targets:
                        found[method.ref] = None
        if 0 < len(found) <= MAX_CANDIDATES:
            yield Edge(call.scope, "mayCall", tuple(found), "override", call.line, name)

    def _below(self, of: Symbol, name: str) -> tuple[Symbol, ...]:
        """The methods of that name that subclasses define."""

        def compute() -> tuple[Symbol, ...]:
            found = (own_method(self._evaluator, lower, name) for lower in self._index.subclasses(of))
            return tuple(method for method in found if method is not None)

        return self._evaluator.shared((of, "below", name), compute, ())

    def _same_name(self, name: str, count: int) -> tuple[SymbolRef, ...]:
        """All methods of that name that take so many arguments; none when they are too many to mean anything."""
        if name.startswith("__"):
            return ()
        fitting = [one.ref for one in self._index.methods(name) if _takes(one, count)]
        return tuple(fitting) if len(fitting) <= MAX_CANDIDATES else ()

    # What flows

    def functions(self, scope: Symbol, call: Call, found: Found) -> Iterator[tuple[Symbol, str, int]]:
        """The functions of ours that run, the arguments they get as written, and how many come before those."""
        for value in found.values:
            if isinstance(value, Bound):
                yield value.function, call.passed, 1
            elif isinstance(value, Instance):
                yield from self._methods(value, "__call__", call.passed)
            elif isinstance(value, Symbol) and value.is_class:
                yield from self._methods(Instance(value, exact=True), "__init__", call.passed)
            elif isinstance(value, Symbol) and value.is_function:
                yield value, call.passed, 0
            elif isinstance(value, External) and value.name.endswith("functools.partial"):
                first, _, rest = call.passed.partition(",")
                partial = call._replace(passed=rest)
                yield from self.functions(scope, partial, self._evaluator.evaluate(scope, first, call.line))

    def _methods(self, instance: Instance, name: str, passed: str) -> Iterator[tuple[Symbol, str, int]]:
        for one in self._evaluator.attribute(instance, name).values:
            if isinstance(one, Bound):
                yield one.function, passed, 1


def own_method(evaluator: Evaluator, of: Symbol, name: str) -> Symbol | None:
    """The method of that name that a class itself defines."""
    evaluator.consult(of, name)
    for binding in of.names.get(name, ()):
        if binding.kind == "def":
            return of.siblings[int(binding.value)]
    return None


def is_builtin(found: Found) -> bool:
    """Whether what is called is known to be none of ours."""
    return bool(found.values) and all(not isinstance(value, Symbol | Bound | Instance) for value in found.values)


def last_name(callee: str) -> str:
    """The name a call is known by."""
    head, steps = parts(callee)
    for step in reversed(steps):
        if step[0] == ".":
            return step[1:]
    return head


def _says_all(found: Found, callee: str) -> bool:
    """Whether it does not matter where a call stands and what it passes, given what is called and as what."""
    plain = "." not in callee
    for value in found.values:
        if isinstance(value, External | Opaque):
            if value.name in _CALLS_BACK:
                return False
        elif isinstance(value, Bound):
            if not isinstance(value.receiver, Instance):
                return False
        elif not isinstance(value, Inherited) and not (plain and isinstance(value, Symbol)):
            return False
    return True


def _is_class(value: Value) -> bool:
    return isinstance(value, Symbol) and value.is_class


def _takes(method: Symbol, count: int) -> bool:
    """Whether a method called on an instance takes so many arguments; -1 is any number."""
    definition = method.definition
    bound = 0 if "staticmethod" in definition.decorators else 1
    if count < 0:
        return True
    return definition.least_args - bound <= count and (
        definition.most_args < 0 or count <= definition.most_args - bound
    )
