"""What the walk through one Python file has found so far, and the file's facts in the end. Used by both extractions.

Strings come in, facts go out: it knows no syntax.
"""

from collections.abc import Sequence
from sys import intern

from orchestrator.kg.facts import Call, Compound, ConfigRead, Definition, FileFacts, ImportFact, Reference
from orchestrator.kg.python.bindings import Bindings

# A third of the time that the constructor of a named tuple takes; some are made half a million times.
_new = tuple.__new__
_MAX_RETURNS = 8
_MAX_DECORATED = 240


class Collected:
    """Definitions, calls and what is handed on, returned and yielded."""

    def __init__(self) -> None:
        self.definitions: list[Definition] = []
        self.imports: list[ImportFact] = []
        self.exports: tuple[str, ...] | None = None
        self._calls: list[Call] = []
        self._references: list[Reference] = []
        self._returns: dict[int, list[str]] = {}
        self._yields: dict[int, list[str]] = {}

    def define(self, definition: Definition, decorators: Sequence[tuple[str, int]]) -> int:
        """A class or function with its decorators as written and their lines; returns its index."""
        index = len(self.definitions)
        decorated = f"${index}"
        for written, line in reversed(decorators):
            self._calls.append(
                Call(
                    definition.parent, written, line, 1,
                    decorator=True, passed=decorated, implicit=written.endswith(")"),
                )
            )  # fmt: skip
            decorated = f"{written}({decorated})"
        self.definitions.append(
            definition._replace(
                decorators=tuple(_without_arguments(written) for written, _ in decorators),
                decorated=decorated if len(decorated) <= _MAX_DECORATED else "",
            )
            if decorators
            else definition
        )
        return index

    def is_method(self, index: int) -> bool:
        """Whether a function takes an instance or a class as its first parameter."""
        definition = self.definitions[index]
        return self.definitions[definition.parent].kind == "class" and "staticmethod" not in definition.decorators

    def call(self, scope: int, callee: str, line: int, args: int, passed: str) -> None:
        """A call as it is written."""
        # The same few are called all over a project: one string for all of them.
        self._calls.append(_new(Call, (scope, intern(callee), line, args, False, intern(passed), False)))

    def implicit(self, scope: int, callee: str, line: int) -> None:
        """A call that is not written as one."""
        self._calls.append(_new(Call, (scope, intern(callee), line, 0, False, "", True)))

    def refer(self, scope: int, value: str, line: int) -> None:
        """A value that is handed on."""
        self._references.append(_new(Reference, (scope, intern(value), line)))

    def returned(self, scope: int, value: str, line: int) -> None:
        """What a function returns."""
        values = self._returns.setdefault(scope, [])
        if value not in values:
            values.append(value if len(values) < _MAX_RETURNS else "?")
            self.refer(scope, value, line)

    def is_result(self, scope: int, value: str) -> None:
        """All that a lambda returns."""
        self._returns[scope] = [value]

    def yielded(self, scope: int, value: str) -> None:
        """What a generator yields."""
        values = self._yields.setdefault(scope, [])
        if value not in values and len(values) < _MAX_RETURNS:
            values.append(value)

    def facts(
        self,
        names: Bindings,
        compounds: Sequence[Compound],
        lines: int,
        problems: tuple[int, ...],
        config: tuple[ConfigRead, ...] = (),
    ) -> FileFacts:
        """All of it."""
        known = {binding.name for binding in names.bindings if binding.kind in ("def", "import", "from")}
        known |= {"self", "cls"}
        return FileFacts(
            lines=lines,
            definitions=tuple(self._finished(index) for index in range(len(self.definitions))),
            bindings=tuple(names.bindings),
            attributes=tuple(names.attributes),
            calls=tuple(self._calls),
            references=tuple(one for one in self._references if one.value.partition(".")[0] in known),
            imports=tuple(self.imports),
            exports=self.exports,
            problems=problems,
            compounds=tuple(compounds),
            stores=tuple(names.stores),
            config=config,
        )

    def _finished(self, index: int) -> Definition:
        if index not in self._returns and index not in self._yields:
            return self.definitions[index]
        return self.definitions[index]._replace(
            returns=tuple(self._returns.get(index, ())),
            has_yield=index in self._yields,
            yields=tuple(self._yields.get(index, ())),
        )


def _without_arguments(written: str) -> str:
    """A decorator as written, its arguments left out."""
    head, bracket, _ = written.partition("(")
    return f"{head}()" if bracket else head
