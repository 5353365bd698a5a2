"""Where Python reads configuration, from nodes of ``ast``: the twin of ``kg/python/config_reads.py``."""

import ast
from collections.abc import Iterator, Sequence

from orchestrator.kg.facts import Binding, ConfigRead, Definition
from orchestrator.kg.python.config_reads import MENTION, MOST_KEY, SETTING, KnownNames, scope_at

_HINTS = (b"environ", b"getenv", b"settings.")
KINDS = (ast.Attribute, ast.Call, ast.Subscript, ast.Compare)


def mentions_config(source: bytes) -> bool:
    """Whether a file may read configuration at all."""
    # To look for a few bytes is quick; only few files have them.
    return any(one in source for one in _HINTS) and MENTION.search(source) is not None


def config_reads(
    seen: Sequence[ast.expr], definitions: Sequence[Definition], bindings: Sequence[Binding]
) -> tuple[ConfigRead, ...]:
    """The reads among the expressions, of ``KINDS``, that were seen in a file, in source order."""
    known = KnownNames(bindings)
    found = {
        (node.lineno, node.col_offset, key, origin)
        for one in seen
        for node in _with_inner(one)
        for key, origin in _read(node, known)
    }
    reads = (ConfigRead(scope_at(definitions, line), key, origin, line) for line, _, key, origin in sorted(found))
    return tuple(dict.fromkeys(reads))


def _with_inner(node: ast.expr) -> Iterator[ast.expr]:
    """An expression, and the attributes it begins with: the walk takes a chain of them as one."""
    yield node
    inner = node.func if isinstance(node, ast.Call) else node
    while isinstance(inner, ast.Attribute):
        yield inner
        inner = inner.value


def _read(node: ast.expr, known: KnownNames) -> Iterator[tuple[str, str]]:
    """The key and the origin, where the node is a read."""
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id in known.settings and SETTING.fullmatch(node.attr):
            yield node.attr, "settings"
    elif isinstance(node, ast.Call):
        if _dotted(node.func) in known.readers and node.args:
            yield from ((key, "env") for key in _key(node.args[0]))
    elif isinstance(node, ast.Subscript):
        if _dotted(node.value) in known.environments:
            yield from ((key, "env") for key in _key(node.slice))
    elif isinstance(node, ast.Compare) and [_dotted(one) in known.environments for one in node.comparators] == [True]:
        yield from ((key, "env") for key in _key(node.left))


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _key(node: ast.expr) -> list[str]:
    """The text of one plain string literal."""
    value = node.value if isinstance(node, ast.Constant) else None
    return [value] if isinstance(value, str) and 0 < len(value) <= MOST_KEY else []
