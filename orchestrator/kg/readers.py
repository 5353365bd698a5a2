"""Which files read which keys of the tree: after a change, those that read a changed key are linked again.

Kept by whoever updates a graph; filled from what linkers say they consulted. It knows nothing of what keys mean.
"""

from collections.abc import Hashable, Iterable, Iterator, Set


class Readers:
    """Files by the keys they read."""

    def __init__(self) -> None:
        self._keys: dict[str, frozenset[Hashable]] = {}
        # Most keys have one reader: a set for each of them would cost more than everything else here.
        self._readers: dict[Hashable, str | set[str]] = {}

    def __iter__(self) -> Iterator[Hashable]:
        """Every key that somebody reads."""
        return iter(self._readers)

    def record(self, path: str, keys: Set[Hashable]) -> None:
        """All that a file reads now, instead of what it read before."""
        before = self._keys.get(path, frozenset())
        self._keys[path] = frozenset(keys)
        for key in before - keys:
            self._drop(path, key)
        for key in keys - before:
            self._add(path, key)

    def forget(self, path: str) -> None:
        """The file is gone."""
        for key in self._keys.pop(path, ()):
            self._drop(path, key)

    def of(self, keys: Iterable[Hashable]) -> set[str]:
        """The files that read one of the keys."""
        found: set[str] = set()
        for key in keys:
            readers = self._readers.get(key, ())
            found.update((readers,) if isinstance(readers, str) else readers)
        return found

    def _add(self, path: str, key: Hashable) -> None:
        readers = self._readers.get(key)
        if readers is None:
            self._readers[key] = path
        elif isinstance(readers, str):
            self._readers[key] = {readers, path}
        else:
            readers.add(path)

    def _drop(self, path: str, key: Hashable) -> None:
        readers = self._readers[key]
        if isinstance(readers, set):
            readers.discard(path)
        if isinstance(readers, str) or not readers:
            del self._readers[key]
