"""The people behind one run of an agent: rules speak for them, then they are asked, and their words are passed on.

Made by ``run_agent`` for one attempt. While somebody is being asked the program stays alive, the attempt keeps its
lease, the task says what it waits for, and neither the time limit nor the watchdog counts the time. A deadline ends it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from orchestrator.agents.base import Action, Choice, pick
from orchestrator.core.agent_rules import AgentRule, Wanted
from orchestrator.core.errors import Unavailable
from orchestrator.core.events import EventKind
from orchestrator.core.jsonsafe import storable
from orchestrator.core.policy import Effect
from orchestrator.eventlog.wake import Wake
from orchestrator.services.agent_questions import AgentQuestions, Row
from orchestrator.services.agent_rules import AgentRules
from orchestrator.services.run_task import Work

_LOOK_SECONDS = 5.0
_SHOWN = 4000
_OWN_TREE = frozenset({"read", "search", "think", "edit", "delete", "move"})
_CHANGING = frozenset({"edit", "delete", "move"})


class TaskPeople:
    """Asks on behalf of one attempt. ``waiting`` is entered while a person is waited for."""

    def __init__(
        self,
        work: Work,
        agent: str,
        rules: AgentRules,
        questions: AgentQuestions,
        wake: Wake,
        waiting: Callable[[], AbstractContextManager[None]],
        *,
        seconds: float,
    ) -> None:
        self._work = work
        self._agent = agent
        self._rules = rules
        self._questions = questions
        self._wake = wake
        self._waiting = waiting
        self._seconds = seconds
        self._asking = asyncio.Lock()

    async def permit(self, action: Action, choices: Sequence[Choice], unruled: str = "ask") -> Choice | None:
        """The choice a rule or a person made."""
        rule = await self._rules.decide(self._wanted(action))
        effect = rule.effect if rule is not None else _without_rule(action, unruled)
        if effect == Effect.ASK:
            return await self._ask_leave(action, choices, rule)
        chosen = pick(choices, allow=effect == Effect.ALLOW)
        why = f"a rule of the {rule.level} level" if rule is not None else "its entry" if unruled != "ask" else ""
        if why:
            told = f"{action.title[:300]}: {'allowed' if effect == Effect.ALLOW else 'refused'} by {why}"
            data = {"rule_id": str(rule.id), "level": rule.level} if rule is not None else {}
            self._work.report.tell(EventKind.LOG, message=told, effect=effect, **data)
        return chosen

    async def forbids(self, action: Action) -> str | None:
        """Why a rule forbids this."""
        rule = await self._rules.decide(self._wanted(action))
        if rule is None or rule.effect != Effect.DENY:
            return None
        why = f": {rule.reason}" if rule.reason else ""
        return f"a rule of the {rule.level} level forbids this{why}"

    async def ask(self, question: str, choices: Sequence[Choice] = ()) -> str | None:
        """A person's answer, or None once the deadline has passed."""
        return await self._asked(question, choices, {}, None)

    async def said(self) -> Sequence[str]:
        """What people told the agent meanwhile."""
        return await self._questions.heard(self._work.id)

    async def _ask_leave(self, action: Action, choices: Sequence[Choice], rule: AgentRule | None) -> Choice | None:
        refusal = pick(choices, allow=False)
        why = f"\n\nWhy you are asked: {rule.reason}" if rule is not None and rule.reason else ""
        about = {"tool": action.tool, "paths": list(action.paths), "command": action.command}
        question = f"May the agent do this? {action.title}{_more(action)}{why}"
        answer = await self._asked(question[:_SHOWN], choices, about, refusal.id if refusal is not None else None)
        return next((choice for choice in choices if choice.id == answer), refusal)

    async def _asked(
        self, question: str, choices: Sequence[Choice], action: dict[str, Any], default: str | None
    ) -> str | None:
        """One question at a time: whoever answers a task answers the only one there is."""
        async with self._asking:
            values = {
                "question": storable(question), "action": storable(action), "agent": self._agent,
                "default_choice": default, "choices": [{"id": c.id, "name": c.name, "kind": c.kind} for c in choices],
            }  # fmt: skip
            row = await self._questions.ask(self._work.id, self._work.generation, self._seconds, **values)
            try:
                await self._tell_begin(row, question, values["choices"], default)
                ended = await self._waited(row)
            except BaseException:
                await asyncio.shield(self._questions.close(row["id"]))
                raise
            await self._tell_end(ended, default)
            return str(ended["answer"]) if ended["outcome"] == "answered" else default

    async def _waited(self, row: Row) -> Row:
        """How the question ended; the clocks of the attempt stand still until then."""
        most = self._seconds + 2 * _LOOK_SECONDS
        began = time.monotonic()
        self._work.more_time(most)
        try:
            with self._waiting():
                return await self._until_ended(row)
        finally:
            self._work.more_time(time.monotonic() - began - most)

    async def _tell_begin(self, row: Row, question: str, choices: Any, default: str | None) -> None:
        line = _first_line(question)
        await self._work.report.mark(
            line, EventKind.WAITING, **{"for": line}, question=row["question"], question_id=str(row["id"]),
            choices=choices, deadline=row["deadline"].isoformat(), default=default,
        )  # fmt: skip

    async def _until_ended(self, row: Row) -> Row:
        async with self._wake.watching(UUID(str(self._work.id))) as changed:
            while True:
                changed.clear()
                try:
                    now = await self._questions.read(row["id"])
                    if now["outcome"] is None and now["late"]:
                        now = await self._questions.expire(row["id"])
                    if now["outcome"] is not None:
                        return now
                    left = (now["deadline"] - now["asked_at"]).total_seconds()
                except Unavailable:
                    left = _LOOK_SECONDS  # the database is away: look again
                try:
                    async with asyncio.timeout(min(_LOOK_SECONDS, max(0.05, left))):
                        await changed.wait()
                except TimeoutError:
                    continue

    async def _tell_end(self, ended: Row, default: str | None) -> None:
        answered = ended["outcome"] == "answered"
        told: dict[str, Any] = {
            "question_id": str(ended["id"]), "by": str(ended["answered_by"]) if answered else None,
            "answer": ended["answer"] if answered else default, "outcome": ended["outcome"],
        }  # fmt: skip
        if not answered:
            told["message"] = "nobody answered in time; it is refused" if default else "nobody answered in time"
        await self._work.report.mark("", EventKind.ANSWERED, **told)

    def _wanted(self, action: Action) -> Wanted:
        task = self._work.task
        return Wanted(
            task["user_id"], self._agent, action.tool, action.paths, action.command, action.cost, task["project_id"]
        )


def _without_rule(action: Action, unruled: str) -> Effect:
    """Its own tree is the agent's: what it does there is seen as a diff before it counts. The rest is asked about."""
    if unruled != "ask":
        return Effect(unruled)
    inside = all(not path.startswith(("/", "../")) and path != ".." for path in action.paths)
    harmless = action.tool in _OWN_TREE and inside and (bool(action.paths) or action.tool not in _CHANGING)
    return Effect.ALLOW if harmless and not action.command else Effect.ASK


def _more(action: Action) -> str:
    lines = [f"\n{action.command}"] if action.command and action.command not in action.title else []
    lines += [f"\n{path}" for path in action.paths[:20]]
    return "".join(lines)


def _first_line(question: str) -> str:
    return question.strip().partition("\n")[0][:300]
