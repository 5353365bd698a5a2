"""Python expressions as the short strings of ``facts``. Used by the Python extractor only.

Follows chains by iteration, and what is nested in arguments and containers to a small depth, so neither 10,000 brackets
nor 10,000 chained calls can exhaust a stack. Containers and alternatives become ``Compound`` facts, once per place.
"""

import re
from collections.abc import Callable

from tree_sitter import Node

from orchestrator.kg.facts import Compound, CompoundKind
from orchestrator.kg.python.syntax import parameter_name, text

MAX_STEPS = 16
MAX_NESTING = 3
MAX_ITEMS = 100
MAX_ARGUMENTS = 16
MAX_WRITTEN = 160
_LITERALS = {
    "string": "@str",
    "concatenated_string": "@str",
    "integer": "@int",
    "float": "@float",
    "true": "@bool",
    "false": "@bool",
    "none": "@None",
    "comparison_operator": "@bool",
    "not_operator": "@bool",
}
_SEQUENCES: dict[str, CompoundKind] = {
    "list": "list", "tuple": "tuple", "set": "list", "expression_list": "tuple",
}  # fmt: skip
_COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "generator_expression", "dictionary_comprehension"}
)
_THROUGH = frozenset({"await", "parenthesized_expression"})
_KEY = re.compile(rb"""(?:"\w{0,40}"|'\w{0,40}'|-?\d{1,4})""")


def can_matter(written: str) -> bool:
    """Whether a value can be called, have its parts called, or pick one of them."""
    return written[0] not in "?@" or (written[1:2] in "'-0123456789" and written[0] == "@")


class Expressions:
    """Writes the expressions of one file; ``scope`` is the index of the scope the walk is in."""

    def __init__(self, define: Callable[[Node, int], int]) -> None:
        self.compounds: list[Compound] = []
        self.scope = 0
        self._define = define
        self._known: dict[int, str] = {}
        # Names of the comprehensions the walk is in, inner last: each comprehension has names of its own.
        self._renamed: list[tuple[int, dict[str, str]]] = []
        self._comprehensions: dict[int, int] = {}
        self._comprehensions_in: dict[int, int] = {}

    def of(self, node: Node | None, depth: int = 0) -> str:
        """A node as an expression; ``?`` stands for what cannot be followed."""
        steps: list[str] = []
        nodes: list[int] = []
        for _ in range(MAX_STEPS):
            if node is None:
                break
            known = self._known.get(node.id)
            if known is not None:
                return self._join(known, nodes, steps)
            kind = node.type
            if kind == "identifier":
                return self._join(self.name(node), nodes, steps)
            if kind in _THROUGH:
                node = node.named_children[0] if node.named_child_count else None
                continue
            nodes.append(node.id)
            if kind == "attribute":
                name = node.child_by_field_name("attribute")
                steps.append("." + text(name) if name is not None else ".?")
                node = node.child_by_field_name("object")
            elif kind == "call":
                function = node.child_by_field_name("function")
                if function is not None and function.type == "identifier" and function.text == b"super":
                    nodes.pop()
                    return self._join("super()", nodes, steps)
                steps.append(f"({self.passed(node.child_by_field_name('arguments'), depth)})")
                node = function
            elif kind == "subscript":
                steps.append(f"[{self.key(node, depth)}]")
                node = node.child_by_field_name("value")
            else:
                nodes.pop()
                return self._join(self._other(node, kind, depth, alone=not steps), nodes, steps)
        return self._join("?", nodes, steps)

    def _join(self, head: str, nodes: list[int], steps: list[str]) -> str:
        """Put the steps behind the head, and remember every prefix: the walk will ask for it again."""
        written = head
        while steps:
            written += steps.pop()
            self._known[nodes.pop()] = written
        return written

    def name(self, node: Node) -> str:
        """The name of an identifier; inside a comprehension its own names are told from those around."""
        found = text(node)
        if self._renamed:
            for _, names in reversed(self._renamed):
                if found in names:
                    return names[found]
        return found

    def passed(self, arguments: Node | None, depth: int = 0) -> str:
        """The arguments of a call, separated by commas; "" where none can matter."""
        if arguments is None or depth > MAX_NESTING:
            return ""
        if arguments.type != "argument_list":
            return self.of(arguments, depth + 1)
        parts, matters = [], False
        for child in arguments.named_children[:MAX_ARGUMENTS]:
            kind, prefix, value = child.type, "", child
            if kind == "comment":
                continue
            if kind == "keyword_argument":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value") or child
                prefix = f"{text(name)}=" if name is not None else ""
            elif kind in ("list_splat", "dictionary_splat"):
                prefix = "*" if kind == "list_splat" else "**"
                value = child.named_children[0] if child.named_child_count else child
            written = self.of(value, depth + 1)
            if can_matter(written):
                matters = True
                parts.append(prefix + written)
            elif not prefix:
                parts.append("?")
        found = ",".join(parts) if matters else ""
        return found if len(found) <= MAX_WRITTEN else ""

    def parameters(self, parameters: Node | None, depth: int = 0) -> str:
        """The parameters of a function as ``facts`` writes them; the defaults belong to the scope around."""
        parts = []
        for one in parameters.named_children if parameters is not None else ():
            if one.type in ("positional_separator", "keyword_separator"):
                parts.append("/" if one.type == "positional_separator" else "*")
                continue
            splat = one.named_children[0] if one.type == "typed_parameter" and one.named_child_count else one
            stars = "*" if splat.type == "list_splat_pattern" else "**" if "dictionary" in splat.type else ""
            value, name = one.child_by_field_name("value"), parameter_name(one)
            default = self.of(value, depth) if value is not None else "?"
            if name:
                parts.append(f"{stars}{name}={default}" if can_matter(default) else f"{stars}{name}")
        return ",".join(parts)

    def key(self, node: Node, depth: int = 0) -> str:
        """What stands in square brackets: a constant or a name, ``n:`` for a slice, "" where it cannot be told."""
        key = node.child_by_field_name("subscript")
        if key is None or depth > MAX_NESTING:
            return ""
        if key.type == "slice":
            start = key.named_children[0] if key.named_child_count and key.children[0].type != ":" else None
            first = text(start) if start is not None and start.type == "integer" else "0" if start is None else ""
            return f"{first}:"
        written = self.of(key, depth + 1)
        return written if can_matter(written) and written[0] != "#" else ""

    def _other(self, node: Node, kind: str, depth: int, *, alone: bool) -> str:
        if alone and kind in ("string", "integer", "unary_operator"):
            written = node.text or b""
            if _KEY.fullmatch(written):
                return "@" + written.decode().replace('"', "'")
        literal = _LITERALS.get(kind)
        if literal is not None:
            return literal
        if depth > MAX_NESTING:
            return "?"
        if kind == "lambda":
            return f"${self._define(node, depth + 1)}"
        if kind in ("conditional_expression", "boolean_operator"):
            return self._either(node, kind, depth)
        if kind == "named_expression":
            return self.of(node.child_by_field_name("value"), depth + 1)
        if kind == "dictionary":
            return self._compound(node, "dict", self._pairs(node, depth))
        if kind in _SEQUENCES:
            return self._compound(node, _SEQUENCES[kind], self._items(node, depth))
        return self._comprehension(node, kind, depth) if kind in _COMPREHENSIONS else "?"

    def _compound(self, node: Node, kind: CompoundKind, parts: list[str]) -> str:
        found = self._known[node.id] = f"#{len(self.compounds)}"
        matters = any(can_matter(part) for part in parts)
        line = node.start_point[0] + 1
        self.compounds.append(Compound(self.scope, kind, tuple(parts) if matters else (), line))
        return found

    def _items(self, node: Node, depth: int) -> list[str]:
        parts = []
        for child in node.named_children[:MAX_ITEMS]:
            if child.type == "list_splat":
                parts.append("*" + self.of(child.named_children[0], depth + 1) if child.named_child_count else "?")
            elif child.type != "comment":
                parts.append(self.of(child, depth + 1))
        return parts

    def _pairs(self, node: Node, depth: int) -> list[str]:
        """Keys and values by turns, of those pairs whose value can matter."""
        parts = []
        for child in node.named_children[:MAX_ITEMS]:
            if child.type == "pair":
                value = self.of(child.child_by_field_name("value"), depth + 1)
                if can_matter(value):
                    parts += [self.of(child.child_by_field_name("key"), depth + 1), value]
            elif child.type == "dictionary_splat" and child.named_child_count:
                parts += ["**", self.of(child.named_children[0], depth + 1)]
        return parts

    def _either(self, node: Node, kind: str, depth: int) -> str:
        """``a if c else b``, ``a or b``: each of the two; None counts as neither."""
        children = [child for child in node.named_children if child.type != "comment"]
        chosen = [children[0], children[-1]] if len(children) >= 2 else children
        parts = [written for child in chosen if (written := self.of(child, depth + 1)) != "@None"]
        if not parts:
            return "@None"
        if len(parts) == 1 or (kind == "boolean_operator" and not any(map(can_matter, parts))):
            return parts[0]
        return self._compound(node, "any", parts)

    # Comprehensions

    def _comprehension(self, node: Node, kind: str, depth: int) -> str:
        body = node.child_by_field_name("body")
        self.enter(node)
        if kind == "dictionary_comprehension" and body is not None:
            parts = ["?", self.of(body.child_by_field_name("value"), depth + 1)]
        else:
            parts = [self.of(body, depth + 1)]
        self._renamed.pop()
        return self._compound(node, "dict" if kind == "dictionary_comprehension" else "each", parts)

    def enter(self, node: Node) -> None:
        """Rename the names a comprehension binds until ``leave`` is called with a position behind it."""
        number = self._comprehensions.get(node.id)
        if number is None:
            number = self._comprehensions_in[self.scope] = self._comprehensions_in.get(self.scope, 0) + 1
            self._comprehensions[node.id] = number
        names: dict[str, str] = {}
        for clause in node.named_children:
            left = clause.child_by_field_name("left") if clause.type == "for_in_clause" else None
            stack = [left] if left is not None else []
            while stack:
                target = stack.pop()
                if target.type == "identifier":
                    names[text(target)] = f"{text(target)}~{number}"
                elif target.type not in ("attribute", "subscript"):
                    stack.extend(target.named_children)
        self._renamed.append((node.end_byte, names))

    def end(self) -> None:
        """The file is read: let go of nodes, and of who defines lambdas."""
        self._known.clear()
        self._define = _no_lambdas

    def leave(self, position: int) -> None:
        """Forget the names of comprehensions that end before a position."""
        while self._renamed and self._renamed[-1][0] <= position:
            self._renamed.pop()


def _no_lambdas(node: Node, depth: int) -> int:
    raise RuntimeError(f"a lambda after the end of the file, at byte {node.start_byte}, depth {depth}")
