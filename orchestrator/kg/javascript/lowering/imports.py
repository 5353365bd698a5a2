"""Lower imports and re-exports. Used by the lowering of statements; which files are meant is not its business."""

from tree_sitter import Node

from orchestrator.kg.facts import ImportFact
from orchestrator.kg.javascript import ir
from orchestrator.kg.javascript.lowering.syntax import string_value
from orchestrator.kg.javascript.lowering.writer import Writer, text


def imported(w: Writer, node: Node, _depth: int) -> list[ir.Node]:
    """An import statement: the names that it binds."""
    w.is_module = True
    source = node.child_by_field_name("source")
    clause = next((one for one in node.named_children if one.type.startswith("import_")), None)
    if source is None and clause is not None:
        source = clause.child_by_field_name("source")
    if source is None:
        return []
    module, made = string_value(source), []
    line = node.start_point[0] + 1
    for local, imported in _imported_names(clause) if clause is not None else ():
        w.declare(local, "let")
        made.append([ir.IMPORT, local, module, imported])
        w.imports.append(ImportFact(0, module, imported, line, star=imported == "*"))
    if not made:
        w.imports.append(ImportFact(0, module, "", line, star=False))
    return made


def _imported_names(clause: Node) -> list[tuple[str, str]]:
    """Local names of an import clause with what they stand for; "*" is the module itself, "=" what it exports."""
    if clause.type == "import_require_clause":
        return [(text(clause.named_children[0]), "=")]
    found: list[tuple[str, str]] = []
    for child in clause.named_children:
        if child.type == "identifier":
            found.append((text(child), "default"))
        elif child.type == "namespace_import" and child.named_child_count:
            found.append((text(child.named_children[-1]), "*"))
        elif child.type == "named_imports":
            for one in child.named_children:
                name, alias = one.child_by_field_name("name"), one.child_by_field_name("alias")
                if name is not None:
                    found.append((text(alias or name), exported_name(name)))
    return found


def exported_name(node: Node) -> str:
    """A name in an import or export clause, which may be written as a string."""
    return string_value(node) if node.type == "string" else text(node)


def export_from(w: Writer, node: Node, source: Node) -> list[ir.Node]:
    """``export … from``: names of another module, or all of them."""
    line, made, module = node.start_point[0] + 1, [], string_value(source)
    for child in node.named_children:
        if child.type == "namespace_export" and child.named_child_count:
            made.append([ir.EXPORT_FROM, text(child.named_children[-1]), module, "*"])
        elif child.type == "export_clause":
            for one in child.named_children:
                name, alias = one.child_by_field_name("name"), one.child_by_field_name("alias")
                if name is not None:
                    made.append([ir.EXPORT_FROM, exported_name(alias or name), module, exported_name(name)])
    w.imports.append(ImportFact(0, module, "", line, star=not made))
    w.exported.update(dict.fromkeys(str(one[1]) for one in made))
    return made or [[ir.EXPORT_ALL, module]]
