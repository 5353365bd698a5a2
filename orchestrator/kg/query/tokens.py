"""SPARQL cut into tokens, and its bare words. Used by the guard and by whatever puts values into a query's text.

It knows no grammar, and loads no RDF library: processes that only pass queries on start without one.
"""

import re
from collections.abc import Iterator

# Strings, IRIs, comments, variables and prefixed names are consumed whole, so a keyword inside them is not a token.
TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n\r]|\\.)*"'
    r"|'(?:[^'\\\n\r]|\\.)*'"
    r"|<[^<>\"{}|^`\\\x00-\x20]*>"
    r"|\#[^\n\r]*"
    r"|[?$]\w+"
    r"|@[A-Za-z]+(?:-[A-Za-z0-9]+)*"
    r"|[\w.-]*:(?:[\w:.-]|%[0-9A-Fa-f]{2}|\\.)*"
    r"|(?P<word>[A-Za-z]+)"
    r"|.",
    re.DOTALL,
)


def tokens_of(sparql: str) -> Iterator[str]:
    """The text in tokens that give it again when joined: strings, IRIs, comments, variables, names, characters."""
    return (match.group() for match in TOKEN.finditer(sparql))


def words_of(sparql: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Keywords and other bare words in capitals, in order, with their places; brackets too, as they are."""
    for match in TOKEN.finditer(sparql):
        word = match.group("word")
        if word or match.group() in "{}":
            yield (word or match.group()).upper(), match
