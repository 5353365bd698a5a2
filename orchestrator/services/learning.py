"""Counts the evidence that routing learns from: how attempts came out, per target and kind of work. Run by the monitor.

An attempt that failed counts against its target; one that succeeded counts for it, more when its proof passed or its
change was merged, less when changes were asked for and the more words reviewers needed, and not at all when it was
rejected or undone. Deciding with it is ``core.routing``'s work.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import text

from orchestrator.core.learning import HALF_LIFE_DAYS, Estimate
from orchestrator.core.task_types import TASK_TYPES
from orchestrator.models.database import Database

Estimates = Mapping[str, Mapping[str, Estimate]]


class Learning:
    """Evidence."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> int:
        """Count anew; returns for how many pairs of a target and a kind of work there is evidence."""
        async with self._database.transaction() as connection:
            rows = [dict(row) for row in (await connection.execute(_EVIDENCE)).mappings()]
            pairs = _by_capability(rows)
            batch = [{"target_id": t, "capability": c, "good": g, "bad": b} for (t, c), (g, b) in sorted(pairs.items())]
            await connection.execute(_FORGET, {"batch": orjson.dumps(batch).decode()})
            await connection.execute(_STORE, {"batch": orjson.dumps(batch).decode()})
        return len(pairs)

    async def read(self) -> Estimates:
        """What was counted last, by target and kind of work."""
        found: dict[str, dict[str, Estimate]] = defaultdict(dict)
        async with self._database.single() as connection:
            for row in await connection.execute(text("SELECT * FROM target_estimates")):
                found[row.target_id][row.capability] = Estimate(row.good, row.bad)
        return found


def _by_capability(rows: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[float, float]]:
    pairs: dict[tuple[str, str], tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for row in rows:
        needs = [str(need["name"]) for need in row["needs"]]
        known = TASK_TYPES.get(row["type"])
        for name in needs or (known.capabilities if known and known.capabilities else (row["type"],)):
            good, bad = pairs[row["target_id"], name]
            pairs[row["target_id"], name] = (good + row["good"], bad + row["bad"])
    return pairs


_EVIDENCE = text(
    f"""
    WITH tried AS (
        SELECT a.task_id, a.generation, a.target_id, a.reason, t.type, t.required_capabilities AS needs,
            t.reason AS task_reason, t.generation AS latest,
            (SELECT m.action FROM merges m WHERE m.task_id = a.task_id AND m.generation = a.generation
                AND m.state = 'merged' ORDER BY m.finished_at DESC LIMIT 1) AS last_merge,
            power(0.5, extract(epoch FROM clock_timestamp() - a.ended_at)::float8 / 86400 / {HALF_LIFE_DAYS}) AS weight
        FROM attempts a JOIN tasks t ON t.id = a.task_id
        WHERE a.ended_at > clock_timestamp() - interval '90 days' AND a.target_id IS NOT NULL AND a.reason NOT IN (
            'cancelled_by_user', 'invalid_input', 'lost_worker', 'quota', 'budget_exceeded', 'consent_denied',
            'denied_by_policy', 'project_deleted', 'internal_error', 'paused')
    ), valued AS (
        SELECT x.*, CASE
            WHEN x.reason <> 'ok' OR (x.task_reason = 'rejected' AND x.generation = x.latest) THEN 0.0
            WHEN x.last_merge = 'undo' THEN 0.0
            WHEN x.last_merge = 'merge' THEN 1.0
            WHEN EXISTS (SELECT FROM reviews r WHERE r.task_id = x.task_id AND r.generation = x.generation
                AND r.verdict = 'request_changes') THEN 0.3
            WHEN EXISTS (SELECT FROM proofs p WHERE p.task_id = x.task_id AND p.generation = x.generation
                AND p.merge_id IS NULL AND p.verdict = 'passed') THEN 0.9
            ELSE 0.8 END / (1 + (
                SELECT coalesce(sum(1 + 2 * jsonb_array_length(r.comments)), 0) FROM reviews r
                WHERE r.task_id = x.task_id AND r.generation = x.generation AND r.agent_id IS NULL) / 60.0) AS value
        FROM tried x
    )
    SELECT target_id, type, needs, sum(weight * value)::float8 AS good, sum(weight * (1 - value))::float8 AS bad
    FROM valued GROUP BY target_id, type, needs
    """
)
"""Reviewers' minutes are estimated: one for a review, two for each comment on a line. An hour of them halves it."""

_FORGET = text(
    """
    DELETE FROM target_estimates e WHERE NOT EXISTS (
        SELECT FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(target_id text, capability text)
        WHERE x.target_id = e.target_id AND x.capability = e.capability)
    """
)

_STORE = text(
    """
    INSERT INTO target_estimates (target_id, capability, good, bad)
    SELECT * FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(
        target_id text, capability text, good float8, bad float8)
    ON CONFLICT (target_id, capability) DO UPDATE SET good = excluded.good, bad = excluded.bad,
        counted_at = clock_timestamp()
    """
)
