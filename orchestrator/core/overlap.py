"""What a task that changes code is expected to touch, and what two such tasks have in common. Pure.

``services.footprints`` predicts a footprint from a task's input and the graph; ``models.grounds`` lets an attempt start
or stand in line by it. A prediction may be wrong: what is really changed is compared while tasks run (``collisions``).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_SYMBOLS = 500
"""Beyond these a task counts as touching the files of its symbols as a whole."""
EVERYTHING = "."
"""The path of a task that may change any file."""

_SYMBOL_FIELDS = frozenset({"symbol", "symbols"})
_PATH_FIELDS = frozenset({"file", "files", "path", "paths"})
_IN_FILE = re.compile(r"(?P<path>[^:]+)::?(?P<name>[^:]+)")
_WORD = re.compile(r"`([^`\s]{1,300})`|([\w./-]*\w[./]\w[\w./-]*)")
_MOST_WORDS = 40


@dataclass(frozen=True, slots=True)
class Footprint:
    """Symbols by qualified name with the file each stands in, and files and folders that are touched as a whole."""

    symbols: Mapping[str, str] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()

    @classmethod
    def of(cls, symbols: Mapping[str, str], paths: Iterable[str] = ()) -> "Footprint":
        """A footprint of bounded size."""
        whole = frozenset(_plain(path) for path in paths)
        if len(symbols) > MOST_SYMBOLS:
            return cls({}, whole | frozenset(path for path in symbols.values() if path))
        return cls(dict(symbols), whole)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of what the task touches."""
        return not self.symbols and not self.paths

    def common(self, other: "Footprint") -> list[str]:
        """What both touch, the most telling first; empty when they keep out of each other's way."""
        shared = sorted(self.symbols.keys() & other.symbols.keys())
        if shared:
            return shared
        inside = {name for name, path in self.symbols.items() if path and _covered(path, other.paths)}
        inside |= {name for name, path in other.symbols.items() if path and _covered(path, self.paths)}
        nested = {path for path in self.paths if _covered(path, other.paths)}
        nested |= {path for path in other.paths if _covered(path, self.paths)}
        return [*sorted(inside), *sorted(nested)]

    def as_dict(self) -> dict[str, Any]:
        """The stored and shown form."""
        return {"symbols": dict(sorted(self.symbols.items())), "paths": sorted(self.paths)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Footprint":
        """What ``as_dict`` wrote."""
        return cls(dict(stored["symbols"]), frozenset(stored["paths"]))


@dataclass(frozen=True, slots=True)
class Named:
    """What a task's input names. ``perhaps``: words of a text that may be names of symbols or files."""

    symbols: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()


def named_in(given: Mapping[str, Any]) -> Named:
    """Symbols and paths by the fields of an input that hold them, and what its texts mention."""
    symbols: list[str] = []
    paths: list[str] = []
    perhaps: list[str] = []
    for name, value in given.items():
        texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one]
        if name in _SYMBOL_FIELDS:
            symbols += texts
        elif name in _PATH_FIELDS:
            paths += texts
        else:
            perhaps += [word for text in texts for word in _words(text)]
    return Named(tuple(symbols), tuple(paths), tuple(dict.fromkeys(perhaps))[:_MOST_WORDS])


def within_file(symbol: str) -> tuple[str, str] | None:
    """The file and the name in it, for a symbol that is written ``path::name``."""
    match = _IN_FILE.fullmatch(symbol)
    return (match["path"], match["name"]) if match else None


def _words(text: str) -> Iterator[str]:
    """Words in backquotes, and words with a dot or a slash inside."""
    for match in _WORD.finditer(text[:100_000]):
        yield (match[1] or match[2]).rstrip(".").removesuffix("()")


def in_words(common: list[str]) -> str:
    """What two tasks have in common, for people."""
    more = len(common) - 1
    shown = "every file" if common[0] == EVERYTHING else common[0]
    return f"both touch {shown}" + (f" and {more} more" if more else "")


def _plain(path: str) -> str:
    kept = path.strip().strip("/").removeprefix("./")
    return kept or EVERYTHING


def _covered(path: str, paths: Iterable[str]) -> bool:
    """Whether a file or folder is one of these paths, or below one."""
    return any(one in (EVERYTHING, path) or path.startswith(f"{one}/") for one in paths)
