"""One Python file as text, tree and offsets, and changing it by spans without touching anything else.

Used by the renaming code-mod. Encoding, byte order mark and line ends stay as they are. A changed text is parsed again
and compared node by node with the old tree, so that no edit can alter more than the names it meant to.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrator.core.errors import AgentFailed

MAX_BYTES = 2 * 1024 * 1024
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters from ``start`` to ``end`` by ``text``."""

    start: int
    end: int
    text: str


class UnreadableSource(Exception):
    """A file that is no Python this interpreter can parse; the message says why."""


class Source:
    """A parsed file. ``path`` is relative to the project."""

    def __init__(self, path: str, text: str, encoding: str = "utf-8") -> None:
        self.path = path
        self.text = text
        self.encoding = encoding
        self.tree = _parse(text)

    @classmethod
    def read(cls, root: Path, path: str) -> "Source":
        """Read a file; UnreadableSource when it is too large, not text or not Python."""
        try:
            data = (root / path).read_bytes()
            if len(data) > MAX_BYTES:
                raise UnreadableSource(f"larger than {MAX_BYTES} bytes")
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            text = data.decode(encoding)
        except (OSError, SyntaxError, UnicodeDecodeError, LookupError) as error:
            raise UnreadableSource(f"cannot be read: {type(error).__name__}") from error
        return cls(path, text, encoding)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def offset(self, line: int, column: int) -> int:
        """The place in the text of a node's line (from 1) and column (in UTF-8 bytes)."""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self.text)
        content = self.text[start:end]
        if content.isascii():
            return start + column
        return start + len(content.encode()[:column].decode("utf-8", "ignore"))

    def line_of(self, offset: int) -> int:
        """The line (from 1) an offset lies in."""
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= offset else (low, middle)
        return low + 1

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends in the text."""
        at: Any = node
        return self.offset(at.lineno, at.col_offset), self.offset(at.end_lineno, at.end_col_offset)

    def changed(self, edits: Iterable[Edit], old: str, new: str) -> str:
        """The text after the edits; AgentFailed when they would change anything but the name."""
        text = self.text
        for edit in sorted(set(edits), reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        try:
            tree = _parse(text)
        except UnreadableSource as error:
            raise AgentFailed(f"{self.path} would no longer be Python; nothing was changed.") from error
        if not _same_but(self.tree, tree, old, new):
            raise AgentFailed(f"{self.path} would change in more than the name; nothing was changed.")
        return text

    def write(self, root: Path, text: str) -> None:
        """Replace the file's content in its own encoding."""
        (root / self.path).write_bytes(text.encode(self.encoding))


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise UnreadableSource(f"not valid Python{f', line {line}' if line else ''}") from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableSource("nested too deeply") from error


def _same_but(before: ast.AST, after: ast.AST, old: str, new: str) -> bool:
    """Whether two trees are alike when the name is taken for the other in the second."""
    word = re.compile(rf"\b{re.escape(old)}\b")
    pairs = [(before, after)]
    while pairs:
        one, two = pairs.pop()
        if type(one) is not type(two):
            return False
        for name in one._fields:
            mine, theirs = _listed(getattr(one, name, None)), _listed(getattr(two, name, None))
            if len(mine) != len(theirs):
                return False
            for left, right in zip(mine, theirs, strict=True):
                if isinstance(left, ast.AST) and isinstance(right, ast.AST):
                    pairs.append((left, right))
                elif left != right and not _renamed(one, name, left, right, (word, old, new)):
                    return False
    return True


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _renamed(node: ast.AST, field: str, left: Any, right: Any, names: tuple[re.Pattern[str], str, str]) -> bool:
    word, old, new = names
    if isinstance(node, ast.alias) and field == "asname" and left is None:
        return bool(right == old)
    return isinstance(left, str) and isinstance(right, str) and word.sub(new, left) == right
