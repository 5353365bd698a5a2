"""A service whose processes can be killed one by one, over a database whose rows can be held to stop it anywhere.

No hook in the product: a worker stops before its claim because the test holds the task's row, and between claim and
tool because the test holds the table that it reads there. Then it is killed, and the row is let go.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import redis
from psycopg.rows import dict_row

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.states import TERMINAL, TaskState
from orchestrator.embedded.processes import wait_until
from orchestrator.models import User
from orchestrator.services.task_service import TaskRequest
from tests.faults.invariants import broken
from tests.faults.processes import Nursery, Process

_STEP = "UPDATE tasks t SET%state = x.state"
"""In the one statement by which a step of a task is taken whose row is known; a heartbeat sets no state."""

QUICK = {"lease_seconds": 2.0, "heartbeat_seconds": 0.5, "reap_seconds": 0.2}
PATIENCE = 40.0
"""Seconds until a wait gives up: far beyond what is promised, for machines that do much else."""

Row = Mapping[str, Any]


def tool(name: str, **arguments: object) -> TaskRequest:
    return TaskRequest("tool_call", {"tool": name, "arguments": arguments})


async def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    async def holds() -> bool:
        return condition()

    assert await wait_until(holds, seconds), f"waited {seconds:g} s in vain: {what}"


@dataclass
class Stage:
    """One installation: a container in this process that stands for an API, and real processes beside it."""

    settings: Settings
    container: Container
    caller: Caller
    nursery: Nursery
    folder: Path
    environment: dict[str, str]
    processes: list[Process] = field(default_factory=list)

    def start(self, *argv: str, **settings: object) -> Process:
        """Start ``python -m orchestrator`` with these arguments; settings beside are its own."""
        environment = self.environment | {name.upper(): str(value) for name, value in settings.items()}
        log = self.folder / f"{'-'.join(argv)}-{len(self.processes)}.log"
        self.processes.append(self.nursery.start(argv, environment, self.folder, log))
        return self.processes[-1]

    def light(self, **settings: object) -> Process:
        return self.start("worker", "light", **settings)

    def heavy(self, **settings: object) -> Process:
        return self.start("worker", "heavy", **settings)

    def monitor(self, **settings: object) -> Process:
        return self.start("monitor", **settings)

    async def submit(self, request: TaskRequest) -> UUID:
        return UUID(str((await self.container.tasks.create(self.caller, request))["id"]))

    async def ended(self, task_id: UUID, seconds: float = PATIENCE) -> Row:
        return await self.state(task_id, *TERMINAL, seconds=seconds)

    async def state(self, task_id: UUID, *states: str, seconds: float = PATIENCE) -> Row:
        """Wait until the task is in one of these states; its row."""
        await until(lambda: self.row(task_id)["state"] in states, f"{states}, now {self.row(task_id)}", seconds)
        return self.row(task_id)

    def row(self, task_id: UUID) -> Row:
        return self.query("SELECT * FROM tasks WHERE id = %s", task_id)[0]

    def attempts(self, task_id: UUID) -> list[str | None]:
        """Why each attempt ended, in order; None for an open one."""
        rows = self.query("SELECT reason FROM attempts WHERE task_id = %s ORDER BY generation", task_id)
        return [row["reason"] for row in rows]

    def events(self, task_id: UUID) -> list[str]:
        return [r["kind"] for r in self.query("SELECT kind FROM task_events WHERE task_id = %s ORDER BY seq", task_id)]

    def query(self, statement: str, *values: object) -> list[Row]:
        with psycopg.connect(self.settings.database_url, row_factory=dict_row) as connection:
            return list(connection.execute(statement, values).fetchall())

    def redis(self) -> "redis.Redis":
        return redis.Redis.from_url(self.settings.redis_url, decode_responses=True)

    @contextmanager
    def holding_row(self, task_id: UUID) -> Iterator[None]:
        """Nobody else can change this task."""
        with psycopg.connect(self.settings.database_url) as connection:
            connection.execute("SELECT FROM tasks WHERE id = %s FOR UPDATE", [task_id])
            yield

    @contextmanager
    def holding_table(self, table: str) -> Iterator[None]:
        """Nobody else can read this table."""
        with psycopg.connect(self.settings.database_url) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    async def somebody_waits(self, *what: str) -> None:
        """Wait until a process hangs in a statement like one of these because of a lock."""
        blocked = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
                     AND wait_event_type = 'Lock' AND query ILIKE ANY(%s)"""
        likes = [f"%{one}%" for one in what]
        await until(lambda: bool(self.query(blocked, likes)), f"a statement like {what} that waits for a lock")

    async def step_waits(self) -> None:
        """Wait until a step of a task, a claim or an ending, hangs because the row is held."""
        await self.somebody_waits("FROM tasks WHERE id = ANY%FOR UPDATE", _STEP)

    @asynccontextmanager
    async def held_at_its_ending(
        self, task_id: UUID, start: Callable[[], Process], needs: str
    ) -> AsyncIterator[Process]:
        """A worker that has done the work, for which it had to read a table, and hangs as it ends the attempt."""
        with ExitStack() as table:
            table.enter_context(self.holding_table(needs))
            worker = start()
            await self.state(task_id, TaskState.RUNNING)
            with self.holding_row(task_id):
                table.close()
                await self.step_waits()
                yield worker

    def lose_steps(self) -> None:
        """Steps that hang are never taken, as when the machine dies that sent them: one that was sent counts."""
        ended = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND query ILIKE %s"""
        self.query(ended, f"%{_STEP}%")

    def check(self) -> None:
        """Every invariant holds."""
        assert broken(self.settings.database_url) == {}

    def kill_everything(self) -> None:
        for process in self.processes:
            process.kill_all()

    def told(self) -> str:
        """What the processes wrote, for a test that failed."""
        return "\n".join(f"==> {p.log.name}\n{p.output[-4000:]}" for p in self.processes)


async def open_stage(nursery: Nursery, folder: Path, database_url: str, redis_url: str, **more: object) -> Stage:
    """A stage over these servers, with leases that run out quickly."""
    values = QUICK | {"data_dir": folder / "data", "database_url": database_url, "redis_url": redis_url} | more
    settings = Settings(_env_file=None, **values)
    environment = {name.upper(): str(value) for name, value in values.items()} | {"PATH": "/usr/bin:/bin"}
    container = build_container(settings)
    user = User(email="ada@example.org", display_name="Ada", is_admin=True)
    async with container.database.session() as session:
        session.add(user)
    return Stage(settings, container, Caller(user.id, is_admin=True), nursery, folder, environment)


Opened = Callable[..., Awaitable[Stage]]
