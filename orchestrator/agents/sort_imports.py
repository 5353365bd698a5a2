"""The code-mod ``agent:sort-imports``: ruff's rules for imports, by the project's own configuration, without a model.

Sorts and groups imports and nothing else. What is first-party is told by ruff's own reading of the project. Committing
and diffing are the caller's.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.agents.lint_fix import Ruff, total
from orchestrator.agents.options import Options, inside, read_options
from orchestrator.core.capabilities import Capability
from orchestrator.core.events import EventKind


class SortImportsInput(Options):
    """Which part of the project."""

    paths: list[str] = Field(default_factory=list, max_length=200, description="Files or folders; default: all.")


class SortImportsAgent:
    """Sorts the imports of Python files."""

    info = AgentInfo(
        id="agent:sort-imports",
        name="Sort imports",
        kind=AgentKind.CODEMOD,
        description="Sorts and groups the imports of Python files as the project's configuration has it.",
        capabilities=(Capability("sort_imports"), Capability("file_operations")),
        task_types=frozenset({"sort_imports"}),
        changes_code=True,
        example={"paths": ["."]},
    )

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        read_options(SortImportsInput, given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Count blocks of imports out of order, sort them, count again."""
        root = context.require_workspace()
        given = read_options(SortImportsInput, context.input)
        targets = [str(inside(root, path, f"input.paths.{at}")) for at, path in enumerate(given.paths)] or ["."]
        ruff = Ruff(root, targets, context.limits.seconds)
        before = total(await ruff.count(["--select", "I001", "--no-fix"]))
        context.tell(EventKind.PROGRESS, message=f"{before} blocks of imports are out of order", done=1, total=2)
        after = total(await ruff.count(["--select", "I001", "--fix", "--no-unsafe-fixes"]))
        context.tell(EventKind.PROGRESS, message=f"{after} are left", done=2, total=2)
        summary = f"Sorted {before - after} of {before} blocks of imports." if before else "All imports are in order."
        data: dict[str, Any] = {"found": before, "sorted": before - after}
        if ruff.left_out:
            summary += f" Left out, because ruff dies of it: {', '.join(ruff.left_out)}."
            data["left_out"] = ruff.left_out
        return AgentResult(summary, data)
