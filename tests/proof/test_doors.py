"""The doors of proof through the real application: what is refused by which field, and what is read afterwards."""

from uuid import UUID

import httpx

from orchestrator.bootstrap import Container
from tests.accounts.doors import caller, client, container, enter
from tests.proof.conftest import MakeProject, RunAttempt, Writer, put, python

__all__ = ["caller", "client", "container"]


async def hand_in(client: httpx.AsyncClient, project: UUID, *acceptance: object) -> httpx.Response:
    body = {"type": "lint_fix", "project_id": str(project), "acceptance": list(acceptance), "max_attempts": 1}
    return await client.post("/tasks", json=body)


async def test_a_wrong_criterion_is_refused_by_its_field(client: httpx.AsyncClient, make_project: MakeProject) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    answer = await hand_in(client, project, {"kind": "command", "command": "make test"})
    assert (answer.status_code, answer.json()["field"]) == (422, "acceptance[0].command")
    answer = await hand_in(client, project, python("pass"), {"kind": "tests", "select": ["--pdb"]})
    assert (answer.status_code, answer.json()["field"]) == (422, "acceptance[1].select[0]")
    answer = await hand_in(client, project, {"kind": "wish"})
    assert (answer.status_code, answer.json()["field"]) == (422, "acceptance[0].kind")
    answer = await client.post("/tasks", json={"type": "diagnostics", "acceptance": [python("pass")]})
    assert (answer.status_code, answer.json()["field"]) == (422, "project_id")


async def test_proof_attempts_and_diff_are_read_by_members_only(
    client: httpx.AsyncClient, container: Container, make_project: MakeProject, run_attempt: RunAttempt
) -> None:
    put(container, Writer({"a.py": "x = 2\n"}))
    project = await make_project({"a.py": "x = 1\n"})
    long = python("print('x' * 20_000)", name="long")
    task = (await hand_in(client, project, python("import a; assert a.x == 2", name="two"), long)).json()["task_id"]
    assert (await client.get(f"/tasks/{task}/proof")).json() == {"met": None, "items": []}
    assert (await client.get(f"/tasks/{task}/diff")).status_code == 404
    assert (await run_attempt(UUID(task)))["state"] == "completed"
    page = (await client.get(f"/tasks/{task}/proof")).json()
    assert page["met"] is True
    assert [(item["number"], item["name"], item["verdict"]) for item in page["items"]] == [
        (0, "merges with the present base", "passed"),
        (1, "two", "passed"),
        (2, "long", "passed"),
    ]
    assert page["items"][2]["output_bytes"] == 20_001
    whole = await client.get(f"/tasks/{task}/proof/{page['items'][2]['id']}/output")
    assert (whole.headers["content-type"], len(whole.text)) == ("text/plain; charset=utf-8", 20_001)
    (attempt,) = (await client.get(f"/tasks/{task}/attempts")).json()["items"]
    assert attempt["change"]["added"] == 1
    assert [one["verdict"] for one in attempt["proof"]] == ["passed"] * 3
    assert attempt["seconds"] > 0
    diff = (await client.get(f"/tasks/{task}/diff", params={"attempt": 1})).json()
    (file,) = diff["changed"]
    assert [(line["kind"], line["text"]) for line in file["hunks"][0]["lines"]] == [
        ("removed", "x = 1"),
        ("added", "x = 2"),
    ]
    await enter(client, "eve@example.org")
    for path in ("proof", "attempts", "diff", f"proof/{page['items'][2]['id']}/output"):
        assert (await client.get(f"/tasks/{task}/{path}")).status_code == 404


async def test_a_change_is_reviewed_merged_and_undone_through_the_doors(
    client: httpx.AsyncClient, container: Container, make_project: MakeProject, run_attempt: RunAttempt
) -> None:
    put(container, Writer({"a.py": "x = 2\n"}))
    project = await make_project({"a.py": "x = 1\n"})
    task = (await hand_in(client, project)).json()["task_id"]
    assert (await run_attempt(UUID(task)))["state"] == "completed"
    lost = {"path": "a.py", "line": 7, "text": "where?"}
    answer = await client.post(f"/tasks/{task}/reviews", json={"verdict": "comment", "comments": [lost]})
    assert (answer.status_code, answer.json()["field"]) == (422, "comments[0].line")
    answer = await client.post(f"/tasks/{task}/merge", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    said = {"verdict": "approve", "summary": "good", "comments": [{"path": "a.py", "line": 1, "text": "two it is"}]}
    answer = await client.post(f"/tasks/{task}/reviews", json=said)
    assert (answer.status_code, answer.json()["commit"]) == (
        201,
        (await client.get(f"/tasks/{task}/diff")).json()["commit"],
    )
    assert [one["summary"] for one in (await client.get(f"/tasks/{task}/reviews")).json()["items"]] == ["good"]
    answer = await client.post(f"/tasks/{task}/merge", json={"method": "local"})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    await run_attempt(UUID(answer.json()["work_id"]))
    (entry,) = (await client.get(f"/projects/{project}/merges")).json()["items"]
    assert (entry["state"], entry["task_id"]) == ("merged", task)
    answer = await client.post(f"/tasks/{task}/undo", json={"override_reason": "because"})
    assert (answer.status_code, answer.json()["field"]) == (409, "override_reason")
    answer = await client.post(f"/tasks/{task}/undo")
    assert (answer.status_code, answer.json()["action"]) == (202, "undo")
    await run_attempt(UUID(answer.json()["work_id"]))
    assert [one["state"] for one in (await client.get(f"/tasks/{task}/merges")).json()["items"]] == ["merged", "merged"]
    await enter(client, "eve@example.org")
    for path in ("merge", "undo", "reviews"):
        body = {"verdict": "approve"} if path == "reviews" else {}
        assert (await client.post(f"/tasks/{task}/{path}", json=body)).status_code == 404
    assert (await client.get(f"/projects/{project}/merges")).status_code == 404
