"""Syntax nodes and type texts as short strings, for any grammar. Used by the extractor and the linker of this package.

An expression is a head, then ``.name``, ``()`` (called) and ``^`` (an instance of) steps; ``?`` cannot be followed, and
``@root`` is the outermost namespace. Chains are followed by iteration with a bound: 10,000 brackets exhaust no stack.
"""

import re

from tree_sitter import Node

from orchestrator.kg.languages.grammar import Grammar, text

_MAX_STEPS = 16
_MAX_TEXT = 300
_NAME = r"[@$]{0,2}[^\W\d]\w*[!?=]?"
_DOTTED = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_INNERMOST = re.compile(r"<[^<>]*>|\[[^\[\]<>]*\]")
_GENERIC = re.compile(r"([\w.:\\]+)\s*(?:::)?<(.*)>", re.DOTALL)
_PLURAL = re.compile(r"^\s*\[|\[[\s\d,]*\]|\.\.\.|\bmap\[|\(")
_NOISE = re.compile(
    r"\b(?:const|volatile|mut|dyn|impl|struct|class|enum|union|typename|ref|readonly|final|static|constexpr|restrict)\b"
    r"|'[a-z_]\w*\b|[&*?^]|\|\s*null\b|\bnull\s*\|"
)


def expression(node: Node | None, grammar: Grammar) -> str:
    """A node as an expression string."""
    steps: list[str] = []
    for _ in range(_MAX_STEPS):
        if node is None:
            break
        head = _head(node, grammar)
        if head:
            return head + "".join(reversed(steps))
        node = _step(node, grammar, steps)
    return "?" + "".join(reversed(steps))


def dotted(written: str) -> str:
    """A path as a dotted name, without type arguments; "" where it is none."""
    if len(written) > _MAX_TEXT:
        return ""
    name = "".join(_without_arguments(written).split()).replace("::", ".").replace("\\", ".").replace("..", ".")
    name = f"@root{name}" if name.startswith(".") else name
    return name.removesuffix(".") if _DOTTED.fullmatch(name.removesuffix(".")) else ""


def type_name(written: str, wrappers: frozenset[str]) -> str:
    """The class a type text names; that of its argument where it only wraps one; "" for lists and several."""
    for _ in range(4):
        if len(written) > _MAX_TEXT or _PLURAL.search(written):
            return ""
        written = _NOISE.sub(" ", written).partition("+")[0].strip()
        found = _GENERIC.fullmatch(written)
        if found is None or re.split(r"[.:\\]+", found[1])[-1] not in wrappers:
            break
        written = _first(found[2])
    return dotted(written) if " " not in _without_arguments(written) else ""


def _head(node: Node, grammar: Grammar) -> str:
    """The start of a chain, "" where the chain goes on."""
    kind = node.type
    if kind in grammar.words:
        return grammar.words[kind]
    if kind in grammar.names:
        return dotted(grammar.tidy(text(node)))
    rule = grammar.calls.get(kind)
    maker = rule.function if rule is not None and rule.new else grammar.instances.get(kind)
    if maker is not None:
        made = type_name(grammar.tidy(text(maker(node))), grammar.wrappers)
        return f"{made}^" if made else "?"
    return ""


def _step(node: Node, grammar: Grammar, steps: list[str]) -> Node | None:
    """Add the last step of a chain, and return the rest of it."""
    kind = node.type
    if kind in grammar.members:
        of, name = grammar.members[kind]
        steps.append("." + (dotted(text(name(node))) or "?"))
        return of(node)
    if kind in grammar.through:
        return grammar.through[kind](node)
    rule = grammar.calls.get(kind)
    if rule is None:
        return None
    steps.append("()")
    receiver = rule.object(node)
    if receiver is None:
        return rule.function(node) or rule.name(node)
    steps.append("." + (dotted(text(rule.name(node))) or "?"))
    return receiver


def _without_arguments(written: str) -> str:
    """Without what stands in angle or square brackets, however deeply nested."""
    while True:
        shorter = _INNERMOST.sub("", written)
        if shorter == written:
            return written
        written = shorter


def _first(arguments: str) -> str:
    """The first of type arguments, as far as commas inside brackets allow."""
    depth = 0
    for at, char in enumerate(arguments):
        depth += (char in "<[(") - (char in ">])")
        if char == "," and depth == 0:
            return arguments[:at]
    return arguments
