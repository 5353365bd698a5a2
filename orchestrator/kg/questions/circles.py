"""Groups of a graph whose members all reach each other, and a shortest circle in each. Used for imports."""

from collections import deque
from collections.abc import Iterator, Mapping, Set

Edges = Mapping[str, Set[str]]


def circles(edges: Edges) -> Iterator[tuple[set[str], list[str]]]:
    """Each group once, with the members of a shortest circle through its first member in order of names."""
    edges = _between_circles(edges)
    backwards: dict[str, set[str]] = {}
    for start, ends in edges.items():
        for end in ends:
            backwards.setdefault(end, set()).add(start)
    left = set(edges)
    while left:
        first = min(left)
        group = _reached(first, edges) & _reached(first, backwards)
        if group:
            yield group, _circle(first, edges, group)
        left -= group | {first}


def _between_circles(edges: Edges) -> dict[str, set[str]]:
    """Without what has no way in, or no way out: that is on no circle, and mostly nearly all."""
    kept = {start: set(ends) for start, ends in edges.items()}
    size = -1
    while size != len(kept):
        size = len(kept)
        entered = {end for ends in kept.values() for end in ends}
        kept = {start: ends & kept.keys() for start, ends in kept.items() if start in entered and ends & kept.keys()}
    return kept


def _reached(start: str, edges: Edges) -> set[str]:
    """What can be reached in one step or more; the start itself only by a circle."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = edges.get(waiting.pop(), set()) - seen
        seen |= new
        waiting.extend(new)
    return seen


def _circle(start: str, edges: Edges, group: Set[str]) -> list[str]:
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for end in sorted(edges.get(here, set()) & group):
            if end == start:
                way = [here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if end not in came_from:
                came_from[end] = here
                waiting.append(end)
    return []
