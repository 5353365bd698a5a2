"""Tasks from POST to completed: throughput against bare RQ, latency over SSE, and many waiting calls at once."""

import asyncio
import json
import time
from pathlib import Path

import psycopg

from benchmarks.load import Connection, hammer, request_bytes
from benchmarks.report import Row, percentile, row
from benchmarks.rq_baseline import bare_workers, jobs_per_second, round_trip
from benchmarks.service import Service, running_service

_TASKS = 2000
_ROUNDS = 3
_NOOP = {"type": "diagnostics", "input": {"text": "x"}}


async def throughput(folder: Path) -> list[Row]:
    """No-op tool tasks per second against bare RQ jobs per second, alternating in one run."""
    ours, bare = [], []
    async with running_service(folder) as service:
        await _tasks_per_second(service, 200)
        for _ in range(_ROUNDS):
            ours.append(await _tasks_per_second(service, _TASKS))
            with bare_workers(service.redis_url) as queue:
                bare.append(await asyncio.to_thread(jobs_per_second, queue, _TASKS))
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return [
        row("tasks_per_second", "no-op tasks, POST to completed, 2 workers", ours, "/s"),
        row("rq_jobs_per_second", "bare RQ no-op jobs, 2 SimpleWorkers", bare, "/s"),
        row("throughput_ratio", "tasks against bare RQ jobs", ratios, "×", at_least=0.5, baseline="bare RQ = 1"),
    ]


async def latency(folder: Path) -> list[Row]:
    """POST to completed as a reader of the event stream sees it, on an idle system."""
    async with running_service(folder, light_workers=1) as service:
        await _tasks_per_second(service, 50)
        seconds = [await _until_completed_on_stream(service) for _ in range(300)]
        with bare_workers(service.redis_url, 1) as queue:
            trips = [await asyncio.to_thread(round_trip, queue) for _ in range(100)]
    p50, p99 = percentile(seconds, 0.5) * 1000, percentile(seconds, 0.99) * 1000
    bare = percentile(trips, 0.5) * 1000
    spread = f"{min(seconds) * 1000:.3g} – {max(seconds) * 1000:.3g}"
    rows = [
        row("latency_p50", "POST to completed on SSE, p50", [p50], "ms", at_most=40),
        row("latency_p99", "POST to completed on SSE, p99", [p99], "ms", at_most=150),
        row("rq_round_trip", "one bare RQ job, enqueue to result, p50", [bare], "ms"),
        row("latency_ratio", "p50 against one bare RQ round trip", [p50 / bare], "×", baseline="bare RQ = 1"),
    ]
    return [_with(one, runs=len(seconds), spread=spread) if "SSE" in one.what else one for one in rows]


async def waiting_calls(folder: Path) -> list[Row]:
    """200 tool calls of 500 ms handed in at once, on one light worker."""
    body = {"type": "tool_call", "input": {"tool": "wait", "arguments": {"seconds": 0.5}}}
    seconds = []
    async with running_service(folder, light_workers=1) as service:
        await _tasks_per_second(service, 50)
        request = request_bytes("POST", "/api/v1/tasks", service.token, body)
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            await hammer(service.port, lambda _: request, 200, 50)
            await _until_all_done(service)
            seconds.append(time.perf_counter() - started)
    return [row("waiting_calls", "200 calls of 500 ms, one light worker", seconds, "s", at_most=4)]


async def _tasks_per_second(service: Service, tasks: int) -> float:
    request = request_bytes("POST", "/api/v1/tasks", service.token, _NOOP)
    started = time.perf_counter()
    answers = await hammer(service.port, lambda _: request, tasks, 32)
    if {answer.status for answer in answers} != {202}:
        raise RuntimeError(f"not every task was accepted: {answers[0].body[:300]!r}")
    await _until_all_done(service)
    return tasks / (time.perf_counter() - started)


async def _until_all_done(service: Service) -> None:
    open_tasks = "SELECT count(*) FROM tasks WHERE state NOT IN ('completed', 'failed', 'cancelled')"
    failed = "SELECT count(*) FROM tasks WHERE state <> 'completed'"
    async with await psycopg.AsyncConnection.connect(service.database_url, autocommit=True) as connection:
        while (await (await connection.execute(open_tasks)).fetchone() or (1,))[0]:
            await asyncio.sleep(0.02)
        if (await (await connection.execute(failed)).fetchone() or (1,))[0]:
            raise RuntimeError("a task of the benchmark did not complete")


async def _until_completed_on_stream(service: Service) -> float:
    post, stream = await Connection.open(service.port), await Connection.open(service.port)
    started = time.perf_counter()
    answer = await post.ask(request_bytes("POST", "/api/v1/tasks", service.token, _NOOP))
    task_id = json.loads(answer.body)["task_id"]
    await stream.read_until(request_bytes("GET", f"/api/v1/tasks/{task_id}/events", service.token), b"task.completed")
    seconds = time.perf_counter() - started
    post.close()
    stream.close()
    return seconds


def _with(one: Row, *, runs: int, spread: str) -> Row:
    return Row(one.name, one.what, one.value, one.unit, one.baseline, one.goal, one.holds, runs, spread)
