"""Which tool calls are allowed, which need a person's word, which are refused: rules, and the order they take.

Pure; ``services.tool_policy`` stores the rules and asks. There are three levels: service, project, user. In each
level the most specific rule that matches decides, and of equally specific ones the strictest: deny over ask over allow.
Then the strictest level decides, so that a project or a user can narrow what stands above, never widen it. Where no
rule matches, a call is allowed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from typing import Any
from uuid import UUID


class Effect(StrEnum):
    """What a rule says of a call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Level(StrEnum):
    """Whose rule it is."""

    SERVICE = "service"
    PROJECT = "project"
    USER = "user"


SERVICE_ADMIN = "service_admin"
"""The role of an admin of the service, beside those of projects."""
ROLES = frozenset({"viewer", "member", "admin", SERVICE_ADMIN})
HINTS = frozenset({"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"})
"""The annotations of the protocol that a rule may name."""

_STRICT = {Effect.ALLOW: 0, Effect.ASK: 1, Effect.DENY: 2}
Specificity = tuple[bool, bool, int, int, bool, bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. What it does not name matches everything; ``tool`` may hold ``*`` and ``?``."""

    id: UUID
    level: Level
    effect: Effect
    tool: str = "*"
    server_id: UUID | None = None
    hints: Mapping[str, bool] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()
    project_id: UUID | None = None
    user_id: UUID | None = None
    remember: bool = True
    reason: str = ""

    @property
    def specificity(self) -> Specificity:
        """Compared from left to right: server, whole name of a tool, letters of a pattern, hints, role, project."""
        wild = "*" in self.tool or "?" in self.tool
        letters = len(self.tool) - self.tool.count("*") - self.tool.count("?")
        named = self.server_id is not None, not wild, letters, len(self.hints)
        return (*named, bool(self.roles), self.project_id is not None)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as rules see it. ``annotations`` are the tool's own, None for a tool nobody has described."""

    user_id: UUID
    server_id: UUID
    tool: str
    roles: frozenset[str] = frozenset()
    project_id: UUID | None = None
    annotations: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided, by which rule (None: by none), and what each level with a rule said."""

    effect: Effect
    rule: Rule | None = None
    levels: tuple[Rule, ...] = ()


ALLOWED = Decision(Effect.ALLOW)


def decide(rules: Iterable[Rule], asked: Asked) -> Decision:
    """The decision; the order of the rules does not matter."""
    best: dict[Level, Rule] = {}
    for rule in rules:
        if mismatch(rule, asked) is None:
            known = best.get(rule.level)
            if known is None or _weight(rule) > _weight(known):
                best[rule.level] = rule
    if not best:
        return ALLOWED
    levels = tuple(best[level] for level in Level if level in best)
    # Of levels that say the same the highest is named: its word would stay if the others went.
    deciding = max(levels, key=lambda rule: _STRICT[rule.effect])
    return Decision(deciding.effect, deciding, levels)


def mismatch(rule: Rule, asked: Asked) -> str | None:
    """Why a rule does not speak of a call; None when it does."""
    if rule.user_id is not None and rule.user_id != asked.user_id:
        return "another user"
    if rule.project_id is not None and rule.project_id != asked.project_id:
        return "another project"
    if rule.server_id is not None and rule.server_id != asked.server_id:
        return "another server"
    if rule.roles and not rule.roles & asked.roles:
        return "another role"
    if not _pattern(rule.tool).match(asked.tool):
        return "another tool"
    if rule.hints and any(hint(asked.annotations, name) is not wanted for name, wanted in rule.hints.items()):
        return "other annotations"
    return None


def hint(annotations: Mapping[str, Any] | None, name: str) -> bool:
    """What a tool says of itself; what it does not say is as the protocol has it, so silence counts as dangerous."""
    told = annotations or {}
    read_only = told.get("readOnlyHint") is True
    if name == "readOnlyHint":
        return read_only
    if name == "destructiveHint":
        return not read_only and told.get(name) is not False
    if name == "openWorldHint":
        return told.get(name) is not False
    return told.get(name) is True


def _weight(rule: Rule) -> tuple[Specificity, int, bytes]:
    return rule.specificity, _STRICT[rule.effect], rule.id.bytes


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    """``*`` and ``?`` only; the library's translation never goes back over what it matched."""
    return re.compile(translate(glob.replace("[", "[[]")))
