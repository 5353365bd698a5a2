"""Python expressions as the short strings of ``facts``, from nodes of ``ast``. Used by the extraction by ``ast`` only.

The twin of ``kg/python/expressions.py``, which does the same for trees of files that are broken: a test holds the two
equal. What an expression became is remembered where it would become another compound, or less deep, the next time.
"""

import ast
import re
from collections.abc import Callable
from typing import Any

from orchestrator.kg.facts import Compound, CompoundKind
from orchestrator.kg.python.by_ast.source import Source
from orchestrator.kg.python.expressions import MAX_ARGUMENTS, MAX_ITEMS, MAX_NESTING, MAX_STEPS, MAX_WRITTEN, can_matter

Argument = tuple[str, ast.expr]
Parameter = tuple[str, ast.arg | None, ast.expr | None]
Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
_SEQUENCES: dict[type, CompoundKind] = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "list"}
_LONGEST_WORD = 40
_WORD = re.compile(r"\w*", re.ASCII)
_LITERALS: dict[type, str] = {bool: "@bool", bytes: "@str", float: "@float", complex: "@float"}


class Expressions:
    """Writes the expressions of one file; ``scope`` is the index of the scope the walk is in."""

    def __init__(self, source: Source, define: Callable[[ast.Lambda, int], int]) -> None:
        self.compounds: list[Compound] = []
        self.scope = 0
        self._source = source
        self._define = define
        self._known: dict[object, str] = {}
        # Names of the comprehensions the walk is in, inner last: each comprehension has names of its own.
        self._renamed: list[dict[str, str]] = []
        self._comprehensions: dict[ast.expr, int] = {}
        self._comprehensions_in: dict[int, int] = {}

    def of(self, node: ast.expr | None, depth: int = 0) -> str:
        """A node as an expression; ``?`` stands for what cannot be followed."""
        kind = type(node)
        if kind is ast.Name:
            return self.name(node.id) if self._renamed else node.id  # type: ignore[union-attr]
        if kind is ast.Constant:
            return _constant(node, alone=True)  # type: ignore[arg-type]
        if kind is ast.Attribute:
            inner = node.value  # type: ignore[union-attr]
            if type(inner) is ast.Name:
                head = self.name(inner.id) if self._renamed else inner.id
                return f"{head}.{node.attr}"  # type: ignore[union-attr]
        return self._chain(node, depth)

    def _chain(self, node: Any, depth: int) -> str:
        """An expression step by step, from its end."""
        steps: list[str] = []
        nodes: list[ast.expr] = []
        for _ in range(MAX_STEPS):
            known = self._known.get(node)
            if known is not None:
                return self._join(known, nodes, steps)
            kind = type(node)
            step = self._step(node, kind, depth)
            if step:
                nodes.append(node)
                steps.append(step)
            elif kind is not ast.Await:
                return self._join(self._head(node, kind, depth, alone=not steps), nodes, steps)
            node = node.func if kind is ast.Call else node.value
        return self._join("?", nodes, steps)

    def _step(self, node: Any, kind: type, depth: int) -> str:
        """What the last step of an expression is; "" where it has none."""
        if kind is ast.Attribute:
            return f".{node.attr}"
        if kind is ast.Call and not (type(node.func) is ast.Name and node.func.id == "super"):
            return f"({self.passed(node, depth)})"
        return f"[{self.key(node, depth)}]" if kind is ast.Subscript else ""

    def _head(self, node: Any, kind: type, depth: int, *, alone: bool) -> str:
        if kind is ast.Name:
            return self.name(node.id)
        if node is None:
            return "?"
        return "super()" if kind is ast.Call else self._other(node, depth, alone=alone)

    def _join(self, head: str, nodes: list[ast.expr], steps: list[str]) -> str:
        """Put the steps behind the head, and remember every prefix: the walk will ask for it again."""
        written = head
        while steps:
            written += steps.pop()
            self._known[nodes.pop()] = written
        return written

    def name(self, written: str) -> str:
        """A name; inside a comprehension its own names are told from those around."""
        for names in reversed(self._renamed):
            if written in names:
                return names[written]
        return written

    def passed(self, call: ast.Call, depth: int = 0, given: list[Argument] | None = None) -> str:
        """The arguments of a call (``given`` where they are known), by commas; "" where none can matter."""
        if depth > MAX_NESTING:
            return ""
        if is_bare_generator(call):
            return self.of(call.args[0], depth + 1)
        parts, matters = [], False
        plain = not self._renamed
        for prefix, value in (arguments_of(call) if given is None else given)[:MAX_ARGUMENTS]:
            written = value.id if plain and type(value) is ast.Name else self.of(value, depth + 1)
            sign = written[0]
            if sign not in "?@" or (sign == "@" and written[1] in "'-0123456789"):
                matters = True
                parts.append(prefix + written)
            elif not prefix:
                parts.append("?")
        found = ",".join(parts) if matters else ""
        return found if len(found) <= MAX_WRITTEN else ""

    def parameters(self, parameters: list[Parameter], depth: int = 0) -> str:
        """The parameters of a function as ``facts`` writes them; the defaults belong to the scope around."""
        parts = []
        for stars, parameter, value in parameters:
            if parameter is None:
                parts.append(stars)
                continue
            default = self.of(value, depth) if value is not None else "?"
            parts.append(f"{stars}{parameter.arg}={default}" if can_matter(default) else f"{stars}{parameter.arg}")
        return ",".join(parts)

    def key(self, node: ast.Subscript, depth: int = 0) -> str:
        """What stands in square brackets: a constant or a name, ``n:`` for a slice, "" where it cannot be told."""
        key = node.slice
        if depth > MAX_NESTING:
            return ""
        if isinstance(key, ast.Tuple) and not self._source.is_parenthesized(key):
            key = key.elts[0]
        if isinstance(key, ast.Slice):
            start = key.lower
            if start is None:
                return "0:"
            is_number = isinstance(start, ast.Constant) and type(start.value) is int
            return f"{self._source.segment(start)}:" if is_number else ":"
        written = self.of(key, depth + 1)
        return written if can_matter(written) and written[0] != "#" else ""

    def _other(self, node: ast.expr, depth: int, *, alone: bool) -> str:
        kind = type(node)
        if kind is ast.Constant:
            return _constant(node, alone=alone)  # type: ignore[arg-type]
        if kind is ast.UnaryOp:
            return _unary(node, alone=alone)  # type: ignore[arg-type]
        if kind is ast.JoinedStr:
            return "@str"
        if kind is ast.Compare:
            return "@bool"
        return self._nested(node, kind, depth) if depth <= MAX_NESTING else "?"

    def _nested(self, node: ast.expr, kind: type, depth: int) -> str:
        if isinstance(node, ast.Lambda):
            return f"${self._define(node, depth + 1)}"
        if isinstance(node, ast.BoolOp):
            return self._either(node, len(node.values), depth)
        if isinstance(node, ast.IfExp):
            chosen = [self.of(node.body, depth + 1), self.of(node.orelse, depth + 1)]
            return self._any(node, node.lineno, chosen, is_bool=False)
        if isinstance(node, ast.NamedExpr):
            return self.of(node.value, depth + 1)
        if isinstance(node, ast.Dict):
            return self._compound(node, node.lineno, "dict", self._pairs(node, depth))
        if isinstance(node, COMPREHENSIONS):
            return self._comprehension(node, depth)
        sequence = _SEQUENCES.get(kind)
        if sequence is None:
            return "?"
        return self._compound(node, node.lineno, sequence, self._items(node.elts, depth))  # type: ignore[attr-defined]

    def _compound(self, node: object, line: int, kind: CompoundKind, parts: list[str]) -> str:
        found = self._known[node] = f"#{len(self.compounds)}"
        matters = any(can_matter(part) for part in parts)
        self.compounds.append(Compound(self.scope, kind, tuple(parts) if matters else (), line))
        return found

    def _items(self, elements: list[ast.expr], depth: int) -> list[str]:
        return [
            "*" + self.of(one.value, depth + 1) if type(one) is ast.Starred else self.of(one, depth + 1)
            for one in elements[:MAX_ITEMS]
        ]

    def _pairs(self, node: ast.Dict, depth: int) -> list[str]:
        """Keys and values by turns, of those pairs whose value can matter."""
        parts = []
        for key, value in zip(node.keys[:MAX_ITEMS], node.values, strict=False):
            written = self.of(value, depth + 1)
            if key is None:
                parts += ["**", written]
            elif can_matter(written):
                parts += [self.of(key, depth + 1), written]
        return parts

    def _either(self, node: ast.BoolOp, count: int, depth: int) -> str:
        """``a or b or c`` is ``(a or b) or c``: the first ``count`` of the values."""
        values, this = node.values, node if count == len(node.values) else (node, count)
        known = self._known.get(this)
        if known is not None or depth > MAX_NESTING:
            return known or "?"
        first = self.of(values[0], depth + 1) if count == 2 else self._either(node, count - 1, depth + 1)
        return self._any(this, node.lineno, [first, self.of(values[count - 1], depth + 1)], is_bool=True)

    def _any(self, node: object, line: int, chosen: list[str], *, is_bool: bool) -> str:
        """Each of the two; None counts as neither."""
        parts = [written for written in chosen if written != "@None"]
        if not parts:
            return "@None"
        if len(parts) == 1 or (is_bool and not any(map(can_matter, parts))):
            return parts[0]
        return self._compound(node, line, "any", parts)

    # Comprehensions

    def _comprehension(self, node: Comprehension, depth: int) -> str:
        self.enter(node)
        if isinstance(node, ast.DictComp):
            parts = ["?", self.of(node.value, depth + 1)]
        else:
            parts = [self.of(node.elt, depth + 1)]
        self.leave()
        return self._compound(node, node.lineno, "dict" if isinstance(node, ast.DictComp) else "each", parts)

    def enter(self, node: Comprehension) -> None:
        """Rename the names a comprehension binds until ``leave``."""
        number = self._comprehensions.get(node)
        if number is None:
            number = self._comprehensions_in[self.scope] = self._comprehensions_in.get(self.scope, 0) + 1
            self._comprehensions[node] = number
        names: dict[str, str] = {}
        stack: list[ast.expr] = [clause.target for clause in node.generators]
        while stack:
            target = stack.pop()
            if isinstance(target, ast.Name):
                names[target.id] = f"{target.id}~{number}"
            elif isinstance(target, ast.Tuple | ast.List):
                stack.extend(target.elts)
            elif isinstance(target, ast.Starred):
                stack.append(target.value)
        self._renamed.append(names)

    def end(self) -> None:
        """The file is read: let go of nodes, and of who defines lambdas."""
        self._known.clear()
        self._define = _no_lambdas

    def leave(self) -> None:
        """The innermost comprehension ends."""
        self._renamed.pop()


def _no_lambdas(node: ast.Lambda, depth: int) -> int:
    raise RuntimeError(f"a lambda after the end of the file, in line {node.lineno}, depth {depth}")


def is_bare_generator(call: ast.Call) -> bool:
    """``f(x for x in y)``: the brackets of the call are the generator's."""
    args = call.args
    if len(args) != 1 or type(args[0]) is not ast.GeneratorExp or call.keywords:
        return False
    only = args[0]
    return only.end_col_offset == call.end_col_offset and only.end_lineno == call.end_lineno


def arguments_of(call: ast.Call) -> list[Argument]:
    """The arguments in the order in which they are written, each with what stands before its value."""
    found = [("*", one.value) if type(one) is ast.Starred else ("", one) for one in call.args]
    if call.keywords:
        unpacked = any(prefix for prefix, _ in found)
        found += [(f"{one.arg}=" if one.arg else "**", one.value) for one in call.keywords]
        if unpacked:
            found.sort(key=lambda pair: (pair[1].lineno, pair[1].col_offset))
    return found


def parameters_of(parameters: ast.arguments) -> list[Parameter]:
    """Each parameter with its stars and default, in order; ``/`` and ``*`` without one."""
    found: list[Parameter] = []
    plain = [*parameters.posonlyargs, *parameters.args]
    without = len(plain) - len(parameters.defaults)
    for place, one in enumerate(plain):
        found.append(("", one, parameters.defaults[place - without] if place >= without else None))
        if place + 1 == len(parameters.posonlyargs):
            found.append(("/", None, None))
    if parameters.vararg is not None:
        found.append(("*", parameters.vararg, None))
    elif parameters.kwonlyargs:
        found.append(("*", None, None))
    found += [("", one, value) for one, value in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)]
    if parameters.kwarg is not None:
        found.append(("**", parameters.kwarg, None))
    return found


def _constant(node: ast.Constant, *, alone: bool) -> str:
    value = node.value
    if isinstance(value, str):
        # As wide as the word and two quotes: no prefix, no escapes, no other string behind it.
        size = len(value)
        if alone and size <= _LONGEST_WORD and node.end_col_offset == node.col_offset + size + 2:
            return f"@'{value}'" if node.lineno == node.end_lineno and _WORD.fullmatch(value) else "@str"
        return "@str"
    if value is None:
        return "@None"
    if isinstance(value, int) and not isinstance(value, bool):
        width = (node.end_col_offset or 0) - node.col_offset
        return f"@{value}" if alone and width == len(str(value)) <= 4 else "@int"
    return _LITERALS.get(type(value), "?")


def _unary(node: ast.UnaryOp, *, alone: bool) -> str:
    if isinstance(node.op, ast.Not):
        return "@bool"
    of = node.operand
    if alone and isinstance(node.op, ast.USub) and isinstance(of, ast.Constant) and type(of.value) is int:
        width = (node.end_col_offset or 0) - node.col_offset
        return f"@-{of.value}" if width == len(str(of.value)) + 1 <= 5 else "?"
    return "?"
