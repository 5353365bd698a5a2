"""Circles of imports: groups of files that import each other, what they need before them. Used by the linker."""

from collections.abc import Mapping, Sequence


def circles(imports: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Groups of files after those they import, each in the order its files start when the first one is loaded.

    Tarjan's algorithm without recursion. The order inside of a group depends on nothing but the group.
    """
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: dict[str, None] = {}
    found: list[tuple[str, ...]] = []
    for start in sorted(imports):
        if start in number:
            continue
        number[start] = low[start] = len(number)
        open_[start] = None
        work = [(start, iter(imports[start]))]
        while work:
            at, rest = work[-1]
            target = next(rest, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == number[at]:
                    found.append(_take(at, open_, imports))
            elif target not in number:
                number[target] = low[target] = len(number)
                open_[target] = None
                work.append((target, iter(imports[target])))
            elif target in open_:
                low[at] = min(low[at], number[target])
    return found


def _take(root: str, open_: dict[str, None], imports: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    members = []
    while True:
        members.append(open_.popitem()[0])
        if members[-1] == root:
            break
    return _started(sorted(members), imports) if len(members) > 1 else (root,)


def _started(members: list[str], imports: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Files of a circle in the order in which they finish loading, from the first by name."""
    inside, seen, order = set(members), set[str](), list[str]()
    for start in members:
        if start in seen:
            continue
        seen.add(start)
        work = [(start, iter(imports[start]))]
        while work:
            at, rest = work[-1]
            target = next(rest, None)
            if target is None:
                order.append(at)
                work.pop()
            elif target in inside and target not in seen:
                seen.add(target)
                work.append((target, iter(imports[target])))
    return tuple(order)
