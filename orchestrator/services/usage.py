"""What agents used, added up by day, project, agent or model, as far as a caller may see. Reads only.

Used by the REST doors. Attempts without a model count too: their time and their tool calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from orchestrator.core.caller import Caller
from orchestrator.models.database import Database

By = Literal["day", "project", "agent", "model"]

_KEYS: dict[By, str] = {
    "day": "to_char(a.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    "project": "coalesce(CAST(t.project_id AS text), '')",
    "agent": "a.target_id",
    "model": "coalesce(u.model, '')",
}
_LABELS: dict[By, str] = {"project": "max(p.name)", "agent": "max(c.name)"}


class UsageReport:
    """Sums."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sums(
        self, caller: Caller, by: By, *, days: int, project_id: UUID | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """The last ``days`` days of the caller's tasks and their projects', most expensive first, days in order."""
        key = _KEYS[by]
        order = "key" if by == "day" else "money DESC, tokens DESC, seconds DESC, key"
        values = {"user": caller.user_id, "project": project_id or caller.project_id, "days": days}
        query = text(_SUMS.format(key=key, label=_LABELS.get(by, "NULL"), order=order))
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(query, values)).mappings()]


_SUMS = """
    SELECT {key} AS key, {label} AS label, count(*) AS attempts, count(DISTINCT a.task_id) AS tasks,
        coalesce(sum(u.requests), 0) AS requests, coalesce(sum(u.input_tokens), 0) AS input_tokens,
        coalesce(sum(u.cached_tokens), 0) AS cached_tokens, coalesce(sum(u.output_tokens), 0) AS output_tokens,
        coalesce(sum(u.input_tokens + u.output_tokens), 0) AS tokens, coalesce(sum(u.tool_calls), 0) AS tool_calls,
        coalesce(sum(u.money), 0)::float8 AS money,
        coalesce(sum(u.input_tokens + u.output_tokens) FILTER (WHERE u.money IS NULL), 0) AS unpriced_tokens,
        sum(extract(epoch FROM coalesce(a.ended_at, clock_timestamp()) - a.started_at))::float8 AS seconds
    FROM attempts a JOIN tasks t ON t.id = a.task_id
    LEFT JOIN attempt_usage u ON u.task_id = a.task_id AND u.generation = a.generation
    LEFT JOIN projects p ON p.id = t.project_id
    LEFT JOIN custom_agents c ON a.target_id = 'agent:' || CAST(c.id AS text)
    WHERE a.target_id LIKE 'agent:%' AND a.started_at > clock_timestamp() - make_interval(days => :days)
        AND (CAST(:project AS uuid) IS NULL OR t.project_id = :project)
        AND (t.user_id = :user OR t.project_id IN (SELECT project_id FROM memberships WHERE user_id = :user))
    GROUP BY 1 ORDER BY {order} LIMIT 400
"""
