"""What the orchestrator itself costs and survives, with scripted agents that anybody can run: no model, no network.

Every figure is seen from outside: over HTTP as a client sees it, in the event table, and in the memory of the worker.
The program (``acp_program``) speaks the real protocol; how long it needs to start by itself is measured beside.
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import psycopg

from benchmarks.load import Connection, request_bytes
from benchmarks.report import Row, percentile, row
from benchmarks.service import Service, running_service

_TASKS, _PROGRAMS, _WITH_TREE = 100, 20, 30
_OWN_SECONDS = 0.5
_AT_ONCE, _HOLD_SECONDS = 50, 30.0
_KILLS = 5
_PROGRAM = [sys.executable, "-I", "-S", str(Path(__file__).with_name("acp_program.py"))]
_HELLO = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": 1, "clientCapabilities": {}}}
_DONE = ("completed", "failed", "cancelled")

Steps = list[dict[str, Any]]


async def first_event(folder: Path) -> list[Row]:
    """POST /tasks until the agent's own first event is on the stream, one task at a time."""
    async with running_service(folder, light_workers=0, agent_workers=1) as service:
        project = await _project(service)
        steps: Steps = [{"do": "say", "text": "here"}]
        for _ in range(10):
            await _until(service, _body("agent:scripted", steps), b"agent.message")
        inside = [await _until(service, _body("agent:scripted", steps), b"agent.message") for _ in range(_TASKS)]
        body = await _program(service, project, [{"say": "here"}])
        await _until(service, body, b"task.completed")
        outside = [await _until(service, body, b"agent.message") for _ in range(_PROGRAMS)]
        own = [await _own_start() for _ in range(_PROGRAMS)]
    return [
        _p50("first_event_in_process", "POST to an in-process agent's first event, p50", inside, at_most=60),
        _p50("first_event_acp", "POST to an ACP program's first event, in a worktree, p50", outside, at_most=1000,
             baseline=f"the program alone: {percentile(own, 0.5) * 1000:.0f} ms"),
        _p50("acp_own_start", "the program alone: spawn to its answer to initialize, p50", own),
    ]  # fmt: skip


async def overhead(folder: Path) -> list[Row]:
    """POST to completed, less the time the agent itself was told to take."""
    async with running_service(folder, light_workers=0, agent_workers=1) as service:
        project = await _project(service)
        waiting: Steps = [{"do": "wait", "seconds": _OWN_SECONDS}]
        for _ in range(3):
            await _until(service, _body("agent:scripted", waiting), b"task.completed")
        body = _body("agent:scripted", waiting)
        plain = [await _until(service, body, b"task.completed") - _OWN_SECONDS for _ in range(40)]
        trees = []
        for number in range(_WITH_TREE):
            write = {"do": "write", "path": f"made/{number}.py", "text": "x = 1\n"}
            body = _body("agent:scripted-editor", [*waiting, write], project)
            trees.append(await _until(service, body, b"task.completed") - _OWN_SECONDS)
    return [
        _p50("overhead", "a task beyond its agent's own time, p50", plain, at_most=50),
        _p50("overhead_with_worktree", "the same with a worktree, its diff and its commit, p50", trees),
    ]


async def many_at_once(folder: Path) -> list[Row]:
    """Fifty programs at once, each holding on for a while; the worker's memory before, meanwhile and afterwards."""
    async with running_service(folder, light_workers=0, agent_workers=1) as service:
        project = await _project(service)
        worker = psutil.Process(_agent_worker(service))
        short = await _program(service, project, [{"say": "x"}])
        await _all_done(service, [await _hand_in(service, short) for _ in range(5)])
        before = _megabytes(worker)
        body = await _program(service, project, [{"say": "here", "wait": _HOLD_SECONDS}])
        started = time.perf_counter()
        tasks = [await _hand_in(service, body) for _ in range(_AT_ONCE)]
        await _all_spoke(service, tasks)
        seconds = time.perf_counter() - started
        during = _megabytes(worker)
        children = len(worker.children(recursive=True))
        await _all_done(service, tasks)
        after = _megabytes(worker)
    told = f"{before:.0f} MB before, {during:.0f} MB meanwhile, {after:.0f} MB after"
    print(f"  {children} processes below the worker; {told}")
    growth = (during - before) / _AT_ONCE
    return [
        row("concurrent_started", f"{_AT_ONCE} ACP programs at once, until all have spoken", [seconds], "s"),
        row("concurrent_memory", f"worker's memory per agent while {_AT_ONCE} run", [growth], "MB", at_most=1),
        row("concurrent_kept", f"worker's memory kept after {_AT_ONCE} agents", [after - before], "MB", at_most=10),
    ]  # fmt: skip


async def recovery(folder: Path) -> list[Row]:
    """kill -9 of the worker in the middle of an agent; another takes the task up, and no event is missing."""
    seconds, gaps = [], 0
    async with running_service(folder, light_workers=0, agent_workers=1) as service:
        steps: Steps = [{"do": "say", "text": "here"}, {"do": "wait", "seconds": 1.0}, {"do": "say", "text": "done"}]
        for _ in range(_KILLS):
            slow: Steps = [steps[0], {"do": "wait", "seconds": 5.0}]
            task = await _hand_in(service, _body("agent:scripted", slow))
            await _all_spoke(service, [task])
            victim = _agent_worker(service)
            service.spawn("worker", "agents")
            os.kill(victim, signal.SIGKILL)
            killed = time.perf_counter()
            await _asked(service, _ATTEMPTS, 2, task)
            seconds.append(time.perf_counter() - killed)
            await _all_done(service, [task])
            gaps += await _gaps(service, task)
    return [
        row("recovery", "kill -9 of the worker to the next attempt", seconds, "s", at_most=15),
        row("recovery_gaps", "events missing or out of order afterwards", [float(gaps)], "", at_most=0),
    ]


def _body(agent: str, steps: Steps, project: str | None = None) -> dict[str, Any]:
    return {"type": "scripted", "input": {"steps": steps}, "preferred_target": agent, "project_id": project}


async def _until(service: Service, body: dict[str, Any], mark: bytes) -> float:
    """Seconds from the request until the mark is on the task's event stream."""
    post, stream = await Connection.open(service.port), await Connection.open(service.port)
    started = time.perf_counter()
    answer = await post.ask(request_bytes("POST", "/api/v1/tasks", service.token, body))
    task = json.loads(answer.body)["task_id"]
    async with asyncio.timeout(60):
        await stream.read_until(request_bytes("GET", f"/api/v1/tasks/{task}/events", service.token), mark)
    seconds = time.perf_counter() - started
    post.close()
    stream.close()
    return seconds


async def _hand_in(service: Service, body: dict[str, Any]) -> UUID:
    connection = await Connection.open(service.port)
    answer = await connection.ask(request_bytes("POST", "/api/v1/tasks", service.token, body))
    connection.close()
    if answer.status != 202:
        raise RuntimeError(f"not accepted: {answer.body[:300]!r}")
    return UUID(json.loads(answer.body)["task_id"])


async def _program(service: Service, project: str, steps: Steps) -> dict[str, Any]:
    """A task for the program, as an agent of the user's own."""
    command, *args = _PROGRAM
    program = {"command": command, "args": args, "tools": False, "terminals": False}
    wanted = {"name": "Program", "program": program, "capabilities": ["coding"]}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {service.token}"}, timeout=60) as client:
        answer = await client.post(f"{service.url}/api/v1/agents", json=wanted)
        answer.raise_for_status()
    given = {"prompt": json.dumps(steps)}
    agent = answer.json()["id"]
    return {"type": "code_change", "input": given, "preferred_target": agent, "project_id": project}


async def _own_start() -> float:
    """The program by itself, without us: from its start to its first answer."""
    started = time.perf_counter()
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*_PROGRAM, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(_HELLO).encode() + b"\n")
    await process.stdout.readline()
    seconds = time.perf_counter() - started
    process.stdin.close()
    await process.wait()
    return seconds


async def _project(service: Service) -> str:
    """A project with a small repository of its own, without a graph; a heavy worker makes it and leaves again."""
    heavy = service.spawn("worker", "heavy")
    wanted = {"name": "bench", "template": "empty", "build_graph": False}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {service.token}"}, timeout=60) as client:
        answer = await client.post(f"{service.url}/api/v1/projects", json=wanted)
        answer.raise_for_status()
        project = str(answer.json()["project_id"])
        await _all_done(service, [UUID(answer.json()["task_id"])])
    await asyncio.sleep(1)  # its attempt's process is still leaving
    heavy.terminate()
    return project


def _agent_worker(service: Service) -> int:
    """The newest worker for agents that lives."""
    for child in reversed(service.processes):
        if child.args[-1] == "agents" and child.poll() is None:  # type: ignore[index]
            return child.pid
    raise RuntimeError("no agent worker runs")


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


_ATTEMPTS = "SELECT count(*) FROM attempts WHERE task_id = ANY(%s)"
_SPOKE = "SELECT count(DISTINCT task_id) FROM task_events WHERE kind = 'agent.message' AND task_id = ANY(%s)"
_ENDED = f"SELECT count(*) FROM tasks WHERE state IN {_DONE} AND id = ANY(%s)"
_BAD = "SELECT count(*) FROM tasks WHERE state <> 'completed' AND id = ANY(%s)"
_SEQUENCE = """SELECT t.last_seq - count(e.seq), max(e.seq) - t.last_seq
    FROM tasks t JOIN task_events e ON e.task_id = t.id WHERE t.id = ANY(%s) GROUP BY t.last_seq"""


async def _asked(service: Service, query: str, wanted: int, *tasks: UUID) -> None:
    """Wait until the database counts so many."""
    async with (
        asyncio.timeout(120),
        await psycopg.AsyncConnection.connect(service.database_url, autocommit=True) as connection,
    ):
        while ((await (await connection.execute(query, [list(tasks)])).fetchone()) or (0,))[0] < wanted:
            await asyncio.sleep(0.02)


async def _all_spoke(service: Service, tasks: list[UUID]) -> None:
    await _asked(service, _SPOKE, len(tasks), *tasks)


async def _all_done(service: Service, tasks: list[UUID]) -> None:
    await _asked(service, _ENDED, len(tasks), *tasks)
    async with await psycopg.AsyncConnection.connect(service.database_url, autocommit=True) as connection:
        bad = await (await connection.execute(_BAD, [tasks])).fetchone()
    if bad is None or bad[0]:
        raise RuntimeError("a task of the benchmark did not complete")


async def _gaps(service: Service, task: UUID) -> int:
    async with await psycopg.AsyncConnection.connect(service.database_url, autocommit=True) as connection:
        found = await (await connection.execute(_SEQUENCE, [[task]])).fetchone()
    return 1 if found is None else sum(abs(int(number)) for number in found)


def _p50(name: str, what: str, seconds: list[float], **more: Any) -> Row:
    made = row(name, what, [1000 * percentile(seconds, 0.5)], "ms", **more)
    spread = f"{min(seconds) * 1000:.3g} – {max(seconds) * 1000:.3g}"
    return Row(made.name, made.what, made.value, made.unit, made.baseline, made.goal, made.holds, len(seconds), spread)
