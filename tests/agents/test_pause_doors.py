"""Pausing, resuming and forking through the real application: what is refused by which field, and who may."""

import asyncio
from typing import Any
from uuid import UUID

import httpx

from orchestrator.bootstrap import Container
from orchestrator.embedded.processes import wait_until
from orchestrator.jobs.runner import make_runner
from tests.accounts.doors import caller, client, container, enter
from tests.agents.conftest import MakeProject

__all__ = ["caller", "client", "container"]

STEPS: list[dict[str, Any]] = [
    {"do": "write", "path": "b.py", "text": "y = 1\n"}, {"do": "say", "text": "one"}, {"do": "wait", "seconds": 0.5},
    {"do": "say", "text": "two"},
]  # fmt: skip


async def hand_in(client: httpx.AsyncClient, project: UUID) -> str:
    body = {
        "type": "scripted", "input": {"steps": STEPS}, "project_id": str(project),
        "preferred_target": "agent:scripted-editor",
    }  # fmt: skip
    answer = await client.post("/tasks", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


async def log_of(client: httpx.AsyncClient, task: str) -> list[dict[str, Any]]:
    return list((await client.get(f"/tasks/{task}/log")).json()["items"])


async def test_a_task_is_paused_resumed_and_forked_through_the_doors(
    client: httpx.AsyncClient, container: Container, make_project: MakeProject
) -> None:
    task = await hand_in(client, await make_project({"a.py": "x = 1\n"}))
    runner, _ = make_runner(container, "heavy")
    running = asyncio.create_task(runner.run(UUID(task), 1))

    async def is_half_way() -> bool:
        return any(event["data"].get("text") == "one" for event in await log_of(client, task))

    assert await wait_until(is_half_way, 60)
    paused = (await client.post(f"/tasks/{task}/pause")).json()
    assert (paused["state"], paused["pause_requested"]) == ("running", True)
    await running
    assert (await client.get(f"/tasks/{task}")).json()["state"] == "awaiting_input"
    again = await client.post(f"/tasks/{task}/pause")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")
    wrong = await client.post(f"/tasks/{task}/resume", json={"text": "x\0"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "text")
    resumed = await client.post(f"/tasks/{task}/resume", json={"text": "hurry"})
    assert (resumed.status_code, resumed.json()["state"]) == (200, "queued")
    await runner.run(UUID(task), 2)
    assert (await client.get(f"/tasks/{task}")).json()["state"] == "completed"
    seq = next(event["seq"] for event in await log_of(client, task) if event["data"].get("text") == "one")
    fork = await client.post(f"/tasks/{task}/fork", json={"event": seq, "title": "Again"})
    assert (fork.status_code, fork.json()["state"]) == (201, "queued"), fork.text
    origin = fork.json()["forked_from"]
    assert (origin["task_id"], origin["event"], origin["attempt"]) == (task, seq, 1)
    assert origin["lost"]
    created = (await log_of(client, fork.json()["task_id"]))[0]
    assert created["data"]["forked_from"]["event"] == seq
    for body, field in (({"event": 0}, "event"), ({"event": 10_000}, "event"), ({"event": 1, "x": 1}, "x")):
        answer = await client.post(f"/tasks/{task}/fork", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await client.post(f"/tasks/{task}/fork", json={"event": 1, "agent_id": "agent:nobody"})).status_code == 404
    await enter(client, "eve@example.org")
    for path, given in (("pause", None), ("resume", {}), ("fork", {"event": 1})):
        assert (await client.post(f"/tasks/{task}/{path}", json=given)).status_code == 404
