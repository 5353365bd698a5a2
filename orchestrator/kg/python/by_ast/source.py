"""The text behind syntax nodes: segments, signatures, docstrings, annotations. Used by the extraction by ``ast``.

Positions of ``ast`` are lines and bytes in them. Knows no scopes and follows nothing.
"""

import ast
import inspect
import re
from itertools import accumulate

from orchestrator.kg.python.syntax import declared_class

_MAX_DOC = 1000
_STRING = re.compile(
    rb"[A-Za-z]{0,2}(?:'''(.*?)'''|\"\"\"(.*?)\"\"\"|'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")", re.DOTALL
)
# Whatever may hold a bracket that is none, and brackets.
_BRACKETS = re.compile(
    rb"#[^\n]*|'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|[()\[\]{}:]",
    re.DOTALL,
)
_DEPTH = {b"(": 1, b"[": 1, b"{": 1, b")": -1, b"]": -1, b"}": -1}


class Source:
    """The text of one file, found by node."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        # Line n begins at entry n, not counting the ends of the lines before; lines count from 1.
        self._starts = [0, 0, *accumulate(map(len, text.split(b"\n")))]

    def start(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        """The byte a node begins at."""
        return self._starts[node.lineno] + node.lineno - 1 + node.col_offset

    def end(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        """The byte behind a node."""
        line = node.end_lineno or node.lineno
        return self._starts[line] + line - 1 + (node.end_col_offset or 0)

    def behind_word(self, start: int, word: str) -> int:
        """The byte behind the first place of a word."""
        found = self._text.find(word.encode(), start)
        return found + len(word.encode()) if found >= 0 else start

    def segment(self, node: ast.expr | ast.arg) -> str:
        """The text of a node."""
        return self._text[self.start(node) : self.end(node)].decode("utf-8", "replace")

    def is_parenthesized(self, node: ast.Tuple) -> bool:
        """Whether a tuple stands in round brackets of its own."""
        start = self.start(node)
        return self._text[start : start + 1] == b"(" and (not node.elts or start < self.start(node.elts[0]))

    def docstring(self, body: list[ast.stmt]) -> str:
        """The docstring that opens a body, as it is written, dedented and cut."""
        first = body[0] if body else None
        if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
            return ""
        if not isinstance(first.value.value, str | bytes):
            return ""
        found = _STRING.fullmatch(self._text, self.start(first.value), self.end(first.value))
        content = next((part for part in found.groups() if part is not None), b"") if found else b""
        return inspect.cleandoc(content.decode("utf-8", "replace"))[:_MAX_DOC] if content else ""

    def bracketed(self, start: int, limit: int = 300) -> str:
        """The first round brackets behind a byte and what is in them, on one line."""
        depth, opened = 0, -1
        for found in _BRACKETS.finditer(self._text, start):
            step = _DEPTH.get(found[0])
            if step is None:
                continue
            if opened < 0 and found[0] == b"(":
                opened = found.start()
            depth += step
            if not depth and opened >= 0:
                return _one_line(self._text[opened : found.end()], limit)
        return ""

    def until_colon(self, start: int, limit: int = 300) -> str:
        """What stands before the next colon that is in no brackets, on one line."""
        depth = 0
        for found in _BRACKETS.finditer(self._text, start):
            if found[0] == b":" and not depth:
                return _one_line(self._text[start : found.start()], limit)
            depth += _DEPTH.get(found[0], 0)
        return ""

    def one_line(self, node: ast.expr, limit: int) -> str:
        """A node's text on one line."""
        return _one_line(self._text[self.start(node) : self.end(node)], limit)

    def annotation(self, node: ast.expr | None) -> str:
        """The class an annotation names, as a dotted name, or "" where it names none or several."""
        if node is None:
            return ""
        return node.id if type(node) is ast.Name else declared_class(self.segment(node))


def _one_line(text: bytes, limit: int) -> str:
    return " ".join(text.decode("utf-8", "replace").split())[:limit]
