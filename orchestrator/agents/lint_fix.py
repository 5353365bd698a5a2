"""The code-mod ``agent:lint-fix``: ruff's safe automatic fixes, by the project's own configuration, without a model.

Ruff runs as a program in the worktree and never applies what it calls unsafe. What it could not fix is counted, not
hidden; a file that ruff dies of is found, named and left out. Committing and diffing are the caller's.
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
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
_FILES_AT_ONCE = 500
_MOST_LEFT_OUT = 20

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
        ruff = Ruff(root, targets, context.limits.seconds)
        before = await ruff.count([*rules, "--no-fix"])
        context.tell(EventKind.PROGRESS, message=f"{total(before)} findings", done=1, total=2)
        after = await ruff.count([*rules, "--fix", "--no-unsafe-fixes"])
        context.tell(EventKind.PROGRESS, message=f"{total(after)} findings are left", done=2, total=2)
        for path in ruff.left_out:
            context.tell(EventKind.LOG, message=f"{path} is left out: ruff dies of it", path=path)
        return _report(before, after, ruff.left_out)


@dataclass
class Ruff:
    """Ruff over a part of a project. What it dies of (code nested too deeply, for one) costs only itself."""

    root: Path
    targets: list[str]
    seconds: float
    left_out: list[str] = field(default_factory=list)

    async def count(self, options: list[str]) -> dict[str, int]:
        """Findings by rule after a run with these options."""
        if not self.left_out:
            done = await self._check(options, self.targets)
            if done.exit_code >= 0:
                return _counts(done)
        files = [path for path in await self._files() if path not in self.left_out]
        found: Counter[str] = Counter()
        for start in range(0, len(files), _FILES_AT_ONCE):
            found.update(await self._survive(options, files[start : start + _FILES_AT_ONCE]))
        return dict(sorted(found.items()))

    async def _survive(self, options: list[str], files: list[str]) -> Counter[str]:
        """The findings in these files; on a death, in either half of them, down to the file at fault."""
        done = await self._check(options, files)
        if done.exit_code >= 0:
            return Counter(_counts(done))
        if len(files) > 1:
            half = len(files) // 2
            return await self._survive(options, files[:half]) + await self._survive(options, files[half:])
        self.left_out += files
        if len(self.left_out) > _MOST_LEFT_OUT:
            raise AgentFailed(f"ruff dies of more than {_MOST_LEFT_OUT} files: {', '.join(self.left_out)[:1000]}")
        return Counter()

    async def _files(self) -> list[str]:
        """What ruff would look at, relative to the project."""
        done = await _ruff(self.root, ["--show-files"], self.targets, self.seconds)
        names = [Path(line) for line in done.output.decode("utf-8", "surrogateescape").splitlines()]
        return [str(name.relative_to(self.root)) for name in names if name.is_relative_to(self.root)]

    async def _check(self, options: list[str], targets: list[str]) -> Finished:
        told = ("--exit-zero", "--statistics", "--output-format", "json")
        return await _ruff(self.root, [*told, *options], targets, self.seconds)


async def _ruff(root: Path, options: list[str], targets: list[str], seconds: float) -> Finished:
    """Ruff's end; a negative exit code is the signal it died of."""
    # --no-cache: a project's configuration may name any folder of the machine as the cache.
    command = [sys.executable, "-I", "-m", "ruff", "check", "--no-cache", "--force-exclude", *options, "--", *targets]
    done = await run_program(command, cwd=root, timeout=seconds)
    if done.exit_code == _CONFIG_FAULT:
        raise InvalidInput(f"ruff refuses to run: {_said(done.errors, root)}", field="input")
    if done.exit_code > 0:
        raise AgentFailed(f"ruff ended with code {done.exit_code}: {_said(done.errors, root)}")
    return done


def _said(errors: str, root: Path) -> str:
    """What ruff complained of, without excerpts: its configuration may name a file that is none of the project's."""
    lines = [line.strip() for line in errors.splitlines() if line.strip() and not _EXCERPT.match(line)]
    return " ".join(lines).replace(f"{root}/", "")[:500]


def _counts(done: Finished) -> dict[str, int]:
    rows: list[dict[str, Any]] = orjson.loads(done.output or b"[]")
    return {str(row["code"] or row["name"]): int(row["count"]) for row in rows}


def total(counts: dict[str, int]) -> int:
    """All findings."""
    return sum(counts.values())


def _report(before: dict[str, int], after: dict[str, int], left_out: list[str]) -> AgentResult:
    fixed = {rule: count - after.get(rule, 0) for rule, count in before.items() if count > after.get(rule, 0)}
    summary = f"Fixed {total(fixed)} of {total(before)} findings; {total(after)} are left."
    if not before:
        summary = "Nothing to fix: ruff has no findings."
    data: dict[str, Any] = {"found": before, "fixed": fixed, "remaining": after}
    if left_out:
        summary += f" Left out, because ruff dies of it: {', '.join(left_out)}."
        data["left_out"] = left_out
    return AgentResult(summary, data)
