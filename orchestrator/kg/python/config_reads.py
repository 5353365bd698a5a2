"""Where Python reads configuration: environment variables through ``os``, and settings objects by capital names.

Used by the Python extractor. Only files that mention such a thing are walked a second time, and only names that the
file itself binds to ``os``, or to a ``settings`` it imports, count: nothing is judged by looks. Keys that are made at
run time are missed.
"""

import re
from collections.abc import Iterator, Sequence

from tree_sitter import Node, Tree

from orchestrator.kg.facts import Binding, ConfigRead, Definition
from orchestrator.kg.python.syntax import text
from orchestrator.kg.python.tree import walk

MENTION = re.compile(rb"\benvironb?\b|\bgetenvb?\b|\bsettings\.[A-Z]")
_WANTED = frozenset({"call", "subscript", "attribute", "comparison_operator"})
_METHODS = ("get", "pop", "setdefault", "__getitem__", "__contains__")
SETTING = re.compile(r"[A-Z][A-Z0-9_]*")
MOST_KEY = 200


def config_reads(
    source: bytes, tree: Tree, deadline: float, definitions: Sequence[Definition], bindings: Sequence[Binding]
) -> tuple[ConfigRead, ...]:
    """The reads of one file, in source order. Raises TookTooLongError past ``deadline`` (monotonic seconds)."""
    if not MENTION.search(source):
        return ()
    known = KnownNames(bindings)
    found = (
        ConfigRead(scope_at(definitions, node.start_point[0] + 1), key, origin, node.start_point[0] + 1)
        for node in walk(tree, deadline, _WANTED)
        for key, origin in known.read(node)
    )
    return tuple(dict.fromkeys(found))


class KnownNames:
    """What the file calls the environment, the functions that read it, and settings objects."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self.environments: set[str] = set()
        self.readers: set[str] = set()
        self.settings: set[str] = set()
        for binding in bindings:
            if binding.kind == "import" and binding.value == "os":
                self.environments |= {f"{binding.name}.environ", f"{binding.name}.environb"}
                self.readers |= {f"{binding.name}.getenv", f"{binding.name}.getenvb"}
            elif binding.kind == "from":
                module, _, name = binding.value.rpartition(":")
                if module == "os" and name in ("environ", "environb"):
                    self.environments.add(binding.name)
                elif module == "os" and name in ("getenv", "getenvb"):
                    self.readers.add(binding.name)
                elif name == "settings":
                    self.settings.add(binding.name)
        self.readers |= {f"{name}.{method}" for name in self.environments for method in _METHODS}

    def read(self, node: Node) -> Iterator[tuple[str, str]]:
        """The key and the origin, where the node is a read."""
        if node.type == "attribute":
            owner, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
            if owner is not None and name is not None and owner.type == "identifier" and text(owner) in self.settings:
                yield from ((key, "settings") for key in [text(name)] if SETTING.fullmatch(key))
        elif node.type == "call":
            arguments = node.child_by_field_name("arguments")
            if self._is(node.child_by_field_name("function"), self.readers) and arguments is not None:
                yield from ((key, "env") for key in _key(arguments.named_children[:1]))
        elif node.type == "subscript":
            if self._is(node.child_by_field_name("value"), self.environments):
                yield from ((key, "env") for key in _key(node.children_by_field_name("subscript")))
        elif len(node.named_children) == 2 and self._is(node.named_children[1], self.environments):
            yield from ((key, "env") for key in _key(node.named_children[:1]))

    def _is(self, node: Node | None, names: set[str]) -> bool:
        return node is not None and node.type in ("identifier", "attribute") and text(node) in names


def _key(nodes: Sequence[Node]) -> list[str]:
    """The text of one plain string literal."""
    if len(nodes) != 1 or nodes[0].type != "string":
        return []
    parts = nodes[0].named_children
    if any(part.type not in ("string_start", "string_content", "string_end") for part in parts):
        return []
    content = "".join(text(part) for part in parts if part.type == "string_content")
    return [content] if 0 < len(content) <= MOST_KEY else []


def scope_at(definitions: Sequence[Definition], line: int) -> int:
    """The innermost definition around a line: outer ones stand before inner ones."""
    around = [index for index, one in enumerate(definitions) if one.start_line <= line <= one.end_line and one.name]
    return around[-1] if around else 0
