"""Comments as documentation: without their marks, bounded. Used by the extractor of this package."""

import re

_MAX = 1000
_OPEN = re.compile(r"\s*(?:///?!?|//!|/\*+!?|#+!?|\*+/?|--)\s?")
_MARKUP = re.compile(r"</?(?:summary|remarks|para|c|see|inheritdoc)\b[^<>]{0,200}>")


def plain(comment: str) -> str:
    """What a comment says, line by line, without its marks."""
    lines = (_unmarked(line) for line in comment[: 2 * _MAX].splitlines())
    return _MARKUP.sub("", "\n".join(lines)).strip()[:_MAX]


def _unmarked(line: str) -> str:
    mark = _OPEN.match(line)
    line = (line[mark.end() :] if mark is not None else line).rstrip()
    return line.removesuffix("/").rstrip("*").rstrip() if line.endswith("*/") else line


def joined(comments: list[str]) -> str:
    """Neighbouring comments as one text."""
    return "\n".join(filter(None, map(plain, comments)))[:_MAX]
