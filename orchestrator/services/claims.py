"""Claims of agents on the code they work on: leases that end with the attempt, refused with who holds what.

Used by the agents' own tools and the doors that show claims. What an agent claims counts as touched by its task, so
that others who would change it wait; whoever runs already is refused the claim. Parts may claim what a task above them
holds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, InvalidInput
from orchestrator.core.overlap import Footprint
from orchestrator.core.states import TaskState
from orchestrator.models.claims import add_claims, claimed, drop_claims, standing_claims
from orchestrator.models.database import Database
from orchestrator.models.families import chain
from orchestrator.models.grounds import lock_grounds
from orchestrator.models.task_store import find_task
from orchestrator.services.access import ProjectAccess
from orchestrator.services.footprints import Footprints

Row = Mapping[str, Any]

MOST_CLAIMS = 500
_SHOWN = 20


class Claims:
    """Who keeps which code for themselves."""

    def __init__(
        self,
        database: Database,
        access: ProjectAccess,
        footprints: Footprints,
        left: Callable[[Sequence[UUID]], None],
    ) -> None:
        self._database = database
        self._access = access
        self._footprints = footprints
        self._left = left

    async def claim(self, caller: Caller, symbols: Sequence[str], paths: Sequence[str]) -> Footprint:
        """Keep all of these for the agent's attempt, or none: Conflict says who holds what."""
        project_id = _about(caller)
        wanted = await self._footprints.exactly(project_id, symbols, paths)
        if wanted.is_empty:
            raise InvalidInput("name symbols or paths to claim", field="symbols")
        async with self._database.transaction() as connection:
            await lock_grounds(connection, [str(project_id)])
            assert caller.task_id is not None
            task = await find_task(connection, caller.task_id)
            if task is None or task["state"] != TaskState.RUNNING or task["cancel_requested_at"] is not None:
                raise Conflict("only an agent at work can claim code")
            above = {row["id"] for row in await chain(connection, caller.task_id)}
            standing = await standing_claims(connection, [str(project_id)])
            _refuse_held(wanted, [row for row in standing if row["task_id"] not in above])
            mine = sum(1 for row in standing if row["task_id"] == caller.task_id)
            if mine + len(wanted.symbols) + len(wanted.paths) > MOST_CLAIMS:
                raise Conflict(f"no task claims more than {MOST_CLAIMS} names", details={"limit": "claims"})
            await add_claims(connection, task, wanted)
        return wanted

    async def release(self, caller: Caller) -> int:
        """Give back all that the agent's task claimed, and let those go on who wait for it."""
        _about(caller)
        assert caller.task_id is not None
        async with self._database.transaction() as connection:
            dropped = await drop_claims(connection, caller.task_id)
        self._left([caller.task_id])
        return dropped

    async def standing(self, caller: Caller, project_id: UUID) -> list[Row]:
        """Every claim in force in a project the caller belongs to."""
        await self._access.require(caller, project_id)
        async with self._database.transaction() as connection:
            return await standing_claims(connection, [str(project_id)])


def _about(caller: Caller) -> UUID:
    if caller.task_id is None:
        raise InvalidInput("code is claimed by agents at work on a task; a person's tasks wait by themselves")
    if caller.project_id is None:
        raise InvalidInput("this task is about no project: there is no code to claim", field="project_id")
    return caller.project_id


def _refuse_held(wanted: Footprint, others: Sequence[Row]) -> None:
    held = []
    rows = {row["task_id"]: row for row in others}
    for task_id, theirs in claimed(others).items():
        common = wanted.common(theirs)
        if common:
            row = rows[task_id]
            held.append({
                "task_id": str(task_id), "agent": row["target_id"], "title": str(row["title"])[:200],
                "common": common[:_SHOWN],
            })  # fmt: skip
    if held:
        first = held[0]
        raise Conflict(
            f"{first['common'][0]} is claimed by {first['agent']} for task {first['task_id']}", field="symbols",
            hint="work on something else, or ask again later: a claim ends with its attempt", details={"held": held},
        )  # fmt: skip
