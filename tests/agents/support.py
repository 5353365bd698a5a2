"""What the tests of agents share: a context that notes what it is told, and small trees of files."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from orchestrator.agents.base import AgentContext, AgentLimits, Graph, Tools
from orchestrator.core.events import EventKind


class Told:
    """Events as an agent told them."""

    def __init__(self) -> None:
        self.events: list[tuple[EventKind, dict[str, Any]]] = []

    def __call__(self, kind: EventKind, **data: Any) -> None:
        self.events.append((kind, data))

    def of(self, kind: EventKind) -> list[dict[str, Any]]:
        return [data for told, data in self.events if told == kind]


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), newline="")
    return root


def context(
    root: Path | None = None,
    *,
    tell: Told | None = None,
    tools: Tools | None = None,
    graph: Graph | None = None,
    limits: AgentLimits | None = None,
    task_type: str = "test",
    **given: Any,
) -> AgentContext:
    return AgentContext(
        task_type, given, tell or Told(), root, tools=tools, graph=graph, limits=limits or AgentLimits(seconds=60)
    )
