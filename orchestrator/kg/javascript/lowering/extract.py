"""Facts from one JavaScript or TypeScript file, by tree-sitter: tolerant of broken code, the same for the same bytes.

Used by the build through the table of languages. Says only what the file itself says: nothing is resolved here.
"""

import time

import orjson
from tree_sitter import Tree

from orchestrator.kg.facts import Definition, FileFacts, NotExtractedError
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.classes import class_body
from orchestrator.kg.javascript.lowering.expressions import FUNCTIONS, lower
from orchestrator.kg.javascript.lowering.statements import block, function_body
from orchestrator.kg.javascript.lowering.tree import Grammar, parse
from orchestrator.kg.javascript.lowering.writer import Frame, Writer
from orchestrator.kg.syntax import PARSE_SECONDS

_LONGEST_LINE = 200_000
_MAX_LOOKS = 2000


class MinifiedError(NotExtractedError):
    """The file was written by a program for a program."""

    reason = "minified"


def extract_javascript(source: bytes) -> FileFacts:
    """All facts of a JavaScript file, with JSX; files with Flow types are read as TypeScript.

    Raises NotExtractedError for a file that is minified, or that the parser chokes on.
    """
    deadline = _begin(source)
    tree = parse(source, "javascript", deadline)
    if tree.root_node.has_error and b"@flow" in source[:2000]:
        other = parse(source, "tsx", deadline)
        tree = other if _broken(other) < _broken(tree) else tree
    return _facts(source, tree, deadline)


def extract_typescript(source: bytes) -> FileFacts:
    """All facts of a TypeScript file without JSX. Raises NotExtractedError as for JavaScript."""
    return _extract(source, "typescript")


def extract_tsx(source: bytes) -> FileFacts:
    """All facts of a TypeScript file with JSX. Raises NotExtractedError as for JavaScript."""
    return _extract(source, "tsx")


def _extract(source: bytes, grammar: Grammar) -> FileFacts:
    deadline = _begin(source)
    return _facts(source, parse(source, grammar, deadline), deadline)


def _begin(source: bytes) -> float:
    """When to give up. Raises MinifiedError at once where a line is too long to be for people."""
    if len(source) > _LONGEST_LINE and max(map(len, source.split(b"\n"))) > _LONGEST_LINE:
        raise MinifiedError
    return time.monotonic() + PARSE_SECONDS


def _facts(source: bytes, tree: Tree, deadline: float) -> FileFacts:
    root = tree.root_node
    w = Writer(lower, deadline)
    lines = source.count(b"\n") + (not source.endswith(b"\n") and bool(source))
    w.define(Definition("module", "", -1, 1, max(lines, 1)))
    w.frames = [Frame(True)]
    statements = block(w, root.named_children, 1)
    names = list(w.frames.pop().names)
    w.programs[0] = [ir.FUNCTION, 0, [], names, statements, "", ""]
    done = 0
    while done < len(w.waiting):  # bodies add bodies
        waiting = w.waiting[done]
        w.scope = waiting.at
        lowered = function_body if waiting.node.type in FUNCTIONS else class_body
        w.programs[waiting.at] = lowered(w, waiting)
        done += 1
    return FileFacts(
        lines=lines,
        definitions=tuple(_with_visibility(w)),
        bindings=(),
        attributes=(),
        calls=tuple(w.calls),
        references=(),
        imports=tuple(w.imports),
        exports=tuple(w.exported) if w.is_module else None,
        problems=tuple(sorted(w.problems.union(_problem_lines(tree)))),
        program=orjson.dumps(w.programs).decode(),
        config=tuple(w.config),
    )


def _with_visibility(w: Writer) -> list[Definition]:
    """In an ES module only what it exports is public, with the members that its classes do not hide.

    CommonJS exports are values; what is public there is told by names, as for everything that says nothing.
    """
    if not w.is_module:
        return w.definitions
    exported = {one[2] for one in w.programs[0][4] if one[0] == ir.EXPORT} | {"default"}
    shown: list[Definition] = []
    for one in w.definitions:
        if one.visibility or one.parent < 0:
            shown.append(one)
            continue
        around = w.definitions[one.parent]
        if one.parent == 0:
            public = one.name.partition(".")[0] in exported
        else:
            public = around.kind == "class" and shown[one.parent].visibility == "public"
        shown.append(one._replace(visibility="public" if public else "internal"))
    return shown


def _problem_lines(tree: Tree) -> list[int]:
    """Lines where the syntax is broken, at most twenty; only what is broken is looked into."""
    if not tree.root_node.has_error:
        return []
    found: dict[int, None] = {}
    stack, looks = [tree.root_node], 0
    while stack and len(found) < 20 and looks < _MAX_LOOKS:
        node = stack.pop()
        looks += 1
        if node.is_error or node.is_missing:
            found[node.start_point[0] + 1] = None
        elif node.has_error:
            stack += reversed(node.children[:_MAX_LOOKS])
    return list(found)


def _broken(tree: Tree) -> int:
    return len(_problem_lines(tree))
