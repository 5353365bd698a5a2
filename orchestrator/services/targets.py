"""All targets a caller's task may run on, as one snapshot: MCP servers, agents, Spaces and the orchestrator's own work.

Used by the task service before every decision. Other people's private targets never enter a caller's snapshot, so no
account of a route can tell of them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Capability, parse_capability
from orchestrator.core.errors import CredentialsNeeded
from orchestrator.core.fresh import Fresh
from orchestrator.core.policy import Rule
from orchestrator.core.routing import Health, Pause, RegistrySnapshot, Target, TargetType
from orchestrator.mcp.capabilities import tools_for
from orchestrator.models import User, UserSpace
from orchestrator.models.database import Database
from orchestrator.models.quota import quota_waits
from orchestrator.services.learning import Estimates, Learning
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.tool_policy import ToolPolicy

AgentTargets = Callable[[UUID, UUID | None], Awaitable[Sequence[Target]]]
Waits = Mapping[str, Mapping[str, Any]]
"""By account: until when it takes no more."""

_FRESH_SECONDS = 1.0
_RECENT_SECONDS = 3.0
_LEARNED_SECONDS = 5.0
_MOST_KEPT = 1000


def _own_work(name: str, capability: str) -> Target:
    return Target(
        id=f"system:{name}",
        name=name.replace("-", " "),
        type=TargetType.ORACLE,
        capabilities=(Capability(capability),),
        task_types=frozenset({capability}),
        handles_heavy=True,
        handles_light=False,
        health=Health.HEALTHY,
        max_concurrency=1000,
    )


SYSTEM_TARGETS = (
    _own_work("graph-builder", "graph_build"),
    _own_work("project-sync", "project_sync"),
    _own_work("merge-queue", "merge"),
)
"""Work of the orchestrator itself that runs as tasks: same queue, same states, same events."""


class TargetDirectory:
    """Makes snapshots, and keeps each for a moment."""

    def __init__(
        self,
        database: Database,
        registry: McpRegistry,
        policy: ToolPolicy,
        agent_targets: AgentTargets,
        learning: Learning | None = None,
    ) -> None:
        self._estimates = Fresh(learning.read, _LEARNED_SECONDS) if learning is not None else None
        self._database = database
        self._registry = registry
        self._policy = policy
        self._agent_targets = agent_targets
        self._stats = Fresh(self._read_stats, _FRESH_SECONDS)
        self._kept: dict[tuple[UUID, UUID | None], Fresh[RegistrySnapshot]] = {}

    async def snapshot(self, user_id: UUID, project_id: UUID | None) -> RegistrySnapshot:
        """What there is for this user in this project, at most a second old."""
        return await self._keeper(user_id, project_id).get()

    async def recent(self, user_id: UUID, project_id: UUID | None) -> RegistrySnapshot:
        """The same, some seconds old at most: while tasks come one after the other, none waits for a newer one."""
        return await self._keeper(user_id, project_id).recent(_RECENT_SECONDS)

    def _keeper(self, user_id: UUID, project_id: UUID | None) -> Fresh[RegistrySnapshot]:
        key = (user_id, project_id)
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._forget()
            self._kept[key] = Fresh(lambda: self._make(user_id, project_id), _FRESH_SECONDS)
        return self._kept[key]

    async def stats(self) -> Mapping[str, Mapping[str, Any]]:
        """What was counted per target id."""
        return await self._stats.get()

    def refresh(self) -> None:
        """Forget every kept snapshot: something changed in this process."""
        self._forget()
        self._stats.forget()
        if self._estimates is not None:
            self._estimates.forget()
        self._registry.refresh()

    def _forget(self) -> None:
        for kept in self._kept.values():
            kept.forget()
        self._kept.clear()

    async def aclose(self) -> None:
        """Make nothing more; before the database is closed."""
        for kept in self._kept.values():
            await kept.settle()

    async def _make(self, user_id: UUID, project_id: UUID | None) -> RegistrySnapshot:
        # Read side by side: somebody who hands in a task waits for the slowest of these, not for all in turn.
        entries, agents, stats, known, (rows, settings, closed), _ = await asyncio.gather(
            self._registry.visible(user_id, [project_id] if project_id else None),
            self._agent_targets(user_id, project_id),
            self._stats.get(),
            self._learned(),
            self._of_user(user_id),
            self._policy.rules(),
        )
        spaces = [_space(row, user_id, stats) for row in rows]
        agents = [_as_it_stands(agent, stats, closed) for agent in agents]
        servers = [await self._server(user_id, project_id, entry, stats) for entry in entries]
        targets: tuple[Target, ...] = (*servers, *agents, *spaces, *SYSTEM_TARGETS)
        targets = tuple(replace(one, learned=known[one.id]) if one.id in known else one for one in targets)
        version, preferred = f"{time.time():.3f}", settings.get("preferred_target")
        return RegistrySnapshot(targets, version, preferred, learns=self._estimates is not None)

    async def _learned(self) -> Estimates:
        return await self._estimates.get() if self._estimates is not None else {}

    async def _of_user(self, user_id: UUID) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any], Waits]:
        """The user's Spaces and settings, and the accounts that take no more."""
        async with self._database.single() as connection:
            mine = select(UserSpace.__table__).where(UserSpace.user_id == user_id)
            spaces = (await connection.execute(mine)).mappings().all()
            settings = (await connection.execute(select(User.settings).where(User.id == user_id))).scalar()
            return [dict(row) for row in spaces], settings or {}, await quota_waits(connection)

    async def _server(
        self, user_id: UUID, project_id: UUID | None, entry: ServerEntry, stats: Mapping[str, Mapping[str, Any]]
    ) -> Target:
        """A server as this user may use it in this project: without what rules deny, or credentials that lack."""
        target = entry.target(stats.get(entry.target_id))
        denied = await self._denied(Caller(user_id, via="task"), project_id, entry)
        return replace(target, denied=denied, unavailable=await self._lacks(user_id, entry))

    async def _denied(self, caller: Caller, project_id: UUID | None, entry: ServerEntry) -> dict[str, str]:
        """The capabilities all of whose tools are denied, each with the rule that denies the likeliest one."""
        left = await self._policy.shown(caller, project_id, entry, entry.tools)
        if left is entry.tools:
            return {}
        kept = {tool.name for tool in left}
        denied: dict[str, str] = {}
        for capability in entry.capabilities:
            tools = tools_for(capability.name, entry.tools)
            if tools and not any(tool.name in kept for tool in tools):
                decision = await self._policy.decide(caller, entry, tools[0].name, project_id, tools[0])
                denied[capability.name] = _by_rule(capability.name, decision.rule)
        return denied

    async def _lacks(self, user_id: UUID, entry: ServerEntry) -> str:
        """What the user has to set or do before the server can be reached for them."""
        if not (entry.personal or entry.oauth):
            return ""
        try:
            await self._registry.definition(entry, user_id)
        except CredentialsNeeded as error:
            return f"needs credentials: {error.message}"
        return ""

    async def _read_stats(self) -> dict[str, Mapping[str, Any]]:
        async with self._database.single() as connection:
            return {row["target_id"]: dict(row) for row in (await connection.execute(_STATS)).mappings()}


def _space(row: Mapping[str, Any], user_id: UUID, stats: Mapping[str, Mapping[str, Any]]) -> Target:
    return Target(
        id=f"space:{row['id']}",
        name=row["space_id"],
        type=TargetType.USER_SPACE,
        capabilities=tuple(parse_capability(raw) for raw in row["capabilities"]),
        owner_id=str(user_id),
        handles_heavy=True,
        health=Health(row["health"]),
        running=int(stats.get(f"space:{row['id']}", {}).get("running", 0)),
        consented=row["consented_at"] is not None,
    )


def _as_it_stands(agent: Target, stats: Mapping[str, Mapping[str, Any]], closed: Waits) -> Target:
    """An agent with how it did, how much it runs, and until when its account takes no more."""
    running, succeeded, failed = (int(stats.get(agent.id, {}).get(n, 0)) for n in ("running", "succeeded", "failed"))
    agent = replace(agent, running=running, succeeded=succeeded, failed=failed)
    wait = closed.get(agent.account) if agent.account else None
    if wait is None:
        return agent
    until = f"{wait['until'].strftime('%Y-%m-%d %H:%M:%S')} UTC"
    return replace(agent, pause=Pause(agent.account, wait["seconds"], until))


def _by_rule(capability: str, rule: Rule | None) -> str:
    """The reason as a route tells it; the tool itself is not named to somebody who may not know it."""
    if rule is None:
        return f"{capability} is not shown here"
    why = f": {rule.reason}" if rule.reason else ""
    return f"{capability} is denied by rule {rule.id} of the {rule.level} level{why}"


async def count_targets(connection: AsyncConnection) -> None:
    """Count, per target, attempts that ended in the last week. Run by the monitor."""
    await connection.execute(_COUNT)


_STATS = text(
    """
    SELECT target_id, coalesce(s.succeeded, 0) AS succeeded, coalesce(s.failed, 0) AS failed,
        coalesce(r.running, 0) AS running
    FROM target_stats s FULL JOIN (
        SELECT target_id, count(*) AS running FROM tasks
        WHERE state = 'running' AND target_id IS NOT NULL GROUP BY target_id) r USING (target_id)
    """
)

_COUNT = text(
    """
    INSERT INTO target_stats (target_id, succeeded, failed, counted_at)
    SELECT target_id, count(*) FILTER (WHERE reason = 'ok'),
        count(*) FILTER (WHERE reason NOT IN (
            'ok', 'cancelled_by_user', 'invalid_input', 'lost_worker', 'quota', 'budget_exceeded')),
        now()
    FROM attempts WHERE target_id IS NOT NULL AND ended_at > now() - interval '7 days'
    GROUP BY target_id
    ON CONFLICT (target_id) DO UPDATE SET succeeded = excluded.succeeded, failed = excluded.failed,
        counted_at = excluded.counted_at
    """
)
