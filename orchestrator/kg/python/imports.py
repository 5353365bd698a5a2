"""What import statements name and bind, as written. Used by the Python extractor only; finds no module."""

from tree_sitter import Node

from orchestrator.kg.facts import ImportFact
from orchestrator.kg.python.names import Names
from orchestrator.kg.python.syntax import text


class Imports:
    """Collects the import facts of a file, and binds the names in the scope the walk is in."""

    def __init__(self, names: Names, facts: list[ImportFact]) -> None:
        self._facts = facts
        self._names = names

    def plain(self, node: Node) -> None:
        """``import a.b``, ``import a.b as c``."""
        for child in node.named_children:
            name = child.child_by_field_name("name") if child.type == "aliased_import" else child
            alias = child.child_by_field_name("alias") if child.type == "aliased_import" else None
            module = text(name) if name is not None else ""
            if child.type not in ("aliased_import", "dotted_name") or not module:
                continue
            self._fact(module, "", node)
            top = module.partition(".")[0]
            bound = text(alias) if alias is not None else top
            self._names.bind(bound, "import", module if alias is not None else top, node.start_point[0] + 1)

    def from_module(self, node: Node) -> None:
        """``from m import a as b``, ``from . import c``, ``from m import *``."""
        source = node.child_by_field_name("module_name")
        if source is None:
            return
        module = "".join(text(source).split())
        for child in node.named_children:
            if child.type == "wildcard_import":
                self._fact(module, "", node, star=True)
            elif child.id != source.id and child.type in ("dotted_name", "aliased_import"):
                name = child.child_by_field_name("name") if child.type == "aliased_import" else child
                alias = child.child_by_field_name("alias") if child.type == "aliased_import" else child
                if name is not None and alias is not None:
                    self._fact(module, text(name), node)
                    self._names.bind(text(alias), "from", f"{module}:{text(name)}", node.start_point[0] + 1)

    def _fact(self, module: str, name: str, node: Node, *, star: bool = False) -> None:
        self._facts.append(ImportFact(self._names.scope.index, module, name, node.start_point[0] + 1, star))
