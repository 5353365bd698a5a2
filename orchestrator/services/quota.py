"""The breakers of providers' accounts: who said stop until when, and which tasks wait for that.

Used by runners before an attempt starts, by ``run_agent`` when a provider says stop, and by the REST doors. The table
is the truth, for all processes; whether an attempt may start is ``models.quota``'s decision, made with the claim.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, NotFound, QuotaReached, Unavailable
from orchestrator.core.states import TaskState
from orchestrator.models.database import Database
from orchestrator.models.quota import lift, note_answer, note_stop, quota_of, quota_waits
from orchestrator.models.transitions import Transition
from orchestrator.services.agent_service import AgentService
from orchestrator.services.task_rows import TaskRows
from orchestrator.services.task_writer import TaskWriter

log = structlog.get_logger(__name__)

_WHY_CHARS = 500
_HEARD = "The provider takes no more now."


class Quota:
    """Use cases around accounts. ``default_seconds``: how long to wait where a provider names no time."""

    def __init__(
        self, database: Database, rows: TaskRows, writer: TaskWriter, agents: AgentService, *, default_seconds: float
    ) -> None:
        self._database = database
        self._rows = rows
        self._writer = writer
        self._agents = agents
        self._default = default_seconds

    async def account_of(self, task_id: UUID) -> str | None:
        """The account that the next attempt at a task would use; None where nobody is paid."""
        row = await self._rows.find(task_id)
        if row is None or not str(row["target_id"]).startswith("agent:"):
            return None
        try:
            entry = await self._agents.find(str(row["target_id"]), row["user_id"])
        except NotFound:
            return None  # the attempt will say so
        return entry.agent.info.account or None

    async def check(self, account: str) -> None:
        """Raise QuotaReached while the account takes no more: the last look before an agent starts."""
        async with self._database.single() as connection:
            closed = (await quota_waits(connection)).get(account)
        if closed is not None:
            until = closed["until"]
            details = {"account": account, "until": until.isoformat(), "retry_after": closed["seconds"]}
            raise QuotaReached(f"waiting for {quota_of(account, until)}", details=details)

    async def stopped(self, account: str, stop: QuotaReached) -> None:
        """A provider said stop to an agent of this account: nobody starts until the time that ``stop`` then says."""
        seconds = stop.details.get("retry_after")
        async with self._database.transaction() as connection:
            until = await note_stop(
                connection, account, seconds, default=self._default, why=stop.message[:_WHY_CHARS].replace("\0", "")
            )
        stop.details |= {"account": account, "until": until.isoformat()}
        log.warning("quota_reached", account=account, until=until.isoformat())

    async def heard(self, account: str, seconds: float) -> None:
        """A provider says stop this very moment; ``stopped`` follows once the agent that heard it has ended."""
        try:
            async with self._database.transaction() as connection:
                await note_stop(connection, account, seconds, default=self._default, why=_HEARD)
        except Unavailable as error:
            log.warning("stop_is_noted_later", account=account, why=error.message)

    async def answered(self, account: str) -> None:
        """An agent of the account ended well; whoever waited for its trial goes on."""
        async with self._database.transaction() as connection:
            waited = await note_answer(connection, account)
        if waited:
            await self._wake(account)

    async def page(self, caller: Caller) -> Sequence[Mapping[str, Any]]:
        """The accounts of the caller's agents that take no more now, each with who uses it and how much waits."""
        users = await self._users(caller)
        async with self._database.transaction() as connection:
            closed = await quota_waits(connection)
            found = await connection.execute(_WAITING, {"user": caller.user_id, "accounts": list(closed)})
            waiting = {row.quota_account: row.n for row in found}
        return [
            {**row, "agents": users[account], "tasks": waiting.get(account, 0)}
            for account, row in closed.items()
            if account in users
        ]

    async def lift(self, caller: Caller, account: str) -> None:
        """Try the account again now. One's own; those of built-in agents are an admin's to try."""
        users = await self._users(caller)
        if account not in users:
            raise NotFound("none of your agents uses such an account", field="account")
        entries = [await self._agents.get(agent, caller) for agent in users[account]]
        if not caller.is_admin and any(not entry.custom for entry in entries):
            raise Forbidden("built-in agents use this account: only an admin of the service may try it again")
        async with self._database.transaction() as connection:
            if not await lift(connection, account):
                raise NotFound("this account is not waited for", field="account")
        await self._wake(account)

    async def _users(self, caller: Caller) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {}
        for entry in await self._agents.list(caller):
            if entry.agent.info.account:
                users.setdefault(entry.agent.info.account, []).append(entry.id)
        return users

    async def _wake(self, account: str) -> None:
        """Whoever waits for the account is routed again at the next look."""
        now = datetime.now(UTC) - timedelta(seconds=1)
        async with self._database.transaction() as connection:
            tasks = list((await connection.execute(_PARKED, {"account": account})).scalars())
        for task_id in tasks:
            step = Transition(task_id, None, wakes_at=now, expect=frozenset({TaskState.PENDING}))
            try:
                await self._writer.apply(step)
            except (Conflict, NotFound) as error:
                log.debug("not_woken", task_id=str(task_id), why=error.message)


_WAITING = text(
    """
    SELECT quota_account, count(*) AS n FROM tasks
    WHERE state = 'pending' AND user_id = :user AND quota_account = ANY(:accounts) GROUP BY quota_account
    """
)

_PARKED = text(
    "SELECT id FROM tasks WHERE state = 'pending' AND quota_account = :account ORDER BY priority DESC, created_at"
)
