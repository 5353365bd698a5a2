"""Questions of agents and their answers, and what people tell a running agent meanwhile. The table is the truth.

Used by the REST doors (asked, answered, told) and by ``agent_people`` (asking, hearing). Redis only wakes who waits. A
question is open until somebody answers, its deadline passes, or its attempt is over. What is asked while a task rests
is shown here and answered by ``decisions``.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, insert, or_, select, update

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.core.states import TaskState
from orchestrator.eventlog.wake import Wake
from orchestrator.models import AgentMessage, AgentQuestion, Membership, Role, TaskRow
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.agent_rules import AgentRules

Row = Mapping[str, Any]

_Q = AgentQuestion.__table__
_M = AgentMessage.__table__
_T = TaskRow.__table__
_MOST_WAITING = 20
_ANSWERED, _DEADLINE, _GONE = "answered", "deadline", "gone"


class AgentQuestions:
    """What agents ask and people say."""

    def __init__(self, database: Database, access: ProjectAccess, wake: Wake, rules: AgentRules) -> None:
        self._database = database
        self._access = access
        self._wake = wake
        self._rules = rules

    # The people's side.

    async def page(
        self, caller: Caller, *, task_id: UUID | None = None, only_open: bool = True, limit: int = 50, offset: int = 0
    ) -> tuple[list[Row], int]:
        """Questions of the caller's tasks and their projects', those with the nearest deadline first."""
        mine = select(Membership.project_id).where(Membership.user_id == caller.user_id)
        wanted = [or_(_T.c.user_id == caller.user_id, _T.c.project_id.in_(mine))]
        if caller.project_id is not None:
            wanted.append(_T.c.project_id == caller.project_id)
        if task_id is not None:
            wanted.append(_Q.c.task_id == task_id)
        if only_open:
            wanted.append(_is_open())
        query = _with_task().where(and_(*wanted))
        async with self._database.transaction() as connection:
            total = (await connection.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
            ordered = query.order_by(_Q.c.deadline, _Q.c.id).limit(limit).offset(offset)
            rows: list[Row] = [dict(row) for row in (await connection.execute(ordered)).mappings()]
        return rows, total

    async def open_of(self, task_id: UUID) -> Row | None:
        """The oldest open question of a task."""
        query = _with_task().where(_Q.c.task_id == task_id, _is_open()).order_by(_Q.c.id).limit(1)
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).mappings().first()
        return dict(row) if row is not None else None

    async def answer(
        self, caller: Caller, question: Row, *, choice: str | None, text: str | None, remember: bool
    ) -> None:
        """Answer an open question; ``remember`` makes a rule of it, for the task's own user."""
        await self._may_answer(caller, question)
        given = _chosen(question, choice, text)
        if remember:
            await self._remember(caller, question, given)
        values = {
            "answered_at": func.clock_timestamp(), "answered_by": caller.user_id, "answer": given, "outcome": _ANSWERED,
        }  # fmt: skip
        changed = update(AgentQuestion).where(_Q.c.id == question["id"], _Q.c.outcome.is_(None)).values(**values)
        async with self._database.transaction() as connection:
            done = await connection.execute(changed)
        if done.rowcount == 0:
            raise Conflict("the question is not open any more")
        self._wake.changed([question["task_id"]])

    async def tell(self, caller: Caller, task: Row, text: str) -> Row:
        """Words for a running agent: its next prompt, once it has ended its turn."""
        check_storable(text, "text")
        if task["state"] != TaskState.RUNNING or not str(task["target_id"]).startswith("agent:"):
            raise IllegalTransition(
                f"the task is {task['state']}: only a running agent is told something", details={"state": task["state"]}
            )
        await self._may_answer(caller, task)
        row = {"id": new_id(), "task_id": task["id"], "user_id": caller.user_id, "text": text}
        waiting = select(func.count()).where(_M.c.task_id == task["id"], _M.c.taken_at.is_(None))
        async with self._database.transaction() as connection:
            if (await connection.execute(waiting)).scalar_one() >= _MOST_WAITING:
                raise Conflict(f"{_MOST_WAITING} messages wait for this agent already")
            made = (await connection.execute(insert(AgentMessage).values(**row).returning(_M))).mappings().one()
        self._wake.changed([task["id"]])
        return dict(made)

    # The agent's side.

    async def ask(self, task_id: UUID, generation: int, seconds: float, **values: Any) -> Row:
        """Put a question; those of earlier attempts are gone by now."""
        row = {"id": new_id(), "task_id": task_id, "generation": generation, **values}
        deadline = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        earlier = and_(_Q.c.task_id == task_id, _Q.c.generation < generation, _Q.c.outcome.is_(None))
        async with self._database.transaction() as connection:
            await connection.execute(update(AgentQuestion).where(earlier).values(outcome=_GONE))
            put = insert(AgentQuestion).values(**row, deadline=deadline).returning(_Q)
            made = (await connection.execute(put)).mappings().one()
        return dict(made)

    async def read(self, question_id: UUID) -> Row:
        """A question as it stands; ``late`` says whether its deadline has passed."""
        query = select(_Q, (_Q.c.deadline <= func.clock_timestamp()).label("late")).where(_Q.c.id == question_id)
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound("the question is gone with its task")
        return dict(row)

    async def close(self, question_id: UUID, outcome: str = _GONE) -> None:
        """Nobody answers this any more; quiet when somebody just did."""
        changed = update(AgentQuestion).where(_Q.c.id == question_id, _Q.c.outcome.is_(None)).values(outcome=outcome)
        async with self._database.transaction() as connection:
            await connection.execute(changed)

    async def expire(self, question_id: UUID) -> Row:
        """Close a question whose deadline has passed; as it stands then, for somebody may have been quicker."""
        await self.close(question_id, _DEADLINE)
        return await self.read(question_id)

    async def heard(self, task_id: UUID) -> Sequence[str]:
        """What people told the agent and it has not heard yet."""
        taken = (
            update(AgentMessage)
            .where(_M.c.task_id == task_id, _M.c.taken_at.is_(None))
            .values(taken_at=func.clock_timestamp())
            .returning(_M.c.id, _M.c.text)
        )
        async with self._database.single() as connection:
            rows = (await connection.execute(taken)).all()
        return [row.text for row in sorted(rows, key=lambda row: row.id.bytes)]

    async def _may_answer(self, caller: Caller, row: Row) -> None:
        caller.require_project(row["project_id"])
        if row["user_id"] == caller.user_id:
            return
        if row["project_id"] is None:
            raise NotFound("no such task")
        await self._access.require(caller, row["project_id"], Role.MEMBER)

    async def _remember(self, caller: Caller, question: Row, given: str) -> None:
        kinds = {choice["id"]: str(choice.get("kind", "")) for choice in question["choices"]}
        kind = kinds.get(given, "")
        if not question["action"] or not kind:
            raise InvalidInput("this answer cannot be made a rule", field="remember")
        if question["user_id"] != caller.user_id:
            raise InvalidInput("only the task's own user can have it remembered", field="remember")
        await self._rules.remember(caller, question, allow=kind.startswith("allow"))


def _is_open() -> Any:
    waits = or_(
        and_(_Q.c.about == "", _T.c.state == TaskState.RUNNING),
        and_(_Q.c.about != "", _T.c.state == TaskState.AWAITING_INPUT),
    )
    return and_(_Q.c.outcome.is_(None), waits, _T.c.generation == _Q.c.generation)


def _with_task() -> Select[Any]:
    named = (_T.c.user_id, _T.c.project_id, _T.c.title)
    return select(_Q, *named).join(_T, _T.c.id == _Q.c.task_id)


def _chosen(question: Row, choice: str | None, text: str | None) -> str:
    """The answer that is stored: the id of a choice, or the text where there are no choices."""
    choices = [str(one["id"]) for one in question["choices"]]
    if not choices:
        if not text:
            raise InvalidInput("the question wants an answer in words", field="text")
        check_storable(text, "text")
        return text
    given = choice if choice is not None else text
    if given not in choices:
        raise InvalidInput(f"one of {', '.join(choices)} is expected", field="choice")
    return given
