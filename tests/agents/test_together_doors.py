"""The doors to notes, claims, parts and teams through the real application: what they tell, refuse and who may."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.models import Membership, Role
from tests.accounts.conftest import another_client, make_project
from tests.accounts.doors import caller, client, container, enter
from tests.agents.conftest import MakeProject
from tests.agents.conftest import make_project as make_real_project
from tests.agents.test_parts import at_work, ended, working
from tests.agents.test_teams import edit, holds, loose, says, talk, writes

__all__ = ["caller", "client", "container", "make_real_project"]


@pytest.fixture
async def project(container: Container, caller: Caller) -> UUID:
    """A project of Ada's without a repository."""
    return await make_project(container, caller.user_id)


async def posted(client: httpx.AsyncClient, project: UUID, text: str, **more: Any) -> dict[str, Any]:
    answer = await client.post(f"/projects/{project}/notes", json={"text": text, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_notes_are_written_found_taken_and_deleted(client: httpx.AsyncClient, project: UUID) -> None:
    path = f"/projects/{project}/notes"
    first = await posted(client, project, "The roof leaks.\nMind the rain.", topic="roof", todo=True)
    assert (first["state"], first["agent"], first["task_id"], first["taken_by"]) == ("todo", None, None, None)
    assert first["user_id"] == (await client.get("/user/profile")).json()["id"]
    await posted(client, project, "The door is green.")
    page = (await client.get(path)).json()
    assert [note["text"] for note in page["items"]] == ["The door is green.", "The roof leaks.\nMind the rain."]
    assert (page["total"], page["limit"], page["offset"]) == (2, 50, 0)
    for query, found in (
        ({"topic": "roof"}, 1), ({"topic": "roo"}, 0), ({"state": "note"}, 1), ({"state": ["todo", "doing"]}, 1),
        ({"limit": 1, "offset": 1}, 1), ({"offset": 2}, 0),
    ):  # fmt: skip
        assert len((await client.get(path, params=query)).json()["items"]) == found, query  # type: ignore[arg-type]
    for state in ("doing", "todo", "done"):
        answer = await client.patch(f"{path}/{first['note_id']}", json={"state": state})
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert (await client.delete(f"{path}/{first['note_id']}")).status_code == 204
    assert (await client.delete(f"{path}/{first['note_id']}")).status_code == 404
    assert (await client.get(path)).json()["total"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "x" * 4001}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": 7}, "text"),
        ({"text": "x", "topic": "y" * 101}, "topic"),
        ({"text": "x", "topic": "\0"}, "topic"),
        ({"text": "x", "todo": "perhaps"}, "todo"),
        ({"text": "x", "agent": "agent:llm"}, "agent"),
    ],
)
async def test_a_note_that_cannot_be_kept_is_refused_by_its_field(
    client: httpx.AsyncClient, project: UUID, body: dict[str, Any], field: str
) -> None:
    answer = await client.post(f"/projects/{project}/notes", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_input", field)
    assert (await client.get(f"/projects/{project}/notes")).json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"), ("limit=201", "limit"), ("limit=many", "limit"), ("offset=-1", "offset"),
        ("state=lost", "state.0"), ("topic=" + "y" * 101, "topic"), ("topic=%00", "topic"),
    ],
)  # fmt: skip
async def test_a_page_that_is_no_page_is_refused_by_its_field(
    client: httpx.AsyncClient, project: UUID, query: str, field: str
) -> None:
    answer = await client.get(f"/projects/{project}/notes?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_only_things_to_do_are_taken_and_only_to_where_they_can_stand(
    client: httpx.AsyncClient, container: Container, caller: Caller, project: UUID
) -> None:
    note = (await posted(client, project, "hello"))["note_id"]
    todo = (await posted(client, project, "mend it", todo=True))["note_id"]
    path = f"/projects/{project}/notes"
    for body in ({"state": "note"}, {"state": "gone"}, {}):
        answer = await client.patch(f"{path}/{todo}", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, "state")
    answer = await client.patch(f"{path}/{note}", json={"state": "done"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (409, "conflict", "note_id")
    assert (await client.patch(f"{path}/{uuid4()}", json={"state": "done"})).status_code == 404
    assert (await client.patch(f"{path}/nonsense", json={"state": "done"})).json()["field"] == "note_id"
    # A note is found in its own project only.
    elsewhere = await make_project(container, caller.user_id)
    for answer in (
        await client.patch(f"/projects/{elsewhere}/notes/{todo}", json={"state": "done"}),
        await client.delete(f"/projects/{elsewhere}/notes/{todo}"),
    ):
        assert answer.status_code == 404
    assert (await client.get(path)).json()["total"] == 2


async def test_a_project_keeps_so_many_notes_and_what_is_to_do_goes_last(
    client: httpx.AsyncClient, container: Container, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container.notes, "_most", 2)
    await posted(client, project, "mend it", todo=True)
    for text in ("one", "two", "three"):
        await posted(client, project, text)
    page = (await client.get(f"/projects/{project}/notes")).json()
    assert [note["text"] for note in page["items"]] == ["three", "mend it"]


async def test_strangers_find_no_project_and_viewers_only_read(
    client: httpx.AsyncClient, container: Container, project: UUID
) -> None:
    note = (await posted(client, project, "mine", todo=True))["note_id"]
    async with another_client(client.app) as eve:  # type: ignore[attr-defined]
        await enter(eve, "eve@example.org")

        async def answers() -> list[tuple[int, str]]:
            given = [
                await eve.get(f"/projects/{project}/notes"),
                await eve.get(f"/projects/{project}/claims"),
                await eve.post(f"/projects/{project}/notes", json={"text": "hers"}),
                await eve.patch(f"/projects/{project}/notes/{note}", json={"state": "done"}),
                await eve.delete(f"/projects/{project}/notes/{note}"),
            ]
            return [(answer.status_code, answer.json().get("code", "")) for answer in given]

        assert await answers() == [(404, "not_found")] * 5
        her = UUID((await eve.get("/user/profile")).json()["id"])
        async with container.database.session() as session:
            session.add(Membership(project_id=project, user_id=her, role=Role.VIEWER))
        container.access.forget()
        assert await answers() == [(200, ""), (200, ""), *[(403, "forbidden")] * 3]
    page = (await client.get(f"/projects/{project}/notes")).json()
    assert [(one["text"], one["state"]) for one in page["items"]] == [("mine", "todo")]


async def test_claims_are_shown_with_who_holds_them_while_they_hold(
    client: httpx.AsyncClient, caller: Caller, llm_settings: Settings, make_real_project: MakeProject
) -> None:
    project = await make_real_project({"a.py": "x = 1\n"})
    async with working(llm_settings) as worker:
        task, agent = await at_work(worker, caller, project_id=project, title="Write the docs")
        await worker.claims.claim(agent, [], ["docs", "README.md"])
        claims = (await client.get(f"/projects/{project}/claims")).json()["items"]
        assert {(one["name"], one["path"], one["task_id"], one["title"], one["target_id"]) for one in claims} == {
            (name, None, str(task), "Write the docs", "agent:scripted") for name in ("docs", "README.md")
        }
        await worker.tasks.cancel(caller, task)
        await ended(worker, caller, task)
    assert (await client.get(f"/projects/{project}/claims")).json()["items"] == []


async def test_a_team_at_work_is_shown_as_a_graph_and_a_tree_to_those_who_may_see_its_task(
    client: httpx.AsyncClient, container: Container, caller: Caller, llm_settings: Settings,
    make_real_project: MakeProject,
) -> None:  # fmt: skip
    project = await make_real_project({"a.py": "x = 1\n"})
    steps = [
        talk("plan", says("two files")),
        edit("implement", writes("{{item}}", "{{plan.summary}}\n"), for_each="{{input.files}}",
             acceptance=holds("a.py", "x = 1")),
        {"id": "best", "choose": "implement"},
    ]  # fmt: skip
    made = await client.post("/agents", json={"name": "Team", "team": {"steps": steps}})
    team = made.json()["id"]
    drawn = (await client.get(f"/agents/{team}/graph")).json()
    assert [(node["id"], node["state"], node["column"], node["parts"]) for node in drawn["nodes"]] == [
        ("plan", "", 0, []), ("implement", "", 1, []), ("best", "", 2, [])
    ]  # fmt: skip
    assert {(edge["earlier"], edge["later"], edge["why"]) for edge in drawn["edges"]} == {
        ("plan", "implement", "needs"), ("implement", "best", "chooses from")
    }  # fmt: skip
    assert drawn["result"] == "best"
    container.targets.refresh()
    body = {"agent_id": team, "input": {"files": ["b.txt", "c.txt"]}, "project_id": str(project)}
    task = (await client.post("/agents/execute", json=body)).json()["task_id"]
    assert (await client.get(f"/tasks/{task}/graph")).status_code == 404, "nobody has begun"
    async with working(loose(llm_settings)):
        row = await ended(container, caller, UUID(task))
    assert row["state"] == "completed", row["error"]
    nodes = (await client.get(f"/tasks/{task}/graph")).json()["nodes"]
    assert [(node["id"], node["state"], len(node["parts"])) for node in nodes] == [
        ("plan", "completed", 1), ("implement", "completed", 2), ("best", "completed", 0)
    ]  # fmt: skip
    assert [part["proof"] for node in nodes for part in node["parts"]] == [None, "passed", "passed"]
    parts = (await client.get(f"/tasks/{task}/parts")).json()["items"]
    assert sorted(part["part"] for part in parts) == ["implement[0]", "implement[1]", "plan"]
    assert {(part["parent_id"], part["depth"], part["attempt"], part["state"]) for part in parts} == {
        (task, 1, 1, "completed")
    }
    (single,) = [part["task_id"] for part in parts if part["part"] == "plan"]
    assert (await client.get(f"/tasks/{single}/graph")).json()["field"] == "task_id", "this one is no team's"
    assert (await client.get(f"/tasks/{single}/parts")).json()["items"] == []
    assert (await client.get("/agents/agent:scripted/graph")).json()["field"] == "agent_id"
    assert (await client.get(f"/tasks/{uuid4()}/parts")).status_code == 404
    assert (await client.get("/tasks/nonsense/graph")).json()["field"] == "task_id"
    await enter(client, "eve@example.org")
    for path in (f"/tasks/{task}/graph", f"/tasks/{task}/parts", f"/agents/{team}/graph"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
