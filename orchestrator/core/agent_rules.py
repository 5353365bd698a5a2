"""What agents may do without asking, must ask for, must not do: rules by agent, kind of work, path and command.

Pure; ``services.agent_rules`` stores the rules. The levels and their order are those of tool calls: service, project,
user; in each the most specific rule that matches speaks, and the strictest level decides. Where no rule matches, the
agent's own entry says. A rule that allows must cover everything that is wanted, one that forbids any part of it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from uuid import UUID

from orchestrator.core.policy import Effect, Level

_STRICT = {Effect.ALLOW: 0, Effect.ASK: 1, Effect.DENY: 2}
_PARTS = re.compile(r"[;&|\n`]|\$\(")
_SHELL = re.compile(r"[;&|<>\n`\r]|\$[({]")


@dataclass(frozen=True, slots=True)
class AgentRule:
    """One rule. Patterns may hold ``*`` and ``?``; an empty path or command is not looked at.

    ``cost_above``: it speaks only once the run is known to have cost more, in the currency the agent reports.
    """

    id: UUID
    level: Level
    effect: Effect
    agent: str = "*"
    tool: str = "*"
    path: str = ""
    command: str = ""
    cost_above: float | None = None
    project_id: UUID | None = None
    user_id: UUID | None = None
    reason: str = ""

    @property
    def specificity(self) -> tuple[int, int]:
        """How much it names, then how many letters of it are sure."""
        patterns = [part for part in (self.agent, self.tool, self.path, self.command) if part not in ("", "*")]
        named = len(patterns) + (self.cost_above is not None) + (self.project_id is not None)
        return named, sum(len(part) - part.count("*") - part.count("?") for part in patterns)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an agent wants to do, as rules see it."""

    user_id: UUID
    agent: str
    tool: str
    paths: tuple[str, ...] = ()
    command: str = ""
    cost: float | None = None
    project_id: UUID | None = None


def decide(rules: Iterable[AgentRule], wanted: Wanted) -> AgentRule | None:
    """The rule that decides, or None where none speaks; the order of the rules does not matter."""
    best: dict[Level, AgentRule] = {}
    for rule in rules:
        if speaks_of(rule, wanted):
            known = best.get(rule.level)
            if known is None or _weight(rule) > _weight(known):
                best[rule.level] = rule
    levels = [best[level] for level in Level if level in best]
    return max(levels, key=lambda rule: _STRICT[rule.effect], default=None)


def speaks_of(rule: AgentRule, wanted: Wanted) -> bool:
    """Whether a rule speaks of what is wanted."""
    if rule.user_id not in (None, wanted.user_id) or rule.project_id not in (None, wanted.project_id):
        return False
    if not _pattern(rule.agent).match(wanted.agent) or not _pattern(rule.tool).match(wanted.tool):
        return False
    if rule.cost_above is not None and (wanted.cost is None or wanted.cost <= rule.cost_above):
        return False
    return _path_fits(rule, wanted) and _command_fits(rule, wanted)


def _path_fits(rule: AgentRule, wanted: Wanted) -> bool:
    if not rule.path:
        return True
    fits = [bool(_pattern(rule.path).match(path)) for path in wanted.paths]
    return bool(fits) and (all(fits) if rule.effect == Effect.ALLOW else any(fits))


def _command_fits(rule: AgentRule, wanted: Wanted) -> bool:
    """A command line that holds several commands is allowed by no pattern, and forbidden by what speaks of one."""
    if not rule.command:
        return True
    pattern = _pattern(rule.command)
    if rule.effect == Effect.ALLOW:
        exact = wanted.command == rule.command
        return exact or (bool(pattern.match(wanted.command)) and not _SHELL.search(wanted.command))
    parts = [wanted.command, *(part.strip() for part in _PARTS.split(wanted.command))]
    return any(pattern.match(part) for part in parts)


def _weight(rule: AgentRule) -> tuple[tuple[int, int], int, bytes]:
    return rule.specificity, _STRICT[rule.effect], rule.id.bytes


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    """``*`` and ``?`` only."""
    return re.compile(translate(glob.replace("[", "[[]")))
