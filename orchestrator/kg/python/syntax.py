"""What single Python syntax nodes say: names, annotations, docstrings, arity. Used by the Python extractor only.

Looks at a node and its children; knows no scopes and follows nothing.
"""

import inspect
import re

from tree_sitter import Node

_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_OPTIONAL = re.compile(r"(?:typing\.|t\.)?Optional\[(.*)\]")


def text(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def annotation(node: Node | None) -> str:
    """The class an annotation names, as a dotted name, or "" where it names none or several."""
    return declared_class(text(node)) if node is not None else ""


def declared_class(annotated: str) -> str:
    """The class that the text of an annotation names, as a dotted name, or "" where it names none or several."""
    written = annotated.strip().strip("\"'").strip()
    optional = _OPTIONAL.fullmatch(written)
    if optional:
        written = optional.group(1).strip()
    parts = [part.strip() for part in written.split("|") if part.strip() != "None"]
    return parts[0] if len(parts) == 1 and _DOTTED.fullmatch(parts[0]) and parts[0] != "None" else ""


def count_arguments(arguments: Node | None) -> int:
    """Arguments at a call site; -1 where a splat hides the number."""
    if arguments is None:
        return 0
    if arguments.type != "argument_list":
        return 1
    kinds = [child.type for child in arguments.named_children]
    if "list_splat" in kinds or "dictionary_splat" in kinds:
        return -1
    return len(kinds) - kinds.count("comment")


def docstring(body: Node | None, limit: int = 1000) -> str:
    """The docstring that opens a body, dedented, at most ``limit`` characters."""
    first = (
        next((child for child in body.named_children if child.type != "comment"), None) if body is not None else None
    )
    if first is None or first.type != "expression_statement" or not first.named_child_count:
        return ""
    string = first.named_children[0]
    if string.type != "string":
        return ""
    content = "".join(text(child) for child in string.named_children if child.type == "string_content")
    return inspect.cleandoc(content)[:limit]


def one_line(node: Node | None, limit: int = 300) -> str:
    """A node's text on one line."""
    return " ".join(text(node).split())[:limit] if node is not None else ""


def parameter_name(parameter: Node) -> str:
    """The name a parameter binds, whatever stars, defaults and annotations surround it."""
    node: Node | None = parameter
    while node is not None and node.type != "identifier":
        node = node.child_by_field_name("name") or (node.named_children[0] if node.named_child_count else None)
    return text(node) if node is not None else ""


def plain(parameter: Node) -> bool:
    """Whether the annotation is that of the value itself, which for ``*args: T`` it is not."""
    return not parameter.named_child_count or "splat" not in parameter.named_children[0].type


def arity(parameters: Node | None) -> tuple[int, int]:
    """The least and most arguments a function takes; -1 for any number."""
    least = most = 0
    for parameter in parameters.named_children if parameters is not None else ():
        if "splat" in parameter.type or (parameter.type == "typed_parameter" and not plain(parameter)):
            return least, -1
        if parameter.type in ("identifier", "typed_parameter"):
            least, most = least + 1, most + 1
        elif parameter.type in ("default_parameter", "typed_default_parameter"):
            most += 1
    return least, most
