"""The code-mod ``agent:lint-fix``: ruff's safe automatic fixes, by the project's own configuration, without a model.

Ruff runs as a program in the worktree and never applies what it calls unsafe. What it could not fix is counted, not
hidden. Committing and diffing are the caller's.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import Field, StringConstraints

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult
from orchestrator.agents.options import Options, inside, read_options
from orchestrator.agents.program import Finished, run_program
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import AgentFailed, InvalidInput
from orchestrator.core.events import EventKind

_EXCERPT = re.compile(r"^\s*\d*\s*\|")
_CONFIG_FAULT = 2

RuleCode = Annotated[str, StringConstraints(pattern=r"^(ALL|[A-Z]{1,10}[0-9]{0,5})$")]


class LintFixInput(Options):
    """Which rules and which part of the project; by default what the project's own configuration says."""

    select: list[RuleCode] = Field(default_factory=list, max_length=100, description="Rule codes or prefixes, as F401.")
    paths: list[str] = Field(default_factory=list, max_length=200, description="Files or folders; default: all.")


class LintFixAgent:
    """Applies ruff's safe fixes."""

    info = AgentInfo(
        id="agent:lint-fix",
        name="Lint fix",
        kind=AgentKind.CODEMOD,
        description="Applies ruff's safe automatic fixes by the project's own configuration. Needs no model.",
        capabilities=(Capability("lint_fix"), Capability("file_operations")),
        task_types=frozenset({"lint_fix"}),
        changes_code=True,
        example={"select": ["F", "I"], "paths": ["."]},
    )

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        read_options(LintFixInput, given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Count findings, fix what is safe, count again."""
        root = context.require_workspace()
        given = read_options(LintFixInput, context.input)
        targets = [str(inside(root, path, f"input.paths.{at}")) for at, path in enumerate(given.paths)] or ["."]
        rules = ["--select", ",".join(given.select)] if given.select else []
        seconds = context.limits.seconds
        before = _counts(await _ruff(root, [*rules, "--no-fix"], targets, seconds))
        context.tell(EventKind.PROGRESS, message=f"{_total(before)} findings", done=1, total=2)
        after = _counts(await _ruff(root, [*rules, "--fix", "--no-unsafe-fixes"], targets, seconds))
        context.tell(EventKind.PROGRESS, message=f"{_total(after)} findings are left", done=2, total=2)
        return _report(before, after)


async def _ruff(root: Path, options: list[str], targets: list[str], seconds: float) -> Finished:
    # --no-cache: a project's configuration may name any folder of the machine as the cache.
    fixed = ("--no-cache", "--exit-zero", "--statistics", "--output-format", "json", "--force-exclude")
    command = [sys.executable, "-I", "-m", "ruff", "check", *fixed, *options, "--", *targets]
    done = await run_program(command, cwd=root, timeout=seconds)
    if done.exit_code == _CONFIG_FAULT:
        raise InvalidInput(f"ruff refuses to run: {_said(done.errors, root)}", field="input")
    if done.exit_code != 0:
        raise AgentFailed(f"ruff ended with code {done.exit_code}: {_said(done.errors, root)}")
    return done


def _said(errors: str, root: Path) -> str:
    """What ruff complained of, without excerpts: its configuration may name a file that is none of the project's."""
    lines = [line.strip() for line in errors.splitlines() if line.strip() and not _EXCERPT.match(line)]
    return " ".join(lines).replace(f"{root}/", "")[:500]


def _counts(done: Finished) -> dict[str, int]:
    rows: list[dict[str, Any]] = orjson.loads(done.output or b"[]")
    return {str(row["code"] or row["name"]): int(row["count"]) for row in rows}


def _total(counts: dict[str, int]) -> int:
    return sum(counts.values())


def _report(before: dict[str, int], after: dict[str, int]) -> AgentResult:
    fixed = {rule: count - after.get(rule, 0) for rule, count in before.items() if count > after.get(rule, 0)}
    summary = f"Fixed {_total(fixed)} of {_total(before)} findings; {_total(after)} are left."
    if not before:
        summary = "Nothing to fix: ruff has no findings."
    data = {"found": before, "fixed": fixed, "remaining": after}
    return AgentResult(summary, data)
