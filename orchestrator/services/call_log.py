"""Reading the record of tool calls: pages for people, statistics per server and tool, and letting old records go.

Used by the REST doors and the monitor. A person reads their own calls, an admin of a project those made in it, an admin
of the service all. Writing is ``call_audit``'s work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text

from orchestrator.core.call_record import ERRORS, Outcome
from orchestrator.core.caller import Caller
from orchestrator.core.fresh import Fresh
from orchestrator.models import CallRecord, Membership, Role, User
from orchestrator.models.database import Database

Row = Mapping[str, Any]

WINDOWS = {"1h": "1 hour", "24h": "1 day", "7d": "7 days", "30d": "30 days"}
"""Over how long statistics may go, and as the database says it."""
_FRESH_SECONDS = 5.0
_MOST_COUNTED = 100_000
_SWEPT_AT_ONCE = 10_000
_CALLS = CallRecord.__table__
_WHO = select(User.email).where(User.id == _CALLS.c.user_id).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Filters:
    """Which calls to read; what is None matches all."""

    user_id: UUID | None = None
    project_id: UUID | None = None
    server_id: UUID | None = None
    task_id: UUID | None = None
    tool: str | None = None
    door: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of a server, or of one tool of it."""

    calls: int = 0
    errors: int = 0
    refused: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    last_used: datetime | None = None


Stats = Mapping[tuple[UUID, str | None], Counted]
"""By server and tool; without a tool the server as a whole."""


class CallLog:
    """The record, for readers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stats = {window: self._kept(window) for window in WINDOWS}

    async def page(self, caller: Caller, filters: Filters, *, limit: int, offset: int) -> tuple[list[Row], int]:
        """Calls the caller may read, newest first, and how many there are (counted up to 100,000)."""
        wanted = and_(_readable_by(caller), *_matching(filters))
        # Whoever may read a call is its maker or administers what it was made in: they may know who made it.
        query = select(_CALLS, _WHO.label("user")).where(wanted).order_by(_CALLS.c.at.desc(), _CALLS.c.id.desc())
        counted = select(_CALLS.c.id).where(wanted).limit(_MOST_COUNTED).subquery()
        async with self._database.transaction() as connection:
            rows: list[Row] = [
                dict(row) for row in (await connection.execute(query.limit(limit).offset(offset))).mappings()
            ]
            total = (await connection.execute(select(func.count()).select_from(counted))).scalar_one()
        return rows, int(total)

    async def stats(self, window: str) -> Stats:
        """What was counted in a window of ``WINDOWS``; at most some seconds old."""
        return await self._stats[window].get()

    async def sweep(self, days: int) -> None:
        """Let go what is older; 0 keeps everything."""
        gone = _SWEPT_AT_ONCE if days else 0
        while gone == _SWEPT_AT_ONCE:
            async with self._database.transaction() as connection:
                gone = (await connection.execute(_SWEEP, {"days": days, "most": _SWEPT_AT_ONCE})).rowcount

    def _kept(self, window: str) -> Fresh[Stats]:
        return Fresh(lambda: self._count(window), _FRESH_SECONDS)

    async def _count(self, window: str) -> Stats:
        given = {"span": WINDOWS[window], "errors": sorted(ERRORS), "refused": Outcome.REFUSED}
        async with self._database.transaction() as connection:
            rows: Sequence[Any] = (await connection.execute(_COUNT, given)).all()
        return {
            (row.server_id, row.tool): Counted(
                row.calls, row.errors, row.refused, _rounded(row.p50), _rounded(row.p95), _rounded(row.p99), row.last
            )
            for row in rows
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _readable_by(caller: Caller) -> ColumnElement[bool]:
    if caller.is_admin:
        return _CALLS.c.id.is_not(None)
    admins = select(Membership.project_id).where(
        Membership.user_id == caller.user_id, Membership.role == Role.ADMIN.value
    )
    readable = or_(_CALLS.c.user_id == caller.user_id, _CALLS.c.project_id.in_(admins))
    # A token for one project tells of nothing else.
    return readable if caller.project_id is None else and_(readable, _CALLS.c.project_id == caller.project_id)


def _matching(filters: Filters) -> list[ColumnElement[bool]]:
    named = ("user_id", "project_id", "server_id", "task_id", "tool", "door", "outcome")
    wanted = [_CALLS.c[name] == value for name in named if (value := getattr(filters, name)) is not None]
    if filters.since is not None:
        wanted.append(_CALLS.c.at >= filters.since)
    if filters.until is not None:
        wanted.append(_CALLS.c.at < filters.until)
    return wanted


# How long a refused call took says nothing of the server.
_COUNT = text(
    """
    SELECT server_id, tool, count(*) AS calls, count(*) FILTER (WHERE outcome = ANY(:errors)) AS errors,
        count(*) FILTER (WHERE outcome = :refused) AS refused, max(at) AS last,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE outcome <> :refused) AS p50,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) FILTER (WHERE outcome <> :refused) AS p95,
        percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) FILTER (WHERE outcome <> :refused) AS p99
    FROM tool_calls WHERE at > now() - CAST(CAST(:span AS text) AS interval)
    GROUP BY GROUPING SETS ((server_id), (server_id, tool))
    """
)

_SWEEP = text(
    """
    DELETE FROM tool_calls WHERE id IN (
        SELECT id FROM tool_calls WHERE at < now() - make_interval(days => :days) ORDER BY at LIMIT :most)
    """
)
