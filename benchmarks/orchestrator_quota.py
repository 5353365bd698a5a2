"""A quota storm: many tasks of one account, and the provider says stop in the middle. How many agents start after that?

Two workers share the account. The scripted provider answers over real HTTP and notes the moment of its first refusal;
what started when is read from the table of attempts and from the provider's own record of who asked.
"""

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.load import Connection, request_bytes
from benchmarks.report import Row, row
from benchmarks.service import Service, running_service
from orchestrator.agents.scripted.http_server import Failure, Reply, Request
from orchestrator.agents.scripted.model_server import ScriptedModel

_TASKS, _ANSWERS, _AT_ONCE = 120, 40, 6
_STOP_SECONDS = 20
_THINKING_SECONDS = 0.15
_LIMIT = {"error": {"message": "quota of the minute is used up", "code": "rate_limit_exceeded"}}


class StoppingProvider(ScriptedModel):
    """Answers so many requests, refuses the next for a while, then answers again."""

    def __init__(self) -> None:
        super().__init__(strict=False)
        self.first: dict[str, float] = {}
        """When each task first asked."""
        self.stopped_at = 0.0
        self._count = 0
        self._mine = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """Think a moment, and answer or refuse."""
        prompt = json.loads(request.body)["messages"][-1]["content"]
        with self._mine:
            now = time.time()
            self.first.setdefault(str(prompt), now)
            self._count += 1
            refuses = self._count > _ANSWERS and (not self.stopped_at or now < self.stopped_at + _STOP_SECONDS)
            if refuses:
                self.stopped_at = self.stopped_at or now
                left = max(1, round(self.stopped_at + _STOP_SECONDS - now))
                return Failure(429, _LIMIT, {"Retry-After": str(left)}).reply
        time.sleep(_THINKING_SECONDS)
        return super().answer(request)


async def quota_storm(folder: Path) -> list[Row]:
    """Hand all tasks in, let the provider stop in the middle, and wait until all are done nevertheless."""
    with StoppingProvider() as provider:
        known = {"LLM_BASE_URL": provider.base_url, "LLM_MODEL": "scripted", "AGENT_CONCURRENCY": str(_AT_ONCE)}
        async with running_service(folder, light_workers=0, agent_workers=2, **known) as service:
            tasks = [await _hand_in(service, number) for number in range(_TASKS)]
            await _asked(service, _COMPLETED, _TASKS, tasks)
            ended = time.time()
            stop, back = provider.stopped_at, provider.stopped_at + _STOP_SECONDS
            since = await _one(service, _STARTED, [tasks, stop, stop, back])
            noted = await _one(service, _NOTED, [tasks])
    fresh = sum(1 for at in provider.first.values() if stop + 0.001 < at < back)
    return [
        row("quota_started", f"agents started after the provider said stop, of {_TASKS - _ANSWERS} that waited",
            [float(since or 0)], "", at_most=0),
        row("quota_asked", "agents already started that asked it for the first time only then", [float(fresh)], ""),
        row("quota_heard", "the provider's stop to the first attempt that is parked for it",
            [1000 * (float(noted) - stop)], "ms"),
        row("quota_after", "from the end of the stop until all waiting tasks are done", [ended - back], "s"),
    ]  # fmt: skip


async def _hand_in(service: Service, number: int) -> UUID:
    body: dict[str, Any] = {
        "type": "ask", "input": {"prompt": f"task {number}"}, "preferred_target": "agent:llm", "timeout_seconds": 120,
    }  # fmt: skip
    connection = await Connection.open(service.port)
    answer = await connection.ask(request_bytes("POST", "/api/v1/tasks", service.token, body))
    connection.close()
    if answer.status != 202:
        raise RuntimeError(f"not accepted: {answer.body[:300]!r}")
    return UUID(json.loads(answer.body)["task_id"])


async def _asked(service: Service, query: str, wanted: int, tasks: list[UUID]) -> None:
    async with asyncio.timeout(180):
        while await _one(service, query, [tasks]) < wanted:
            await asyncio.sleep(0.2)


async def _one(service: Service, query: str, values: list[Any]) -> Any:
    async with await psycopg.AsyncConnection.connect(service.database_url, autocommit=True) as connection:
        found = await (await connection.execute(query, values)).fetchone()
    return found[0] if found else None


_COMPLETED = "SELECT count(*) FROM tasks WHERE state = 'completed' AND id = ANY(%s)"

_STARTED = """SELECT count(*) FROM attempts WHERE task_id = ANY(%s)
    AND started_at > to_timestamp(%s) + interval '1 millisecond'
    AND started_at > to_timestamp(%s) AND started_at < to_timestamp(%s)"""

_NOTED = """SELECT min(extract(epoch FROM ended_at))::float8 FROM attempts
    WHERE reason = 'quota' AND task_id = ANY(%s)"""
