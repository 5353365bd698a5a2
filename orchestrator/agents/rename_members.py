"""Renaming a method, or a class inside a class: with every override in the project, and where the object is surely one.

Used by the renaming code-mod. An attribute on an object of unknown class is renamed only where the graph, built of the
very same commit, resolved that call; otherwise it is left and listed.
"""

import ast
import builtins

from orchestrator.agents.python_project import ClassRef, Module, Project
from orchestrator.agents.python_scopes import Member, Scope
from orchestrator.agents.python_types import Known, Types
from orchestrator.agents.rename_plan import Plan
from orchestrator.core.errors import InvalidInput

_HARMLESS = frozenset({"object", "Generic", "Protocol", "ABC"})
Resolved = frozenset[tuple[str, int]]
Key = tuple[str, int]


class MemberRenaming:
    """Fills a plan for one member. ``resolved`` are call sites (path, line) that the graph is sure of."""

    def __init__(self, project: Project, plan: Plan, resolved: Resolved) -> None:
        self._project = project
        self._plan = plan
        self._resolved = resolved
        self._types = Types(project)
        self._classes = {
            _key(found): found
            for module in project.mentioning("class")
            for scope in module.scope.everything()
            if scope.kind == "class" and (found := ClassRef(module, scope))
        }
        self._bases = {key: self._bases_of(found) for key, found in self._classes.items()}

    def run(self, owner: ClassRef) -> None:
        """Rename the member in its class, in every class that shares it, and where it is surely meant."""
        family = self._family(_key(owner))
        for key in sorted(family):
            self._in_class(self._classes[key])
        for module in self._project.mentioning(self._plan.old):
            for scope in module.scope.everything():
                for found in scope.members:
                    if found.node.attr == self._plan.old:
                        self._attribute(module, scope, found, family)

    def _bases_of(self, found: ClassRef) -> tuple[Key, ...]:
        outer = found.scope.parent or found.scope
        named = [self._project.meaning(found.module, outer, base) for base in found.node.bases]
        return tuple(_key(base) for base in named if isinstance(base, ClassRef))

    def _family(self, start: Key) -> set[Key]:
        """Every class whose member this is: the topmost definers above, all below them, and so on."""
        family: set[Key] = set()
        waiting = [start]
        while waiting:
            key = waiting.pop()
            if key in family:
                continue
            family.add(key)
            waiting += [other for other, bases in self._bases.items() if key in bases]
            waiting += [above for above in self._above(key) if self._defines(above)]
        return family

    def _above(self, key: Key) -> set[Key]:
        found: set[Key] = set()
        waiting = list(self._bases.get(key, ()))
        while waiting:
            above = waiting.pop()
            if above not in found:
                found.add(above)
                waiting.extend(self._bases.get(above, ()))
        return found

    def _defines(self, key: Key) -> bool:
        return self._plan.old in self._classes[key].scope.bound

    def _in_class(self, found: ClassRef) -> None:
        plan = self._plan
        self._check_bases(found)
        if plan.new in found.scope.bound or self._assigns(found, plan.new):
            raise plan.refusal(found.module, found.node, f"has a member {plan.new} already")
        if plan.old not in found.scope.bound:
            return
        plan.check_free(found.module, found.scope)
        for scope in found.scope.everything():
            for occurrence in scope.occurrences:
                if occurrence.name == plan.old and scope.resolve(plan.old) is found.scope:
                    if occurrence.how == "alias":
                        raise plan.refusal(found.module, occurrence.node, "binds the name by an import")
                    plan.occurrence(found.module, occurrence)

    def _check_bases(self, found: ClassRef) -> None:
        outer = found.scope.parent or found.scope
        for base in found.node.bases:
            plain = base.value if isinstance(base, ast.Subscript) else base
            name = plain.id if isinstance(plain, ast.Name) else plain.attr if isinstance(plain, ast.Attribute) else "?"
            if isinstance(self._project.meaning(found.module, outer, plain), ClassRef) or name in _HARMLESS:
                continue
            builtin = getattr(builtins, name, None) if outer.resolve(name) is None else None
            if isinstance(builtin, type):
                if hasattr(builtin, self._plan.old) or hasattr(builtin, self._plan.new):
                    raise self._plan.refusal(found.module, found.node, f"inherits from the builtin {name}")
                continue
            why = f"{found.scope.qualname} inherits from {name}, outside of the project; it may define or call the name"
            self._plan.doubt(found.module, found.node.lineno, "base class", why)

    def _assigns(self, found: ClassRef, name: str) -> bool:
        return any(
            member.node.attr == name and isinstance(member.node.ctx, ast.Store) and self._is_self(found, scope, member)
            for scope in found.scope.everything()
            for member in scope.members
        )

    def _is_self(self, found: ClassRef, scope: Scope, member: Member) -> bool:
        known = self._types.of(found.module, scope, member.node.value)
        return known is not None and _key(known.of) == _key(found)

    def _attribute(self, module: Module, scope: Scope, found: Member, family: set[Key]) -> None:
        known = self._types.of(module, scope, found.node.value)
        line = found.node.end_lineno or 0
        resolved = known is None and (module.path, line) in self._resolved and self._alone(module, line)
        if resolved or (known is not None and self._belongs(known, family)):
            self._plan.member(module, found)
        elif known is None and not isinstance(self._project.meaning(module, scope, found.node.value), str):
            why = f"the class of the object is not known; it was left as .{self._plan.old}"
            self._plan.doubt(module, line, "attribute", why)

    def _alone(self, module: Module, line: int) -> bool:
        """Whether a line has one such attribute only: the graph tells lines, not columns."""
        places = [
            member
            for scope in module.scope.everything()
            for member in scope.members
            if member.node.attr == self._plan.old and member.node.end_lineno == line
        ]
        return len(places) == 1

    def _belongs(self, known: Known, family: set[Key]) -> bool:
        key = _key(known.of)
        return any(above in family for above in self._above(key)) if known.above else key in family


def _key(found: ClassRef) -> Key:
    return found.module.path, found.node.lineno


def check_member_name(old: str, new: str) -> None:
    """Refuse names that Python itself treats specially in classes."""
    for name, field in ((old, "input.symbol"), (new, "input.new_name")):
        if name.startswith("__"):
            raise InvalidInput(f"{name} is special to Python inside a class and is not renamed.", field=field)
