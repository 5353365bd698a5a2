"""What a call can run: functions that take its arguments, constructors, and the method behind a called object.

Used by the linker of this package. Functions of one name are told apart by how many arguments they take, where a
language does so; one that cannot take a call's arguments is never its target. Knows nothing of edges.
"""

from orchestrator.kg.facts import Call, SymbolRef
from orchestrator.kg.languages.lookup import Lookup
from orchestrator.kg.languages.symbols import Symbol, Type, World
from orchestrator.kg.languages.values import Found, Functions, Instance, Value, either


class Callees:
    """Answers for one world of files."""

    def __init__(self, world: World, lookup: Lookup) -> None:
        self._world = world
        self._lookup = lookup
        self._rules = world.scoping

    def of(self, path: str, call: Call) -> Found:
        """What is called."""
        return self._by_arity(call, self._value(path, call))

    def _value(self, path: str, call: Call) -> Found:
        """What is called; a called object stands for its method that runs then."""
        found = self._lookup.evaluate(path, call.scope, call.callee)
        method = self._rules.invoked
        if not method or call.callee.endswith("^") or not any(isinstance(one, Instance) for one in found.values):
            return found
        made = [self._lookup.member(one, method, path) for one in found.values if isinstance(one, Instance)]
        rest = Found(tuple(one for one in found.values if not isinstance(one, Instance)), complete=True)
        return either([*made, rest])._replace(complete=found.complete and all(one.complete for one in made))

    def _by_arity(self, call: Call, found: Found) -> Found:
        """Functions that take so many arguments; where none does, what is called is not among them."""
        if not self._rules.overloads or call.args < 0:
            return found
        values: list[Value] = []
        for value in found.values:
            if not isinstance(value, Functions):
                values.append(value)
            elif fitting := self._overload(value, call.args):
                values.append(Functions(tuple(fitting), value.receiver))
        return Found(tuple(values), found.complete and len(values) == len(found.values))

    def _overload(self, value: Functions, arguments: int) -> list[Symbol]:
        """The functions of a name that take so many arguments, from the nearest type that has some."""
        fitting = self.fitting(value.symbols, arguments)
        if fitting or value.receiver is None or self._rules.included:
            return fitting
        ancestors, complete = self._lookup.ancestors(value.receiver)
        name = self._rules.fold(self._world.definition(value.symbols[0]).name)
        for ancestor in ancestors if complete else ():
            fitting = self.fitting(tuple(ancestor.members.get(name, ())), arguments)
            if fitting:
                break
        return fitting

    def constructors(self, type_: Type, arguments: int) -> list[SymbolRef]:
        """The constructors that take so many arguments; the class itself where it has none."""
        if self._rules.constructor is None:
            return [type_.parts[0].ref]
        chain = self._lookup.ancestors(type_)[0] if self._rules.inherits_constructor else [type_]
        for one in chain:
            name = self._rules.constructor or one.name.rpartition(".")[2]
            held = one.members.get(self._rules.fold(name), [])
            if held:
                fitting = [symbol.ref for symbol in self.fitting(tuple(held), arguments)]
                return fitting or [type_.parts[0].ref]  # what copies an object is nowhere written
        return [type_.parts[0].ref]

    def fitting(self, symbols: tuple[Symbol, ...], arguments: int) -> list[Symbol]:
        """Those that take so many arguments, where a language tells functions of one name apart by that."""
        if not self._rules.overloads:
            return list(symbols)
        fitting = [one for one in symbols if self.takes(one, arguments)]
        if fitting or not self._rules.included:
            return fitting
        # What may be left out is told where a function is promised, not where it is defined.
        return [one for one in symbols if arguments < self._world.definition(one).least_args]

    def takes(self, symbol: Symbol, arguments: int) -> bool:
        """Whether a function takes so many arguments; a negative number is any."""
        definition = self._world.definition(symbol)
        most = definition.most_args
        return arguments < 0 or (definition.least_args <= arguments and (most < 0 or arguments <= most))
