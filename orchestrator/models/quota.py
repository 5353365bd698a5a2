"""One breaker for each provider's account, for all processes: until when it takes no more, and who tries first then.

Used by ``models.transitions`` for every claim that names an account, and by ``services.quota``. Claims share a lock
with each other and exclude whoever notes a stop, so no attempt starts once a stop is stored. When the time has passed,
one attempt tries; the others follow once that went well, or after a while in which nothing bad was heard of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.models.base import Base

TRIAL_SECONDS = 20.0
_LOOK_SECONDS = 2.0


class QuotaWait(Base):
    """An account that takes no more. A row whose time and trial have passed says nothing any more."""

    __tablename__ = "quota_waits"

    account: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    why: Mapped[str] = mapped_column(default="", server_default="")
    stops: Mapped[int] = mapped_column(default=1, server_default="1")
    """How often it said so in a row."""
    trial_until: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A claim that must wait for an account. ``wakes_at``: when its task is looked at again."""

    account: str
    until: datetime
    wakes_at: datetime

    @property
    def in_words(self) -> str:
        """What ``waiting_for`` says."""
        return quota_of(self.account, self.until)


def quota_of(account: str, until: datetime) -> str:
    """What a task waits for whose agent's account takes no more."""
    return f"quota of {account} until {until.strftime('%Y-%m-%d %H:%M:%S')} UTC"


async def note_stop(
    connection: AsyncConnection, account: str, seconds: float | None, *, default: float, why: str
) -> datetime:
    """The account takes no more for so long; a provider that names no time is given more of it each time it refuses."""
    await connection.execute(_LOCK, {"accounts": [account]})
    values = {"account": account, "seconds": seconds, "default": default, "why": why}
    until: datetime = (await connection.execute(_STOP, values)).scalar_one()
    return until


async def note_answer(connection: AsyncConnection, account: str) -> bool:
    """An agent of the account ended without hearing a stop; whether that was waited for."""
    return bool((await connection.execute(_ANSWER, {"account": account})).rowcount)


async def lift(connection: AsyncConnection, account: str) -> bool:
    """Forget what the account said; whether there was anything."""
    return bool((await connection.execute(_LIFT, {"account": account})).rowcount)


async def quota_waits(connection: AsyncConnection) -> dict[str, Mapping[str, Any]]:
    """Accounts that take nothing now, by name."""
    return {row["account"]: dict(row) for row in (await connection.execute(_CLOSED)).mappings()}


async def hold_back(connection: AsyncConnection, asking: Mapping[UUID, str]) -> dict[UUID, HeldBack]:
    """Which of these tasks must wait for their account (task to account); the others may start."""
    if not asking:
        return {}
    await connection.execute(_LOCK_SHARED, {"accounts": sorted(set(asking.values()))})
    found = await connection.execute(_STATES, {"accounts": sorted(set(asking.values()))})
    held: dict[UUID, HeldBack] = {}
    states = {row["account"]: dict(row) for row in found.mappings()}
    for task, account in asking.items():
        state = states.get(account)
        if state is None:
            continue
        if state["closed"]:
            held[task] = HeldBack(account, state["until"], state["now"])
        elif state["trial_until"] is None and (await connection.execute(_TRY, {"account": account})).rowcount:
            state["trial_until"], state["trying"] = state["soon"], True
        elif state["trial_until"] is None or state["trying"]:
            held[task] = HeldBack(account, state["soon"], state["soon"])
    return held


_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('quota:' || x, 0)) FROM unnest(CAST(:accounts AS text[])) AS x"
)
_LOCK_SHARED = text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('quota:' || x, 0))"
    " FROM unnest(CAST(:accounts AS text[])) AS x"
)

_STOP = text(
    """
    INSERT INTO quota_waits AS q (account, until, why)
    VALUES (:account, clock_timestamp() + make_interval(
        secs => coalesce(CAST(:seconds AS float8), CAST(:default AS float8))), :why)
    ON CONFLICT (account) DO UPDATE SET
        until = CASE WHEN q.until > clock_timestamp() THEN greatest(q.until, excluded.until)
            WHEN CAST(:seconds AS float8) IS NOT NULL THEN excluded.until
            ELSE clock_timestamp() + make_interval(
                secs => least(3600, CAST(:default AS float8) * 2 ^ least(q.stops, 12))) END,
        stops = CASE WHEN q.until > clock_timestamp() THEN q.stops ELSE q.stops + 1 END,
        since = CASE WHEN q.until > clock_timestamp() THEN q.since ELSE clock_timestamp() END,
        why = excluded.why, trial_until = NULL
    RETURNING until
    """
)

_ANSWER = text("DELETE FROM quota_waits WHERE account = :account AND until <= clock_timestamp()")

_LIFT = text("DELETE FROM quota_waits WHERE account = :account")

_CLOSED = text(
    """
    SELECT account, until, since, why, stops, extract(epoch FROM until - clock_timestamp())::float8 AS seconds
    FROM quota_waits WHERE until > clock_timestamp() ORDER BY account
    """
)

_STATES = text(
    f"""
    SELECT account, until, trial_until, until > clock_timestamp() AS closed, trial_until > clock_timestamp() AS trying,
        clock_timestamp() AS now, clock_timestamp() + make_interval(secs => {_LOOK_SECONDS}) AS soon
    FROM quota_waits WHERE account = ANY(CAST(:accounts AS text[]))
    """
)

_TRY = text(
    f"""
    UPDATE quota_waits SET trial_until = clock_timestamp() + make_interval(secs => {TRIAL_SECONDS})
    WHERE account = :account AND trial_until IS NULL AND until <= clock_timestamp()
    """
)
