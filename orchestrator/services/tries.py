"""Several tries at one task: how a task asks for them, and how they stand side by side for whoever chooses.

Used by the task doors and the doors of teams. The tries are parts of a team's task (``agents.best_of``, or a team with
a step that chooses); what a person answers is ``decisions``' matter. Nothing is stored here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from orchestrator.agents.best_of import BEST_OF
from orchestrator.agents.team_config import Step, read_team
from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.core.states import TaskState
from orchestrator.models.database import Database
from orchestrator.services.agent_service import AgentService
from orchestrator.services.task_service import TaskRequest, TaskService
from orchestrator.services.task_shapes import title_of

Row = Mapping[str, Any]

_COSTS = ("money", "tokens", "tool_calls", "seconds")


@dataclass(frozen=True, slots=True)
class Choice:
    """A step that chooses, with the tries it chooses from. ``chosen`` is the part, once that is decided."""

    step: str
    by: str
    chosen: str | None
    is_open: bool
    tries: Sequence[Row]


class Tries:
    """Reads and asks for tries."""

    def __init__(self, database: Database, tasks: TaskService, agents: AgentService) -> None:
        self._database = database
        self._tasks = tasks
        self._agents = agents

    async def ask_for(self, caller: Caller, request: TaskRequest, wish: Mapping[str, Any]) -> TaskRequest:
        """The request as one for several tries; InvalidInput or NotFound names what cannot be tried."""
        names = list(wish["agents"]) or [await self._routed(caller, request)]
        for number, name in enumerate(names):
            agent = (await self._agents.get(name, caller)).agent
            if not agent.info.changes_code:
                where = f"tries.agents.{number}"
                raise InvalidInput(f"{agent.info.name} changes no code: there is nothing to compare", field=where)
            agent.check(request.input)
        given = {"agents": names, "count": wish["count"], "choose": wish["choose"], "input": request.input}
        return replace(
            request, type="best_of", input=given, preferred_target=BEST_OF, required_capabilities=(),
            title=request.title or title_of(request),
        )  # fmt: skip

    async def of_task(self, caller: Caller, task_id: UUID) -> Sequence[Choice]:
        """What there is, or was, to choose from, by the steps that choose; NotFound for a task that is no team's."""
        task = await self._tasks.get(caller, task_id)
        async with self._database.transaction() as connection:
            document = (await connection.execute(_DOCUMENT, {"task": task_id})).scalar()
            if document is None:
                raise NotFound("no team has begun this task", field="task_id")
            parts = [dict(row) for row in (await connection.execute(_PARTS, {"task": task_id})).mappings()]
            asked = {row.step: row for row in await connection.execute(_ASKED, {"task": task_id})}
        done = ((task["result"] or {}).get("data") or {}).get("steps") or {}
        choices = []
        for step in read_team(document).steps:
            if step.choose:
                question, by_proof = asked.get(step.id), done.get(step.id) or [{}]
                is_open = task["state"] == TaskState.AWAITING_INPUT and question is not None and not question.outcome
                chosen = (question.answer if question is not None else None) or by_proof[0].get("part")
                choices.append(Choice(step.id, step.by, chosen, is_open, _tries(step, parts)))
        return choices

    async def _routed(self, caller: Caller, request: TaskRequest) -> str:
        route = await self._tasks.preview(caller, request)
        if route.target_id is None or not route.target_id.startswith("agent:"):
            raise InvalidInput("no agent would carry this task out by itself: name some", field="tries.agents")
        return route.target_id


def _tries(step: Step, parts: Sequence[Row]) -> list[Row]:
    """The last part of each try, with what the whole try used: what was mended counts, reviews cost."""
    found: dict[str, dict[str, Any]] = {}
    for row in parts:
        name = row["part"].partition(".")[0]
        if name.partition("[")[0] != step.choose:
            continue
        before = found.get(name)
        sums = {key: _sum(before[key] if before else None, row[key]) for key in _COSTS}
        shown = before if before is not None and ".review." in row["part"] else row
        found[name] = {**shown, **sums}
    return [found[name] for name in sorted(found, key=lambda one: (len(one), one))]


def _sum(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other


_DOCUMENT = text("SELECT document FROM team_runs WHERE task_id = :task")

_PARTS = text(
    """
    SELECT t.id, t.part, t.state, t.reason, t.target_id, t.generation, t.waiting_for, t.result ->> 'summary' AS summary,
        t.error ->> 'message' AS error, c.base_commit, c.commit, c.branch, c.files, c.added, c.removed,
        u.money, u.tokens, u.tool_calls, a.seconds,
        coalesce((SELECT jsonb_agg(jsonb_build_object('name', p.name, 'kind', p.kind, 'verdict', p.verdict,
            'why', p.why, 'seconds', p.seconds) ORDER BY p.number) FROM proofs p WHERE p.task_id = t.id
            AND p.generation = t.generation AND p.merge_id IS NULL), '[]') AS proof
    FROM tasks t
    LEFT JOIN LATERAL (SELECT * FROM changes WHERE task_id = t.id ORDER BY generation DESC LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT sum(money) AS money, sum(input_tokens + output_tokens)::bigint AS tokens,
        sum(tool_calls)::bigint AS tool_calls FROM attempt_usage WHERE task_id = t.id) u ON true
    LEFT JOIN LATERAL (SELECT sum(extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at))::float8
        AS seconds FROM attempts WHERE task_id = t.id) a ON true
    WHERE t.parent_id = :task AND t.part IS NOT NULL ORDER BY t.created_at, t.id
    """
)

_ASKED = text(
    """
    SELECT DISTINCT ON (about) split_part(about, ':', 2) AS step, outcome, answer FROM agent_questions
    WHERE task_id = :task AND about LIKE 'choice:%' ORDER BY about, asked_at DESC
    """
)
"""The newest question of each step that lets a person choose."""
