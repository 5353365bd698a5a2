"""Takes expression strings (see ``facts``) apart again: head, steps, arguments. Used by the Python resolver."""

import re
from functools import lru_cache
from typing import NamedTuple

_OPENS, _CLOSES = "([", ")]"
_NAME = re.compile(r"(?<![.@'\w$#])[^\W\d]\w*(?:~\d+)?")


@lru_cache(maxsize=100_000)
def parts(expression: str) -> tuple[str, tuple[str, ...]]:
    """Head and steps: ``a.b(x)[@0]`` is ``a`` with ``.b``, ``(x)`` and ``[@0]``."""
    if "(" not in expression and "[" not in expression:
        head, *names = expression.split(".")
        return head, tuple([f".{name}" for name in names])
    start = len("super()") if expression.startswith("super()") else 0
    steps: list[str] = []
    begin, depth, head = 0, 0, expression
    for at in range(start, len(expression)):
        char = expression[at]
        if char in _CLOSES:
            depth -= 1
        elif depth == 0 and (char == "." or char in _OPENS):
            if begin:
                steps.append(expression[begin:at])
            else:
                head = expression[:at]
            begin = at
        if char in _OPENS:
            depth += 1
    if begin:
        steps.append(expression[begin:])
    return head, tuple(steps)


@lru_cache(maxsize=50_000)
def arguments(passed: str) -> tuple[tuple[str, str], ...]:
    """Arguments as (name, expression): the name is "" by position, ``*`` and ``**`` for what is unpacked."""
    found = []
    for part in _split(passed):
        stars = part[: len(part) - len(part.lstrip("*"))]
        name, equals, value = part[len(stars) :].partition("=")
        if equals and name.isidentifier():
            found.append((name, value))
        else:
            found.append((stars, part[len(stars) :]))
    return tuple(found)


def _split(passed: str) -> list[str]:
    pieces, depth, begin = [], 0, 0
    for at, char in enumerate(passed):
        if char in _OPENS:
            depth += 1
        elif char in _CLOSES:
            depth -= 1
        elif char == "," and depth == 0:
            pieces.append(passed[begin:at])
            begin = at + 1
    return [*pieces, passed[begin:]] if passed else []


class Parameter(NamedTuple):
    """A parameter: ``stars`` are its stars, ``position`` its place, -1 where it is passed by name only."""

    name: str
    stars: str
    default: str
    position: int


@lru_cache(maxsize=20_000)
def parameters(written: str) -> tuple[Parameter, ...]:
    """The parameters of a function, as ``facts.Definition`` writes them."""
    found = []
    by_name = False
    for at, part in enumerate(piece for piece in _split(written) if piece != "/"):
        stars = part[: len(part) - len(part.lstrip("*"))]
        name, _, default = part[len(stars) :].partition("=")
        if name:
            found.append(Parameter(name, stars, default, -1 if by_name or stars else at))
        by_name = by_name or stars == "*"
    return tuple(found)


@lru_cache(maxsize=50_000)
def names_in(expression: str) -> frozenset[str]:
    """Every name an expression could read, some attribute names among them."""
    return frozenset(_NAME.findall(expression))


def can_flow(written: str) -> bool:
    """Whether an argument is worth being followed: constants are, as keys; other literals and the unknown are not."""
    return written[0] not in "?@" or written[1:2] in "'-0123456789"
