"""The code-mod ``agent:rename-symbol``: renames a function, class or method across a Python project, without a model.

Names are followed by the language's scopes and imports, methods by classes and, where the code does not say, by calls
the graph resolved for this very commit. Everything is planned and checked before a byte is written; what could not be
told for sure is left alone and listed. Strings and comments are never changed, ``__all__`` aside.
"""

import ast
import asyncio
import keyword
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.agents.options import Options, read_options
from orchestrator.agents.python_project import ClassRef, Module, Project
from orchestrator.agents.python_scopes import Occurrence, Scope
from orchestrator.agents.rename_members import MemberRenaming, Resolved, check_member_name
from orchestrator.agents.rename_names import NameRenaming
from orchestrator.agents.rename_plan import Plan
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.core.events import EventKind

_SYMBOL = re.compile(r"(?:(?P<path>[^:]+\.py)::?)?(?P<dotted>[^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_SHOWN = 500


class RenameInput(Options):
    """What to rename, and to what."""

    symbol: str = Field(
        min_length=1, max_length=1000, description="package.module.name, a unique end of it, or path.py::Class.method."
    )
    new_name: str = Field(min_length=1, max_length=200, description="The new name: one identifier.")


@dataclass(frozen=True)
class _Definition:
    module: Module
    scope: Scope
    made: Occurrence

    @property
    def qualname(self) -> str:
        """Its dotted name within the file."""
        return ".".join(part for part in (self.scope.qualname, self.made.name) if part)


class RenameSymbolAgent:
    """Renames one symbol everywhere it is surely meant."""

    info = AgentInfo(
        id="agent:rename-symbol",
        name="Rename symbol",
        kind=AgentKind.CODEMOD,
        description="Renames a function, class or method across a Python project by its scopes, imports and classes.",
        capabilities=(Capability("rename_symbol"), Capability("refactoring"), Capability("file_operations")),
        task_types=frozenset({"rename_symbol"}),
        changes_code=True,
        example={"symbol": "package.module.old_name", "new_name": "new_name"},
    )

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        _checked(given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Plan, check, write; or refuse and change nothing."""
        given = _checked(context.input)
        root = context.require_workspace()
        resolved = await _resolved(context, given.symbol)
        stop = threading.Event()
        try:
            plan, unreadable = await asyncio.to_thread(_rename, root, given, resolved, stop)
        except asyncio.CancelledError:
            stop.set()
            raise
        return _report(context, given, plan, unreadable)


def _checked(given: Mapping[str, Any]) -> RenameInput:
    read = read_options(RenameInput, given)
    if not read.new_name.isidentifier() or keyword.iskeyword(read.new_name):
        raise InvalidInput(f"{read.new_name!r} is not a name Python allows.", field="input.new_name")
    match = _SYMBOL.fullmatch(read.symbol)
    if match is None:
        raise InvalidInput(f"{read.symbol!r} does not name a symbol.", field="input.symbol")
    if match["dotted"].rpartition(".")[2] == read.new_name:
        raise InvalidInput("The new name is the old one.", field="input.new_name")
    return read


async def _resolved(context: AgentContext, symbol: str) -> Resolved:
    """Call sites the graph is sure of; none when there is no graph or it is of another commit than the files."""
    if context.graph is None or "::" in symbol or symbol.endswith(".py"):
        return frozenset()
    try:
        if context.base_commit is None or await context.graph.commit() != context.base_commit:
            return frozenset()
        answer = await context.graph.ask("callers", {"symbol": symbol})
    except NotFound:
        return frozenset()
    rows = [row for row in answer.get("callers", ()) if row.get("certainty") == "calls"]
    return frozenset((str(row["path"]), int(row["line"])) for row in rows if "path" in row and "line" in row)


def _rename(root: Path, given: RenameInput, resolved: Resolved, stop: threading.Event) -> tuple[Plan, dict[str, str]]:
    """All of the work, in a thread: parsing is pure computing. ``stop`` keeps a cancelled one from writing."""
    match = _SYMBOL.fullmatch(given.symbol)
    assert match is not None
    old = match["dotted"].rpartition(".")[2]
    project = Project(root)
    found = _find(project, match["path"], match["dotted"])
    plan = Plan(old, given.new_name)
    if found.scope.kind == "class":
        check_member_name(old, given.new_name)
        MemberRenaming(project, plan, resolved).run(ClassRef(found.module, found.scope))
    else:
        NameRenaming(project, plan).run(found.module, found.scope)
    plan.finish()
    for module in project.mentioning(old):
        plan.mention(module)
    changed = {
        path: plan.modules[path].source.changed(edits, old, plan.new) for path, edits in sorted(plan.edits.items())
    }
    if not stop.is_set():
        for path, text in changed.items():
            plan.modules[path].source.write(root, text)
    return plan, dict(project.unreadable)


def _find(project: Project, path: str | None, dotted: str) -> _Definition:
    """The one definition that is meant; InvalidInput when there is none or more than one."""
    old = dotted.rpartition(".")[2]
    found: dict[tuple[str, str], _Definition] = {}
    exact: dict[tuple[str, str], _Definition] = {}
    for definition in _definitions(project, old):
        names = [f"{name}.{definition.qualname}" for name in definition.module.names]
        if path is not None:
            fits = definition.module.path == path and definition.qualname == dotted
        else:
            fits = any(name == dotted or name.endswith(f".{dotted}") for name in names)
        key = (definition.module.path, definition.qualname)
        if fits:
            found.setdefault(key, definition)
        if fits and dotted in names:
            exact.setdefault(key, definition)
    found = exact or found
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise InvalidInput(f"No function, class or method {dotted} was found.", field="input.symbol")
    listed = ", ".join(f"{where}::{name}" for where, name in sorted(found)[:10])
    raise InvalidInput(
        f"{len(found)} symbols are called {dotted}: {listed}.", field="input.symbol", hint="name one as path.py::name"
    )


def _definitions(project: Project, name: str) -> list[_Definition]:
    defining = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [
        _Definition(module, scope, made)
        for module in project.mentioning(name)
        for scope in module.scope.everything()
        for made in scope.bound.get(name, [])
        if made.how == "def" and isinstance(made.node, defining) and scope.resolve(name) is scope
    ]


def _report(context: AgentContext, given: RenameInput, plan: Plan, unreadable: dict[str, str]) -> AgentResult:
    edits = [
        {"path": path, "line": plan.modules[path].source.line_of(edit.start)}
        for path, found in sorted(plan.edits.items())
        for edit in sorted(found)
    ]
    doubts = [
        {"path": path, "line": line, "kind": kind, "why": why}
        for (path, line, kind), why in sorted(plan.doubts.items())
    ]
    summary = f"Renamed {given.symbol} to {plan.new}: {len(edits)} places in {len(plan.edits)} files."
    if doubts or unreadable:
        summary += f" {len(doubts)} places and {len(unreadable)} unreadable files need a look."
    context.tell(EventKind.PROGRESS, message=summary)
    data = {
        "edits": edits[:_SHOWN],
        "edit_count": len(edits),
        "unsure": doubts[:_SHOWN],
        "unsure_count": len(doubts),
        "unreadable": dict(list(unreadable.items())[:_SHOWN]),
    }
    return AgentResult(summary, data)
