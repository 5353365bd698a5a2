"""The ``scripted`` kind: an agent in this process that does what its script says, without a model.

In the catalogue for everybody, like the diagnostics server: it shows that tasks, events, tools, questions and worktrees
work. Its programs' sibling is ``acp_process``. Files are changed only in a worktree of its own.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.agents.acp.files import read_text, write_text
from orchestrator.agents.base import Action, AgentContext, AgentInfo, AgentResult, Choice
from orchestrator.agents.scripted.script import Step, filled, read_script
from orchestrator.core.errors import AgentFailed, InvalidInput
from orchestrator.core.events import EventKind

ALLOW, REJECT = Choice("allow", "Allow", "allow_once"), Choice("reject", "Reject", "reject_once")


class ScriptedAgent:
    """Does one step after the other."""

    def __init__(self, info: AgentInfo) -> None:
        self._info = replace(info, takes_up="conversation")

    @property
    def info(self) -> AgentInfo:
        """Who it is and what it can do."""
        return self._info

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        script = read_script(given, misbehaving=False)
        for number, step in enumerate(script.steps):
            if step.do in ("write", "replace") and not self._info.changes_code:
                raise InvalidInput("this agent changes no code", field=f"input.steps.{number}.do")

    async def run(self, context: AgentContext) -> AgentResult:
        """Follow the script, and the turns that people start meanwhile."""
        self.check(context.input)
        script = read_script(context.input, misbehaving=False)
        run = _Run(context)
        done = await run.follow(script.steps, skip=_done_before(context))
        turns = [*script.turns]
        while done and context.people is not None and (said := await context.people.said()):
            for text in said:
                context.tell(EventKind.MESSAGE, role="user", text=text)
            done = await run.follow(_turn(turns, said))
        return AgentResult(run.last or "The script has ended.", {"steps": run.steps, "answers": run.answers})


def _done_before(context: AgentContext) -> int:
    """How many steps of the script were done up to the safe point that the run goes on from."""
    return int(context.history[-1]["steps"]) if context.history else 0


def _turn(turns: list[list[Step]], said: Any) -> list[Step]:
    return turns.pop(0) if turns else [Step(do="say", text=f"You said: {' '.join(said)}")]


class _Run:
    def __init__(self, context: AgentContext) -> None:
        self._context = context
        self.steps = 0
        self.last = ""
        self.answers: list[Any] = []
        self._heard: list[Any] = []

    async def follow(self, steps: list[Step], skip: int = 0) -> bool:
        """Do the steps after the first ``skip``; False when one was not allowed. After each it may rest."""
        self.steps += skip
        for step in steps[skip:]:
            self.steps += 1
            if not await getattr(self, f"_{step.do}")(step):
                return False
            if self._context.safe_points is not None:
                await self._context.safe_points.reached([{"steps": self.steps}])
        return True

    async def _say(self, step: Step) -> bool:
        for _ in range(min(step.count, 10_000)):
            self._context.tell(EventKind.MESSAGE, role="assistant", text=step.text)
        self.last = step.text
        return True

    async def _think(self, step: Step) -> bool:
        self._context.tell(EventKind.MESSAGE, role="thought", text=step.text)
        return True

    async def _plan(self, step: Step) -> bool:
        plan = [{"step": text, "status": "pending"} for text in step.steps]
        self._context.tell(EventKind.PROGRESS, message="a plan", done=0, total=len(plan), plan=plan)
        return True

    async def _wait(self, step: Step) -> bool:
        await asyncio.sleep(step.seconds)
        return True

    async def _tool(self, step: Step) -> bool:
        for number in range(min(step.count, 1000)):
            call = f"call-{self.steps}-{number}"
            self._context.tell(EventKind.TOOL_CALLED, tool=step.tool, call_id=call, arguments=step.arguments)
            text, failed = "", False
            if self._context.tools is not None and step.tool:
                answer = await self._context.tools.call(step.tool, filled(dict(step.arguments), self._heard))
                text, failed = answer.text, answer.is_error
                self._heard.append(answer.structured)
                self.answers.append(text[:2000])
            self._context.tell(EventKind.TOOL_RETURNED, tool=step.tool, call_id=call, is_error=failed, text=text[:2000])
            # Others on this loop, and whoever watches this agent, get their turn.
            await asyncio.sleep(0)
        return True

    async def _read(self, step: Step) -> bool:
        root = self._context.require_workspace()
        self.answers.append((await asyncio.to_thread(read_text, root.resolve(), step.path))[:2000])
        return True

    async def _write(self, step: Step) -> bool:
        root = self._context.require_workspace()
        # ``{{feedback}}`` stands for what was found wanting in the attempt before.
        text = step.text.replace("{{feedback}}", self._context.feedback)
        await asyncio.to_thread(write_text, root.resolve(), step.path, text)
        return True

    async def _replace(self, step: Step) -> bool:
        root = (self._context.require_workspace()).resolve()
        before = await asyncio.to_thread(read_text, root, step.path)
        if step.find not in before:
            raise AgentFailed(f"{step.path} does not hold what is to be replaced")
        await asyncio.to_thread(write_text, root, step.path, before.replace(step.find, step.text))
        return True

    async def _run(self, step: Step) -> bool:
        raise AgentFailed("a scripted agent in this process runs no commands")

    async def _permit(self, step: Step) -> bool:
        paths, command = (step.path,) if step.path else (), str(step.arguments.get("command", ""))
        action = Action(step.tool or "other", step.text or step.tool, paths, command)
        people = self._context.people
        choice = await people.permit(action, (ALLOW, REJECT)) if people is not None else None
        self.answers.append(choice.id if choice is not None else None)
        return choice is not None and choice.kind.startswith("allow")

    async def _ask(self, step: Step) -> bool:
        people = self._context.people
        choices = [Choice(text, text) for text in step.steps]
        self.answers.append(await people.ask(step.text, choices) if people is not None else None)
        return True

    async def _fail(self, step: Step) -> bool:
        raise AgentFailed(step.text or "the script says so")
