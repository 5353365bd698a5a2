"""Tasks as people and agents ask for them: route and store, preview, read, cancel, retry, consent and answer.

Used by every door. A request is routed over the caller's snapshot first, then the task, its events, its route and its
outbox row are born in one transaction. Running tasks is ``run_task``'s work.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from orchestrator.core.batching import Batcher
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, IllegalTransition, NotFound
from orchestrator.core.events import Event, EventKind, NewEvent
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.core.routing import RegistrySnapshot, Route
from orchestrator.core.states import TERMINAL, Reason, TaskState
from orchestrator.core.task_types import check_task
from orchestrator.models import Role
from orchestrator.models.database import Database
from orchestrator.models.task_store import (
    NewTask,
    count_open,
    find_by_key,
    find_visible,
    latest_route,
    list_tasks,
    read_events,
)
from orchestrator.models.transitions import Transition
from orchestrator.services.access import ProjectAccess
from orchestrator.services.blobs import BlobStore
from orchestrator.services.families import Families
from orchestrator.services.placement import Placement, place
from orchestrator.services.stopping import Stopper
from orchestrator.services.targets import TargetDirectory
from orchestrator.services.task_router import TaskRouter
from orchestrator.services.task_shapes import (
    Row,
    TaskRequest,
    as_routed,
    born,
    handed_over,
    is_heavy,
    stored_as_routed,
    title_of,
)
from orchestrator.services.task_writer import Along, TaskWriter

__all__ = ["TaskLimits", "TaskRequest", "TaskService"]


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """Defaults for tasks that name none; seconds."""

    light_seconds: float = 300.0
    heavy_seconds: float = 3600.0
    attempts: int = 3
    quota_patience: float = 900.0
    """How long a task waits for the quota of its target before it goes to another."""


Known = Callable[[UUID, UUID | None], Awaitable[RegistrySnapshot]]
CheckBudget = Callable[[TaskRequest, UUID, str | None], Awaitable[None]]


async def _no_check(_: TaskRequest, __: UUID, ___: str | None) -> None:
    """For those who build no budgets."""


class TaskService:
    """Use cases around tasks."""

    def __init__(
        self,
        database: Database,
        writer: TaskWriter,
        targets: TargetDirectory,
        access: ProjectAccess,
        families: Families,
        stopper: Stopper,
        blobs: BlobStore,
        limits: TaskLimits,
    ) -> None:
        self._database = database
        self._writer = writer
        self._targets = targets
        self._access = access
        self._families = families
        self._stopper = stopper
        self._blobs = blobs
        self._limits = limits
        self._check_budget: CheckBudget = _no_check
        self._reads: Batcher[tuple[UUID, UUID], Row] = Batcher(self._read_many)

    def on_budget(self, check: CheckBudget) -> None:
        """Have the budget of every new task checked: it is refused where it could not be held."""
        self._check_budget = check

    async def create(self, caller: Caller, request: TaskRequest) -> Row:
        """Route and store a task; the row as it was born. The same idempotency key gives the same task again.

        InvalidInput names what no attempt could make good. An agent at work makes parts of its own task.
        """
        if caller.task_id is not None:
            request = await self._families.as_part(caller, request)
        if request.project_id is not None:
            await self._access.require(caller, request.project_id, Role.MEMBER)
        caller.require_project(request.project_id)
        check_task(request.type, request.input, request.acceptance, has_project=request.project_id is not None)
        for name in ("input", "acceptance", "budget", "title", "preferred_target", "idempotency_key"):
            check_storable(getattr(request, name), name)
        task = await self.prepare(caller, request)
        await self._check_budget(request, caller.user_id, task.target_id)
        if task.parent_id is not None:
            if await self._families.store(task, request.among):
                return await self.get(caller, task.id)
        elif await self._writer.create(task):
            return born(task)
        if task.parent_id and task.part and (there := await self._families.part_of(task.parent_id, task.part)):
            return await self.get(caller, there)
        async with self._database.transaction() as connection:
            existing = await find_by_key(connection, caller.user_id, task.idempotency_key or "")
        if existing is None:
            raise Conflict("the task could not be stored", field="idempotency_key")
        return await self.get(caller, existing)

    async def prepare(self, caller: Caller, request: TaskRequest) -> NewTask:
        """The routed task, ready to be stored; nothing is written."""
        heavy = is_heavy(request)
        route, placement = await self._routed(caller, request)
        default = self._limits.heavy_seconds if heavy else self._limits.light_seconds
        told: dict[str, Any] = {"type": request.type, "priority": request.priority, "is_heavy": heavy}
        if request.origin is not None:
            told["forked_from"] = {name: request.origin[name] for name in ("task_id", "event", "lost")}
        created = NewEvent(EventKind.CREATED, told)
        return NewTask(
            id=new_id(),
            user_id=caller.user_id,
            type=request.type,
            state=placement.state,
            timeout_seconds=request.timeout_seconds or default,
            events=(created, *placement.events),
            route=route.as_dict(),
            project_id=request.project_id,
            parent_id=request.parent_id,
            depth=request.depth,
            part=request.part,
            start_commit=request.start_commit,
            base_commit=request.base_commit,
            title=request.title or title_of(request),
            input=request.input,
            required_capabilities=[need.as_dict() for need in request.required_capabilities],
            acceptance=request.acceptance,
            budget=request.budget,
            consent=dict(request.consent),
            preferred_target=request.preferred_target,
            priority=request.priority,
            is_heavy=heavy,
            max_attempts=request.max_attempts or self._limits.attempts,
            idempotency_key=request.idempotency_key,
            reason=placement.reason,
            waiting_for=placement.waiting_for,
            error=placement.error,
            target_id=placement.target[0] if placement.target else None,
            target_type=placement.target[1] if placement.target else None,
            delivery=placement.delivery,
            quota_account=placement.account,
            wakes_at=placement.wakes_at,
            origin=request.origin,
        )

    async def preview(self, caller: Caller, request: TaskRequest) -> Route:
        """How the task would be routed right now; nothing is stored."""
        return await self._route(caller, request, self._targets.snapshot)

    async def _routed(self, caller: Caller, request: TaskRequest) -> tuple[Route, Placement]:
        """By what was known some seconds ago, where that queues it: the claim and the gate look at what is true then.

        Whatever else becomes of it is decided by what is known now.
        """
        heavy, priority, depth = is_heavy(request), request.priority, request.depth
        for known in (self._targets.recent, self._targets.snapshot):
            route = await self._route(caller, request, known)
            placement = place(route, is_heavy=heavy, priority=priority, depth=depth)
            if placement.state == TaskState.QUEUED:
                break
        return route, placement

    async def _route(self, caller: Caller, request: TaskRequest, known: Known) -> Route:
        if request.project_id is not None:
            await self._access.require(caller, request.project_id, Role.VIEWER)
        snapshot = await known(caller.user_id, request.project_id)
        task = as_routed(request, caller.user_id, patience=self._limits.quota_patience)
        return TaskRouter(snapshot).route_task(task)

    async def get(self, caller: Caller, task_id: UUID) -> Row:
        """One visible task. Reads that come together are answered by one query."""
        row = await self._reads.submit((task_id, caller.user_id))
        caller.require_project(row["project_id"])
        if caller.task_id is not None:
            await self._families.require(caller, task_id)
        return row

    async def page(
        self,
        caller: Caller,
        *,
        project_id: UUID | None = None,
        states: Sequence[str] = (),
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Row], int]:
        """A page of visible tasks, newest first, and the total."""
        caller.require_person()
        async with self._database.transaction() as connection:
            return await list_tasks(
                connection, caller.user_id, project_id=project_id or caller.project_id, states=states, limit=limit,
                offset=offset,
            )  # fmt: skip

    async def count_open(self) -> dict[str, int]:
        """How many tasks of the installation have not ended, by state."""
        async with self._database.transaction() as connection:
            return await count_open(connection)

    async def route_of(self, caller: Caller, task_id: UUID) -> dict[str, Any]:
        """The stored decision in force."""
        await self.get(caller, task_id)
        async with self._database.transaction() as connection:
            return await latest_route(connection, task_id) or {}

    async def events_of(self, caller: Caller, task_id: UUID, after: int = 0, limit: int = 500) -> list[Event]:
        """Stored events numbered above ``after``."""
        await self.get(caller, task_id)
        async with self._database.transaction() as connection:
            return await read_events(connection, task_id, after, limit)

    async def result_of(self, caller: Caller, task_id: UUID) -> bytes | dict[str, Any]:
        """The whole result: the stored value, or the bytes its pointer names."""
        row = await self.get(caller, task_id)
        if row["result_pointer"]:
            return await self._blobs.read(row["result_pointer"])
        if row["result"] is None:
            raise NotFound(f"the task is {row['state']} and has no result")
        return dict(row["result"])

    async def cancel(self, caller: Caller, task_id: UUID) -> Row:
        """Stop a task: at once when nothing runs it, else by asking its worker."""
        row = await self.writable(caller, task_id)
        if caller.task_id == task_id:
            raise Forbidden("an agent stops parts of its task, not the task itself")
        while TaskState(row["state"]) not in TERMINAL:
            try:
                await self._stopper.stop(task_id, TaskState(row["state"]), by=str(caller.user_id))
            except IllegalTransition:
                # It moved between our look and our step: a worker took it, or it ended. What it is now decides.
                row = await self.get(caller, task_id)
            else:
                return await self.get(caller, task_id)
        raise IllegalTransition(f"the task is already {row['state']}", details={"state": row["state"]})

    async def retry(self, caller: Caller, task_id: UUID) -> Row:
        """Route a failed or cancelled task again and queue it."""
        caller.require_person()
        row = await self.writable(caller, task_id)
        if row["state"] not in (TaskState.FAILED, TaskState.CANCELLED):
            raise IllegalTransition(f"a task that is {row['state']} cannot be retried", details={"state": row["state"]})
        if row["parent_id"] is not None:
            await self._families.may_go_on(row["parent_id"])
        return await self._again(caller, row, row["consent"], more_attempts=self._limits.attempts)

    async def reopen(self, caller: Caller, row: Row, told: tuple[NewEvent, ...], along: Along) -> Row:
        """Go on with a task that rested or was sent back; ``along`` is written in the same transaction."""
        caller.require_person()
        more = self._limits.attempts
        return await self._again(caller, row, row["consent"], told=told, more_attempts=more, along=along)

    async def consent(
        self, caller: Caller, task_id: UUID, *, grant: bool, patch: Mapping[str, bool], always: bool = False
    ) -> Row:
        """Answer a task that awaits consent; a refusal ends it. ``always``: the task's own user agrees for good."""
        caller.require_person()
        row = await self.writable(caller, task_id)
        _require_state(row, TaskState.AWAITING_CONSENT, "awaits no consent")
        answered = NewEvent(EventKind.ANSWERED, {"by": str(caller.user_id), "granted": grant})
        more = self._limits.attempts if row["consent"].get("tool_call_granted") is False else 0
        if more:  # an attempt asked, and should not count
            patch = {"tool_call_granted": True, "tool_call_always": always and caller.user_id == row["user_id"]}
        if grant:
            return await self._again(caller, row, {**row["consent"], **patch}, told=(answered,), more_attempts=more)
        reason = Reason.CONSENT_DENIED
        error = {"code": reason, "message": f"refused: {row['waiting_for']}"}
        told = NewEvent(EventKind.FAILED, {"reason": reason, "error": error})
        ended = Transition(task_id, TaskState.FAILED, (answered, told), reason=reason, error=error)
        await self._writer.apply(replace(ended, expect=frozenset({TaskState.AWAITING_CONSENT})))
        return await self.get(caller, task_id)

    async def answer(self, caller: Caller, task_id: UUID, text: str) -> Row:
        """Answer a task that awaits input; it is queued again with the answer in its input."""
        caller.require_person()
        row = await self.writable(caller, task_id)
        _require_state(row, TaskState.AWAITING_INPUT, "awaits no input")
        check_storable(text, "text")
        given = {**row["input"], "answers": [*row["input"].get("answers", []), text]}
        told = (NewEvent(EventKind.ANSWERED, {"by": str(caller.user_id)}),)
        more = self._limits.attempts
        return await self._again(caller, row, row["consent"], told=told, given=given, more_attempts=more)

    async def go_on(self, row: Row, told: tuple[NewEvent, ...], along: Along) -> Row:
        """Go on with a task that rested; ``along`` is written in the same transaction."""
        return await self.reopen(Caller(row["user_id"]), row, told, along)

    async def reroute(self, row: Row) -> None:
        """Try again to place a task that is pending; for the monitor. Leaves it as it is while nothing changed.

        Raises Conflict when what was free a moment ago is taken, or the task moved meanwhile.
        """
        caller = Caller(row["user_id"])
        route, placement = await self._placed(caller, row, row["consent"])
        if placement.delivery:
            placement = replace(placement, delivery=replace(placement.delivery, admitted=True))
        in_line = placement.state == TaskState.PENDING and placement.target == (row["target_id"], row["target_type"])
        if not in_line or placement.account != row["quota_account"] or placement.account:
            await self._move(row, route, replace(placement, events=(*handed_over(row, route), *placement.events)))

    async def _again(
        self,
        caller: Caller,
        row: Row,
        consent: dict[str, Any],
        *,
        told: tuple[NewEvent, ...] = (),
        given: dict[str, Any] | None = None,
        more_attempts: int = 0,
        along: Along | None = None,
    ) -> Row:
        route, placement = await self._placed(caller, row, consent)
        if placement.state == TaskState.FAILED:
            raise Conflict("no target can carry this task out", hint=" | ".join(route.would_help))
        patch = {"consent": consent} | ({"input": given} if given is not None else {})
        placement = replace(placement, events=(*told, *placement.events))
        await self._move(row, route, placement, along, patch=patch, more_attempts=more_attempts)
        return await self.get(caller, row["id"])

    async def _placed(self, caller: Caller, row: Row, consent: Mapping[str, Any]) -> tuple[Route, Placement]:
        snapshot = await self._targets.snapshot(row["user_id"], row["project_id"])
        task = stored_as_routed(row, consent, patience=self._limits.quota_patience)
        route = TaskRouter(snapshot).route_task(task)
        return route, place(route, is_heavy=row["is_heavy"], priority=row["priority"], depth=row["depth"])

    async def _move(
        self, row: Row, route: Route, placement: Placement, along: Along | None = None, **more: Any
    ) -> None:
        step = Transition(
            row["id"],
            placement.state if placement.state != row["state"] else None,
            placement.events,
            reason=placement.reason,
            waiting_for=placement.waiting_for,
            error=placement.error,
            delivery=placement.delivery,
            target=placement.target,
            account=placement.account,
            wakes_at=placement.wakes_at,
            route=route.as_dict(),
            expect=frozenset({TaskState(row["state"])}),
            **more,
        )
        await (self._writer.apply_along(step, along) if along else self._writer.apply(step))

    async def writable(self, caller: Caller, task_id: UUID) -> Row:
        """One task that the caller may move: their own, or one of a project they are a member of."""
        row = await self.get(caller, task_id)
        if row["project_id"] is not None and row["user_id"] != caller.user_id:
            await self._access.require(caller, row["project_id"], Role.MEMBER)
        return row

    async def _read_many(self, pairs: Sequence[tuple[UUID, UUID]]) -> Sequence[Row | Exception]:
        async with self._database.single() as connection:
            found = await find_visible(connection, list(set(pairs)))
        return [found[pair] if pair in found else NotFound("no such task") for pair in pairs]


def _require_state(row: Row, state: TaskState, otherwise: str) -> None:
    if row["state"] != state:
        raise IllegalTransition(f"the task is {row['state']} and {otherwise}", details={"state": row["state"]})
