"""A team as data: steps with an agent, a prompt, what each needs, how often it is done, who reviews and mends it.

Read by ``team`` (the agent), the catalogue and the doors that draw it. A document is checked as a whole where it is
stored: every complaint names its field. Nothing runs here.
"""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import Field

from orchestrator.agents.options import Options, read_options
from orchestrator.core.acceptance import criteria
from orchestrator.core.errors import InvalidInput

MOST_COPIES = 16
PLACEHOLDER = re.compile(r"\{\{\s*([a-z][\w-]*(?:\.[\w-]+)*)\s*\}\}")

_AgentId = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9:-]*$")]
_StepId = Annotated[str, Field(max_length=40, pattern=r"^[a-z][a-z0-9_-]*$")]
_Text = Annotated[str, Field(max_length=50_000)]


class Order(Options):
    """What an agent is told; ``{{step.summary}}`` and the like stand for what is known by then."""

    agent: _AgentId = Field("", description="Who does it, as `agent:llm`.")
    prompt: _Text = Field("", description="The prompt, for agents that take one.")
    input: dict[str, Any] = Field(default_factory=dict, description="Other fields of the agent's input.")

    def given(self) -> dict[str, Any]:
        """The agent's input, not yet filled."""
        return {**self.input, **({"prompt": self.prompt} if self.prompt else {})}


class Review(Order):
    """Who looks at what the step did (`{{change.diff}}`). Approved: `data.approved` is true, or it begins with that."""


class Repair(Order):
    """Who mends what was found wanting (`{{findings}}`), going on from what is there; default: the step's own agent."""

    rounds: int = Field(2, ge=1, le=10, description="How often at most.")


class Step(Order):
    """One step: an agent's work, once or several times, or the choice of the best of them."""

    id: _StepId = Field(description="Its name, by which others refer to it.")
    needs: list[_StepId] = Field(default_factory=list, max_length=50, description="Steps that come before it.")
    agents: list[_AgentId] = Field(
        default_factory=list, max_length=MOST_COPIES, description="Instead of `agent`: several, each for itself."
    )
    copies: int = Field(1, ge=1, le=MOST_COPIES, description="How many do the same; `agents` take turns.")
    for_each: str = Field("", max_length=200, description="A list, as `{{plan.data.items}}`: one for each `{{item}}`.")
    least: int | None = Field(None, ge=1, le=MOST_COPIES, description="How many of them must succeed; default: all.")
    start: str = Field("", max_length=40, description="The step from whose change this one goes on.")
    acceptance: list[dict[str, Any]] = Field(default_factory=list, max_length=32, description="What must hold of it.")
    prove: bool = Field(False, description="Whether the acceptance criteria of the team's task must hold of it, too.")
    attempts: int = Field(1, ge=1, le=5, description="How often its agent may try.")
    review: Review | None = Field(None, description="Who looks at it.")
    repair: Repair | None = Field(None, description="Who mends what was found wanting.")
    choose: str = Field("", max_length=40, description="Instead of an agent: the step of which the best is taken.")
    by: Literal["proof", "person"] = Field(
        "proof", description="Who chooses: the proof, or a person who sees the tries side by side."
    )

    @property
    def fans_out(self) -> bool:
        """Whether it is done several times."""
        return self.copies > 1 or bool(self.for_each) or bool(self.agents)

    def agent_of(self, number: int) -> str:
        """Who does it for the number-th time, from 0."""
        return self.agents[number % len(self.agents)] if self.agents else self.agent


class TeamConfig(Options):
    """The whole team."""

    steps: list[Step] = Field(min_length=1, max_length=50, description="The steps, in any order.")
    result: str = Field("", max_length=40, description="The step whose outcome is the team's; default: the last.")
    changes_code: bool = Field(True, description="Whether the team ends in a change of code.")

    @property
    def outcome(self) -> str:
        """The step whose outcome is the team's."""
        return self.result or self.steps[-1].id

    def before(self) -> dict[str, set[str]]:
        """By step, those that it needs: named, gone on from, chosen from, or referred to."""
        known = {step.id for step in self.steps}
        return {step.id: {*step.needs, *(name for name in _named(step) if name in known)} for step in self.steps}


def read_team(config: Mapping[str, Any], where: str = "config") -> TeamConfig:
    """The team, checked as a whole; InvalidInput names the field."""
    team = read_options(TeamConfig, config, where)
    ids = [step.id for step in team.steps]
    for number, step in enumerate(team.steps):
        place = f"{where}.steps.{number}"
        if step.id in ids[:number]:
            raise InvalidInput(f"two steps are called {step.id}", field=f"{place}.id")
        _check_step(step, set(ids) - {step.id}, place)
    if team.result and team.result not in ids:
        raise InvalidInput(f"there is no step {team.result}", field=f"{where}.result")
    try:
        TopologicalSorter(team.before()).prepare()
    except CycleError as error:
        way = " → ".join(error.args[1])
        raise InvalidInput(f"these steps wait for each other: {way}", field=f"{where}.steps") from error
    return team


def _check_step(step: Step, others: set[str], place: str) -> None:
    _check_who(step, place)
    if step.for_each and (step.copies > 1 or step.agents):
        raise InvalidInput("a step is done for each of a list, or in copies", field=f"{place}.copies")
    if step.review and not step.review.agent:
        raise InvalidInput("say who reviews", field=f"{place}.review.agent")
    names = {"needs": step.needs, "start": [step.start], "choose": [step.choose]}
    for field, named in names.items():
        for name in filter(None, named):
            if name not in others:
                raise InvalidInput(f"there is no other step {name}", field=f"{place}.{field}")
    _check_criteria(step, place)
    own = {"input"} | ({"item", "index"} if step.fans_out else set())
    _check_references(step.given(), others | own, f"{place}.input")
    _check_references(step.for_each, others | {"input"}, f"{place}.for_each")
    for field, order in (("review", step.review), ("repair", step.repair)):
        if order is not None:
            _check_references(order.given(), others | own | {"change", "findings"}, f"{place}.{field}.input")


def _check_who(step: Step, place: str) -> None:
    if [bool(step.agent), bool(step.agents), bool(step.choose)].count(True) != 1:
        raise InvalidInput("a step has one of agent, agents and choose", field=f"{place}.agent")
    if step.by == "person" and not step.choose:
        raise InvalidInput("only a choice is a person's", field=f"{place}.by")
    if step.choose and (step.fans_out or step.review or step.repair or step.acceptance or step.start):
        raise InvalidInput("a choice is made once, by what was proved already", field=f"{place}.choose")


def _check_criteria(step: Step, place: str) -> None:
    try:
        criteria(step.acceptance)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"{place}.{error.field}", hint=error.hint) from error


def _check_references(value: Any, known: set[str], place: str) -> None:
    for reference in references(value):
        if reference.partition(".")[0] not in known:
            raise InvalidInput(f"nothing is called {reference} here", field=place)


def references(value: Any) -> Iterator[str]:
    """Everything that is referred to in a text, or anywhere in an input."""
    if isinstance(value, str):
        yield from (match[1] for match in PLACEHOLDER.finditer(value))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def _named(step: Step) -> Iterator[str]:
    yield from filter(None, (step.start, step.choose))
    orders = (step, step.review, step.repair)
    for value in (step.for_each, *(order.given() for order in orders if order is not None)):
        yield from (reference.partition(".")[0] for reference in references(value))
