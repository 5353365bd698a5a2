"""Takes expression strings (see ``facts``) apart again: head, steps, arguments. Used by the Python resolver."""

from functools import lru_cache

_OPENS, _CLOSES = "([", ")]"


@lru_cache(maxsize=50_000)
def parts(expression: str) -> tuple[str, tuple[str, ...]]:
    """Head and steps: ``a.b(x)[@0]`` is ``a`` with ``.b``, ``(x)`` and ``[@0]``."""
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
