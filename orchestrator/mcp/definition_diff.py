"""Shows people how two definitions of a tool differ, field by field, with everything made visible that hides.

Used by ``tool_trust``. Pure, and bounded whatever a server sends: long texts are cut, and say so. It judges nothing:
whether a change is good is for the reader to say.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

_MOST_LINES = 1000
_MOST_CHARS = 200_000
_LINE_CHARS = 160
_ORDER = ("title", "description", "inputSchema", "outputSchema", "annotations", "icons")
_WORD = re.compile(r"\w+")
# Controls (ANSI sequences begin with one), formats (zero width, bidirectional), private use, unassigned, surrogates,
# line and paragraph separators, and every space that is not the plain one.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs: readable texts before and after (None: absent), and their unified diff."""

    field: str
    before: str | None
    after: str | None
    diff: str


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[FieldChange]:
    """Every field in which two definitions in wire form differ; None stands for no definition at all."""
    old, new = before or {}, after or {}
    named = sorted((old.keys() | new.keys()) - {"name", *_ORDER})
    found = []
    for field in (*_ORDER, *named):
        one, other = _readable(old, field), _readable(new, field)
        if old.get(field) != new.get(field) or (one is None) != (other is None):
            found.append(FieldChange(visible(field), one, other, _diff(one, other)))
    return found


def visible(text: str) -> str:
    """The text with every character that cannot be seen, or looks like another, as ``⟨U+200B⟩``; lines stay lines."""
    text = re.sub(r"[ ]+(?=\n|$)", lambda found: _code(" ") * len(found[0]), text)
    text = "".join(_code(char) if _hides(char) else char for char in text)
    return _WORD.sub(_unmixed, text) if not text.isascii() else text


def hidden_characters(value: Any) -> list[str]:
    """What hides anywhere in a definition, each as ``U+200B ZERO WIDTH SPACE``, sorted."""
    found = {char for text in _texts(value) for char in text if _hides(char)}
    found |= {char for text in _texts(value) for word in _WORD.findall(text) for char in _strangers(word)}
    return sorted(f"U+{ord(char):04X} {unicodedata.name(char, 'control character')}" for char in found)[:100]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _hides(char: str) -> bool:
    return char not in " \n" and unicodedata.category(char) in _HIDDEN


def _strangers(word: str) -> set[str]:
    """Letters of other scripts inside a word that has letters of ours: a Cyrillic ``а`` is no ``a``."""
    if word.isascii() or not any(char.isascii() and char.isalpha() for char in word):
        return set()
    return {char for char in word if char.isalpha() and not unicodedata.name(char, "LATIN").startswith("LATIN")}


def _unmixed(found: re.Match[str]) -> str:
    strangers = _strangers(found[0])
    return "".join(_code(char) if char in strangers else char for char in found[0])


def _code(char: str) -> str:
    return f"⟨U+{ord(char):04X}⟩"


def _readable(wire: Mapping[str, Any], field: str) -> str | None:
    value = wire.get(field)
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    cut = len(text) - _MOST_CHARS
    # A string inside JSON carries its control characters escaped; they are shown the same way everywhere.
    text = visible(text[:_MOST_CHARS])
    return f"{text}\n(cut: {cut} more characters)" if cut > 0 else text


def _lines(text: str | None) -> list[str]:
    """Lines of a bearable length."""
    lines: list[str] = []
    for line in (text or "").split("\n") if text is not None else ():
        lines += [line[at : at + _LINE_CHARS] for at in range(0, len(line), _LINE_CHARS)] or [""]
        if len(lines) > _MOST_LINES:
            return [*lines[:_MOST_LINES], "(cut: more lines)"]
    return lines


def _diff(before: str | None, after: str | None) -> str:
    return "\n".join(unified_diff(_lines(before), _lines(after), "approved", "now", lineterm=""))
