"""The ``team`` kind: other agents' work, step by step as a document says, each step a part of the team's own task.

Made by the catalogue from a user's document. It holds nothing that could be lost: what was done is in its parts, which
a later attempt finds by their names and goes on from. Who carries parts out and merges changes comes in by the context.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from orchestrator.agents.base import AgentContext, AgentInfo, AgentResult, PartDone, PartOrder, Parts
from orchestrator.agents.team_config import MOST_COPIES, Order, Step, TeamConfig, read_team, references
from orchestrator.agents.team_words import approves, fill, needs_choice, touches, view_of
from orchestrator.core.errors import AgentFailed, InvalidInput, NotConfigured
from orchestrator.core.events import EventKind

Result = TypeVar("Result")
_SHOWN = 2000


class TeamAgent:
    """Carries out a team's document."""

    def __init__(self, info: AgentInfo, config: TeamConfig) -> None:
        self._info = info
        self.config = config

    @property
    def info(self) -> AgentInfo:
        """Who it is and what it can do."""
        return self._info

    def document(self, given: Mapping[str, Any]) -> TeamConfig:
        """The steps for this input."""
        return self.config

    def check(self, given: Mapping[str, Any]) -> None:
        """InvalidInput names what the document refers to and the input lacks."""
        for step in self.document(given).steps:
            orders = [order for order in (step, step.review, step.repair) if order is not None]
            for reference in references([step.for_each, *(order.given() for order in orders)]):
                head, _, rest = reference.partition(".")
                if head == "input" and rest and rest.partition(".")[0] not in given:
                    name = rest.partition(".")[0]
                    raise InvalidInput(f"this team needs {name}", field=f"input.{name}")

    async def run(self, context: AgentContext) -> AgentResult:
        """Every step after those it needs; the outcome is that of the step that the document names."""
        if context.parts is None:
            raise NotConfigured("nothing here can carry out the parts of a team")
        team = read_team(context.parts.document)
        run = _Run(team, context, context.parts)
        await _together([run.step(step) for step in team.steps])
        if team.changes_code:
            await run.revise(team.outcome)
        outcome = run.done[team.outcome]
        if team.changes_code and (commit := await run.united(team.outcome)):
            await context.parts.take(commit)
        view = run.views[team.outcome]
        summary = str(view.get("summary") or "The team has done its work.")
        steps = {name: [one.told() for one in done] for name, done in run.done.items()}
        return AgentResult(summary, {"steps": steps, "result": team.outcome, "parts": len(outcome)})


@dataclass
class _Run:
    """What is known so far. ``done`` and ``views`` are by step."""

    team: TeamConfig
    context: AgentContext
    parts: Parts
    done: dict[str, list[PartDone]] = field(default_factory=dict)
    views: dict[str, Any] = field(default_factory=dict)
    ended: dict[str, asyncio.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ended = {step.id: asyncio.Event() for step in self.team.steps}
        self._before = self.team.before()
        self._many: dict[str, int] = {}
        self._sources = {step.choose for step in self.team.steps if step.choose}

    async def step(self, step: Step) -> None:
        """One step, once those before it have ended."""
        for name in sorted(self._before[step.id]):
            await self.ended[name].wait()
        self._tell(step.id, "running")
        self.done[step.id] = await self._chosen(step) if step.choose else await self._worked(step)
        self.views[step.id] = view_of(self.done[step.id], fanned=step.fans_out)
        self._tell(step.id, "completed")
        self.ended[step.id].set()

    async def revise(self, name: str) -> None:
        """Have the parts of a step go on with what reviewers of the team's change asked for, if they did."""
        paths = await self.parts.asked_about()
        changed = [one for one in self.done[name] if one.commit]
        if paths is None or not changed:
            return
        meant = [one for one in changed if touches(one.diff, paths)] or changed
        ends = {one.name: one for one in await _together([self.parts.send_back(one) for one in meant])}
        for one in ends.values():
            if not one.ended_well:
                raise AgentFailed(
                    f"step {name}: what reviewers asked for was not done: {one.error[:_SHOWN]}",
                    details={"step": name, "task_id": one.task_id},
                )
        self.done[name] = [ends.get(one.name, one) for one in self.done[name]]
        self.views[name] = view_of(self.done[name], fanned=len(self.done[name]) > 1)

    async def united(self, name: str) -> str | None:
        """One commit with the changes of all that a step did; None when it changed nothing."""
        commits = [one.commit for one in self.done[name] if one.commit]
        return await self.parts.unite(commits) if commits else None

    async def _chosen(self, step: Step) -> list[PartDone]:
        """The smallest change of those that were proved, since what more a larger one does nobody asked for; or the one
        that a person chooses."""
        candidates = self.done[step.choose]
        # One that reviewers sent back was chosen before.
        best = min(candidates, key=lambda one: (not one.revised, one.lines, one.name))
        why = "proved, with the fewest changed lines"
        if step.by == "person":
            name, why = await self.parts.picked(step.id), "as a person decided"
            if name is None:
                raise needs_choice(step.id, candidates, best)
            best = next((one for one in candidates if one.name == name), best)
        message = f"chose {best.name}: {why}"
        self.context.tell(EventKind.PROGRESS, message=message, step=step.id, part=best.task_id)
        return [best]

    async def _worked(self, step: Step) -> list[PartDone]:
        items = self._items(step)
        self._many[step.id] = len(items)
        start = await self.united(step.start) if step.start else None
        runs = [self._one(step, _name(step, number), item, number, start) for number, item in enumerate(items)]
        least = step.least or (1 if step.id in self._sources else len(items))
        ends = await _together(runs)
        good = [one for one in ends if one.ended_well]
        if len(good) < min(least, len(items)):
            bad = next(one for one in ends if not one.ended_well)
            raise AgentFailed(
                f"step {step.id}: {len(good)} of {len(items)} succeeded; {bad.name}: {bad.error[:_SHOWN]}",
                details={"step": step.id, "task_id": bad.task_id},
            )
        return good

    async def _one(self, step: Step, name: str, item: Any, number: int, start: str | None) -> PartDone:
        """A step's work, reviewed and mended until nothing is wanting or the rounds are over."""
        scope = {"input": dict(self.context.input), **self.views, "item": item, "index": number}
        done = await self._carry_out(step, step, name, scope, start, agent=step.agent_of(number))
        repair = step.repair
        for turn in range((repair.rounds if repair else 0) + 1):
            if not done.ended_well and (repair is None or not done.fell_short):
                return done
            findings = await self._reviewed(step, name, turn, done, scope) if done.ended_well else done.error
            if findings is None:
                return done
            if repair is None or turn == repair.rounds:
                return replace(done, ended_well=False, error=findings)
            known = {**scope, "findings": findings, "change": view_of([done], fanned=False)}
            mended = f"{name}.repair.{turn + 1}"
            done = await self._carry_out(step, repair, mended, known, done.commit or start, agent=step.agent_of(number))
        return done

    async def _reviewed(self, step: Step, name: str, turn: int, done: PartDone, scope: Mapping[str, Any]) -> str | None:
        """What its reviewer finds wanting, or None."""
        if step.review is None:
            return None
        known = {**scope, "findings": "", "change": view_of([done], fanned=False)}
        said = await self._carry_out(step, step.review, f"{name}.review.{turn}", known, None, judges=True)
        if not said.ended_well:
            raise AgentFailed(f"step {name}: its review did not end well: {said.error[:_SHOWN]}")
        return None if approves(said) else said.summary or "the reviewer did not approve"

    async def _carry_out(
        self,
        step: Step,
        order: Order,
        name: str,
        scope: Mapping[str, Any],
        start: str | None,
        *,
        agent: str = "",
        judges: bool = False,
    ) -> PartDone:
        wanted = [] if judges else [*step.acceptance, *(self.parts.acceptance if step.prove else ())]
        given, beside = fill(order.given(), scope), step.id in self._sources
        attempts = 1 if judges else step.attempts
        among = 1 if judges or "." in name else self._many.get(step.id, 1)
        return await self.parts.carry_out(
            PartOrder(name, order.agent or agent, given, wanted, attempts, start, beside, among)
        )

    def _items(self, step: Step) -> Sequence[Any]:
        if not step.for_each:
            return [None] * max(step.copies, len(step.agents))
        items = fill(step.for_each, {"input": dict(self.context.input), **self.views})
        if not isinstance(items, list) or not items or len(items) > MOST_COPIES:
            raise AgentFailed(
                f"step {step.id} is for each of a list of 1 to {MOST_COPIES}, and {step.for_each} is none"
            )
        return items

    def _tell(self, step: str, state: str) -> None:
        self.context.tell(EventKind.PROGRESS, message=f"step {step}: {state}", step=step, state=state)


def _name(step: Step, number: int) -> str:
    return f"{step.id}[{number}]" if step.fans_out else step.id


async def _together(work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """All results, in order; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
