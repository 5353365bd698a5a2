"""From a committed row to a worker: rolled back, committed and not delivered, delivered twice, streams cut."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from orchestrator.bootstrap import build_container
from orchestrator.core.errors import Conflict
from orchestrator.core.ids import new_id
from orchestrator.embedded.pair import start_embedded
from orchestrator.embedded.processes import wait_until
from orchestrator.jobqueue.queues import LIGHT_QUEUES
from orchestrator.models.task_store import insert_tasks
from tests.faults.processes import Nursery
from tests.faults.stage import PATIENCE, Stage, open_stage, tool, until

_PASSWORD = "correct horse battery staple"


async def test_a_rolled_back_request_leaves_no_task_no_event_and_no_job(stage: Stage) -> None:
    task = await stage.container.tasks.prepare(stage.caller, tool("echo"))
    with suppress(ZeroDivisionError):
        async with stage.container.database.transaction() as connection:
            assert await insert_tasks(connection, [task]) == {task.id}
            raise ZeroDivisionError
    await stage.container.relay.sweep()
    for table in ("tasks", "task_events", "routes", "outbox"):
        assert stage.query(f"SELECT 1 FROM {table}") == []
    assert await stage.container.sender.waiting() == set()


async def test_one_idempotency_key_is_one_task_however_many_ask_at_once(stage: Stage) -> None:
    other = build_container(stage.settings)
    request = replace(tool("echo"), idempotency_key="once")
    asking = [c.tasks.create(stage.caller, request) for c in (stage.container, other) for _ in range(20)]
    rows = await asyncio.gather(*asking)
    await other.close()
    assert len({row["id"] for row in rows}) == 1
    assert [stage.query(f"SELECT count(*) AS n FROM {t}")[0]["n"] for t in ("tasks", "outbox", "routes")] == [1, 1, 1]


async def test_a_task_the_database_refuses_does_not_fail_those_written_with_it(stage: Stage) -> None:
    writer, prepare = stage.container.writer, stage.container.tasks.prepare
    good = [await prepare(stage.caller, tool("echo")) for _ in range(3)]
    homeless = replace(good[0], id=new_id(), project_id=uuid4())
    unwritable = replace(good[0], id=new_id(), title="\ud800")
    refused = replace(good[0], id=new_id(), title="\x00")
    answers = await asyncio.gather(
        *(writer.create(t) for t in (homeless, good[0], unwritable, good[1], refused, good[2])), return_exceptions=True
    )
    assert [answer is True for answer in answers] == [False, True, False, True, False, True]
    assert isinstance(answers[0], Conflict)


async def test_a_job_delivered_many_times_runs_once(stage: Stage) -> None:
    task = await stage.submit(tool("echo", text="hello"))
    await stage.container.relay.settle()
    await stage.container.sender.send([(task, 1, "light")] * 10)
    stage.light()
    await stage.ended(task)
    await until(lambda: not any(stage.redis().llen(f"rq:queue:{q}") for q in LIGHT_QUEUES), "the queues are empty")
    assert stage.attempts(task) == ["ok"]


async def test_a_strangers_job_in_the_queue_stops_nobody(stage: Stage) -> None:
    with stage.redis() as client:
        client.rpush("rq:queue:light", "not-one-of-ours")
    worker = stage.light()
    task = await stage.submit(tool("echo"))
    await stage.ended(task)
    assert worker.alive


async def test_messages_that_nobody_understands_deafen_nobody(stage: Stage) -> None:
    stage.light()
    task = await stage.submit(tool("wait", seconds=50))
    await stage.state(task, "running")
    with stage.redis() as client:
        client.publish("orchestrator:stop", "rubbish")
        client.publish("orchestrator:changed", "rubbish")
    await stage.container.tasks.cancel(stage.caller, task)
    assert (await stage.ended(task))["state"] == "cancelled"


@pytest.fixture
async def own_redis(
    nursery: Nursery, tmp_path: Path, fresh_database_url: str
) -> AsyncIterator[tuple[Stage, psutil.Process]]:
    """A stage whose Redis may be frozen and killed, and that Redis."""
    pair = await start_embedded(tmp_path / "redis", postgres=False)
    made = await open_stage(nursery, tmp_path, fresh_database_url, pair.redis_url)
    server = psutil.Process(pair.pids["Redis"])
    yield made, server
    server.resume()
    made.kill_everything()
    print(made.told())  # noqa: T201  shown by pytest when the test fails
    await made.container.close()
    await pair.stop()
    made.check()


async def test_an_api_killed_between_commit_and_delivery_loses_nothing(
    own_redis: tuple[Stage, psutil.Process],
) -> None:
    stage, server = own_redis
    port = _free_port()
    api = stage.start("api", port=port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        await _log_in(client)
        server.suspend()
        answer = await client.post(
            "/api/v1/tasks", json={"type": "tool_call", "input": tool("echo", text="hello").input}
        )
        api.kill()
    server.resume()
    assert answer.status_code == 202
    task = answer.json()["task_id"]
    assert stage.query("SELECT delivered_at FROM outbox WHERE task_id = %s", task) == [{"delivered_at": None}]
    stage.monitor()
    stage.light()
    await stage.ended(task)
    assert stage.attempts(task) == ["ok"]


async def test_a_frozen_redis_holds_up_no_write(own_redis: tuple[Stage, psutil.Process]) -> None:
    stage, server = own_redis
    server.suspend()
    async with asyncio.timeout(10):
        tasks = [await stage.submit(tool("echo")) for _ in range(5)]
        for task in tasks:
            await stage.container.tasks.cancel(stage.caller, task)
    assert {stage.row(task)["state"] for task in tasks} == {"cancelled"}


async def test_a_stream_cut_by_the_death_of_its_api_goes_on_from_the_last_event_id(stage: Stage) -> None:
    port = _free_port()
    api = stage.start("api", port=port)
    stage.light()
    seen: list[int] = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        await _log_in(client)
        body = {"type": "tool_call", "input": tool("wait", seconds=4).input}
        task = (await client.post("/api/v1/tasks", json=body)).json()["task_id"]
        with suppress(httpx.TransportError):
            async for number in _stream(client, task, 0):
                seen.append(number)
                if number == 4:
                    api.kill()
        cut = seen[-1]
        await until(lambda: not api.alive, "the API is dead")  # its sockets close a moment before
        stage.start("api", port=port)
        await _answers(client)
        async for number in _stream(client, task, cut):
            seen.append(number)
    assert seen == list(range(1, stage.row(task)["last_seq"] + 1))


async def _stream(client: httpx.AsyncClient, task: str, after: int) -> AsyncIterator[int]:
    headers = {"Last-Event-ID": str(after)}
    async with client.stream("GET", f"/api/v1/tasks/{task}/events", headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("id:"):
                yield int(line.removeprefix("id:"))


async def _answers(client: httpx.AsyncClient) -> None:
    async def healthy() -> bool:
        try:
            return (await client.get("/health")).status_code == 200
        except httpx.TransportError:
            return False

    assert await wait_until(healthy, PATIENCE)


async def _log_in(client: httpx.AsyncClient) -> None:
    await _answers(client)
    account: dict[str, Any] = {"email": "grace@example.org", "password": _PASSWORD, "display_name": "Grace"}
    assert (await client.post("/api/v1/auth/register", json=account)).status_code == 201
    told = await client.post("/api/v1/auth/login", json={"email": account["email"], "password": _PASSWORD})
    client.headers["Authorization"] = f"Bearer {told.json()['access_token']}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
