"""The record of tool calls: whole, true, readable by whom it concerns, and not lost with a restart of the database."""

import asyncio
import hashlib
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg
import pytest

from orchestrator.cli.upkeep.migrate import upgrade
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Unavailable
from orchestrator.core.ids import new_id
from orchestrator.embedded.pair import start_embedded
from orchestrator.jobs.light import LightWorker
from orchestrator.models.database import Database
from orchestrator.services import call_audit
from orchestrator.services.call_audit import CallAudit
from orchestrator.services.call_log import CallLog
from tests.gate.conftest import calls, execute, rule
from tests.mcp_door.conftest import Connect, Service, until


def record(**more: Any) -> dict[str, Any]:
    """A record as the gate notes it."""
    return {
        "id": new_id(), "at": 1_800_000_000.0, "user_id": UUID(int=1), "via": "session", "credential_id": None,
        "project_id": None, "task_id": None, "agent": None, "door": "mcp", "endpoint": "", "server_id": UUID(int=2),
        "server": "s", "tool": "t", "arguments_digest": "0", "outcome": "ok", "reason": None, "rule_id": None,
        "confirmed": None, "ms": 1.5, "request_id": None, **more,
    }  # fmt: skip


def stored(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM tool_calls").fetchone()
    return row[0] if row else 0


async def test_every_door_leaves_a_record_of_who_what_and_how_it_ended(
    service: Service, connect: Connect, rest: httpx.AsyncClient, ada: Caller, worker: LightWorker
) -> None:
    answer = await execute(rest)
    async with connect() as client:
        await client.call_tool("diagnostics__fail", {"message": "no luck"})
        await client.call_tool("diagnostics__wait", {"seconds": "soon"})
        await client.call_tool("list_projects", {})
    body = {"type": "tool_call", "input": {"tool": "wait", "arguments": {"seconds": 0}}}
    task = (await rest.post("/tasks", json=body)).json()["task_id"]

    async def of_task() -> list[dict[str, Any]]:
        return await calls(service, rest, task_id=task)

    async with asyncio.timeout(30):
        while not await of_task():  # noqa: ASYNC110 - it happens in another process's part
            await asyncio.sleep(0.05)
    found = {(one["door"], one["tool"], one["outcome"], one["reason"]) for one in await calls(service, rest)}
    assert found == {
        ("rest", "echo", "ok", None),
        ("mcp", "fail", "tool_error", None),
        ("mcp", "wait", "invalid_input", "invalid_input"),
        ("mcp", "list_projects", "ok", None),
        ("task", "wait", "ok", None),
    }
    one = (await calls(service, rest, tool="echo"))[0]
    assert one["arguments_digest"] == hashlib.sha256(b'{"a":1}').hexdigest()
    assert (one["user_id"], one["via"], one["server"]) == (str(ada.user_id), "api_token", "diagnostics")
    assert one["request_id"] == answer.headers["x-request-id"]
    assert one["credential_id"]
    assert (await of_task())[0]["via"] == "task"


async def test_refusals_timeouts_and_departures_are_recorded(
    service: Service, connect: Connect, rest: httpx.AsyncClient
) -> None:
    made = await rule(rest, "deny", tool="echo")
    await execute(rest)
    await execute(rest, "wait", arguments={"seconds": 20}, timeout_seconds=0.05)
    async with connect() as client:
        call = asyncio.create_task(client.call_tool("diagnostics__wait", {"seconds": 30}))
        await asyncio.sleep(0.2)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        audit = service.container.audit
        await until(lambda: audit.waiting == 0)
    told = [(one["tool"], one["outcome"], one["reason"], one["rule_id"]) for one in await calls(service, rest)]
    assert ("echo", "refused", "denied_by_policy", made["id"]) in told
    assert ("wait", "timeout", "timed_out", None) in told


async def test_people_read_their_own_calls_and_admins_all(
    service: Service, rest: httpx.AsyncClient, bobs: httpx.AsyncClient, bob: Caller
) -> None:
    await execute(rest)
    await execute(bobs, arguments={"b": 1})
    assert {one["user_id"] for one in await calls(service, bobs)} == {str(bob.user_id)}
    assert len(await calls(service, rest)) == 2
    assert len(await calls(service, rest, user_id=str(bob.user_id))) == 1
    assert await calls(service, rest, outcome="timeout") == []
    assert {one["user"] for one in await calls(service, rest)} == {"ada@example.org", "bob@example.org"}


async def test_statistics_count_calls_errors_refusals_and_time(
    service: Service, rest: httpx.AsyncClient, bobs: httpx.AsyncClient
) -> None:
    for _ in range(3):
        await execute(rest)
    await execute(rest, "fail", arguments={"message": "x"})
    await execute(rest, "made_up_by_a_caller")
    await rule(rest, "deny", tool="wait")
    await execute(bobs, "wait", arguments={"seconds": 0})
    await service.container.audit.settle()
    rows = {row["name"]: row for row in (await rest.get("/mcps/stats", params={"window": "1h"})).json()["items"]}
    row = rows["diagnostics"]
    assert (row["calls"], row["errors"], row["refused"]) == (6, 2, 1)
    assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert row["last_used"]
    assert {tool["tool"] for tool in row["tools"]} == {"echo", "fail"}
    assert row["other_tools"] == {"calls": 2, "errors": 1, "refused": 1}
    parts = [*row["tools"], row["other_tools"]]
    for name in ("calls", "errors", "refused"):
        assert row[name] == sum(part[name] for part in parts)
    assert rows["code"]["calls"] == 0
    metrics = (await rest.get(f"{service.url}/metrics")).text
    assert 'orchestrator_tool_calls_total{outcome="ok",server="diagnostics"}' in metrics
    assert 'orchestrator_tool_call_seconds_count{server="diagnostics"}' in metrics


async def test_a_full_queue_makes_the_next_call_wait_and_loses_nothing(fresh_database_url: str) -> None:
    database = Database(fresh_database_url)
    audit = CallAudit(database, most=10, gather=0.05)
    try:
        for _ in range(10):
            audit.note(record())
        waiting = asyncio.create_task(audit.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        await asyncio.wait_for(waiting, 20)
        audit.note(record())
        await audit.settle()
        assert stored(fresh_database_url) == 11
    finally:
        await audit.aclose()
        await database.close()


async def test_one_call_after_another_is_written_in_batches(fresh_database_url: str) -> None:
    database, gather = Database(fresh_database_url), 0.2
    audit = CallAudit(database, gather=gather)
    began = time.monotonic()
    for _ in range(300):
        audit.note(record())
        await asyncio.sleep(0.003)  # a client that calls without a pause: the queue is never empty for long
    await audit.settle()
    seconds = time.monotonic() - began
    await audit.aclose()
    await database.close()
    with psycopg.connect(fresh_database_url) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT xmin::text) FROM tool_calls").fetchone()
    assert row is not None
    assert row[0] == 300
    assert row[1] <= seconds / gather + 1


async def test_a_call_that_cannot_be_recorded_is_not_made(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_audit, "_ROOM_SECONDS", 0.05)
    audit = CallAudit(Database("postgresql://127.0.0.1:1/nobody"), most=1, gather=0)
    audit.note(record())
    with pytest.raises(Unavailable, match="record of tool calls"):
        await audit.room()
    assert audit.waiting == 1
    monkeypatch.setattr(call_audit, "_CLOSE_SECONDS", 0.05)
    await audit.aclose()


async def test_names_that_cannot_be_stored_hold_nobody_up(fresh_database_url: str) -> None:
    database = Database(fresh_database_url)
    audit = CallAudit(database, gather=0)
    for odd in ("nul\x00", "half \ud800", "\\u0000"):
        audit.note(record(tool=odd))
    audit.note(record(ms=None))  # refused by the table: it goes alone
    audit.note(record())
    await audit.settle()
    await audit.aclose()
    await database.close()
    assert stored(fresh_database_url) == 4


async def test_what_is_queued_outlives_a_restart_of_the_database_and_is_stored_once(tmp_path: Path) -> None:
    pair = await start_embedded(tmp_path / "servers")
    try:
        await asyncio.to_thread(upgrade, pair.database_url)
        database = Database(pair.database_url)
        audit = CallAudit(database, gather=0.01)
        total = 0
        server = psutil.Process(pair.pids["PostgreSQL"])
        for number in range(400):
            audit.note(record())
            total += 1
            if number == 200:
                server.send_signal(signal.SIGQUIT)
            await asyncio.sleep(0.002)
        await until(lambda: "PostgreSQL" not in pair.pids)
        assert audit.waiting > 0
        assert await pair.ensure() == ["PostgreSQL"]
        await asyncio.wait_for(audit.settle(), 60)
        await audit.aclose()
        await database.close()
        assert stored(pair.database_url) == total
    finally:
        await pair.stop()


async def test_old_records_go_and_young_ones_stay(fresh_database_url: str) -> None:
    database = Database(fresh_database_url)
    audit = CallAudit(database, gather=0)
    for at in (1_000_000_000.0, time.time()):
        audit.note(record(at=at))
    await audit.settle()
    log = CallLog(database)
    await log.sweep(0)
    assert stored(fresh_database_url) == 2
    await log.sweep(90)
    await audit.aclose()
    await database.close()
    assert stored(fresh_database_url) == 1
