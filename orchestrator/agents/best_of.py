"""The built-in team that has several agents try the same thing, each for itself; a person, or the proof, chooses.

A team like any other, whose two steps are made from its input. Tasks that ask for several tries are handed to it by
``services.tries``.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from orchestrator.agents.base import AgentInfo, AgentKind
from orchestrator.agents.options import Options, read_options
from orchestrator.agents.team import TeamAgent
from orchestrator.agents.team_config import MOST_COPIES, TeamConfig, read_team
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import InvalidInput

BEST_OF = "agent:best-of"
_NAME = re.compile(r"[\w-]+")
_AgentId = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9:-]+$")]


class BestOf(Options):
    """What is tried, by whom, how often."""

    agents: list[_AgentId] = Field(min_length=1, max_length=MOST_COPIES, description="Who tries it; they take turns.")
    count: int = Field(0, ge=0, le=MOST_COPIES, description="How many tries; 0: one for each agent, two for one alone.")
    choose: Literal["person", "proof"] = Field("person", description="Who chooses among the proved tries.")
    prompt: str = Field("", max_length=50_000, description="What each agent is told.")
    input: dict[str, Any] = Field(default_factory=dict, description="Other fields of the agents' input.")


class BestOfAgent(TeamAgent):
    """Several tries, and one choice."""

    def __init__(self) -> None:
        about = (
            "Has several agents try the same, each in a tree of its own; you choose among the proved results, side by "
            "side."
        )
        info = AgentInfo(
            id=BEST_OF, name="Best of several tries", kind=AgentKind.TEAM, description=about,
            capabilities=(Capability("side_by_side"),), task_types=frozenset({"best_of"}), changes_code=True,
            example=_EXAMPLE,
        )  # fmt: skip
        super().__init__(info, _document(_EXAMPLE))

    def document(self, given: Mapping[str, Any]) -> TeamConfig:
        """The tries and the choice; InvalidInput names the field."""
        return _document(given)


_EXAMPLE = {"agents": ["agent:lint-fix", "agent:sort-imports"]}


def _document(given: Mapping[str, Any]) -> TeamConfig:
    wish = read_options(BestOf, given, "input")
    for name in wish.input:
        if not _NAME.fullmatch(name):
            raise InvalidInput("a field of the agents' input has another name", field=f"input.input.{name[:50]}")
    told = {name: f"{{{{input.input.{name}}}}}" for name in wish.input}
    told |= {"prompt": "{{input.prompt}}"} if wish.prompt else {}
    count = wish.count or max(2, len(wish.agents))
    tries = {"id": "try", "agents": wish.agents, "copies": count, "least": 1, "input": told, "prove": True}
    return read_team({"steps": [tries, {"id": "choice", "choose": "try", "by": wish.choose}]})
