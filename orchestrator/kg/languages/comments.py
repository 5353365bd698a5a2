"""Comments as documentation: without their marks, bounded. Used by the extractor of this package."""

import re

_MAX = 1000
_OPEN = re.compile(r"^\s*(?:///?!?|//!|/\*+!?|#+!?|\*+/?|--)\s?")
_CLOSE = re.compile(r"\s*\*+/\s*$")
_MARKUP = re.compile(r"</?(?:summary|remarks|para|c|see|inheritdoc)\b[^<>]{0,200}>")


def plain(comment: str) -> str:
    """What a comment says, line by line, without its marks."""
    lines = (_CLOSE.sub("", _OPEN.sub("", line)) for line in comment[: 2 * _MAX].splitlines())
    return _MARKUP.sub("", "\n".join(line.rstrip() for line in lines)).strip()[:_MAX]


def joined(comments: list[str]) -> str:
    """Neighbouring comments as one text."""
    return "\n".join(filter(None, map(plain, comments)))[:_MAX]
