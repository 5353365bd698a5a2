"""Reading one task with a token, in requests per second, against an empty FastAPI route on the same server settings."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.load import Connection, hammer, request_bytes
from benchmarks.report import Row, row
from benchmarks.service import free_port, running_service

_EMPTY = """
import sys, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def empty(): return {}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="error")
"""
_REQUESTS = 4000
_ROUNDS = 5


async def reads(folder: Path) -> list[Row]:
    """GET /tasks/{id} against the empty route, alternating in one run, 32 connections."""
    port = free_port()
    empty = subprocess.Popen([sys.executable, "-c", _EMPTY, str(port)])
    ours, bare = [], []
    try:
        async with running_service(folder, light_workers=1) as service:
            task = {"type": "diagnostics", "input": {"text": "x"}}
            connection = await Connection.open(service.port)
            answer = await connection.ask(request_bytes("POST", "/api/v1/tasks", service.token, task))
            path = f"/api/v1/tasks/{json.loads(answer.body)['task_id']}"
            get = request_bytes("GET", path, service.token)
            for number in range(_ROUNDS + 1):
                mine = await _per_second(service.port, get)
                theirs = await _per_second(port, request_bytes("GET", "/"))
                if number:  # the first round warms both up
                    ours.append(mine)
                    bare.append(theirs)
    finally:
        empty.terminate()
        empty.wait(10)
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return [
        row("task_reads", "GET /tasks/{id} with a token", ours, "/s"),
        row("empty_route", "an empty FastAPI route", bare, "/s"),
        row("read_ratio", "task reads against the empty route", ratios, "×", at_least=0.35, baseline="empty route = 1"),
    ]


async def _per_second(port: int, request: bytes) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    answers = await hammer(port, lambda _: request, _REQUESTS, 32)
    if {answer.status for answer in answers} != {200}:
        raise RuntimeError(f"a read failed: {answers[0].body[:300]!r}")
    return _REQUESTS / (loop.time() - started)
