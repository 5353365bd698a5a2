"""Prepared questions through REST and through MCP: the same catalogue, the same answers, the same refusals."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.graph_questions import GRAPH_QUESTIONS
from orchestrator.core.ids import new_id
from orchestrator.git.templates import Author
from orchestrator.kg.indexing.build import build_graph
from orchestrator.models import Graph, Membership, Project, RepositoryState, Role
from tests.kg.sample import SAMPLE, write_tree
from tests.mcp_door.conftest import Connect, Service, make_caller, make_token


@pytest.fixture
async def project(container: Container, ada: Caller, tmp_path: Path) -> AsyncIterator[UUID]:
    """A project of Ada's with a built graph, whose query server ends with the test."""
    made = new_id()
    info = await container.mirrors.create_from_template(made, {"README.md": "x"}, Author("Ada", "ada@example.org"))
    row = Project(
        id=made, owner_id=ada.user_id, name="shop", template="empty", head_commit=info.head,
        default_branch=info.default_branch, repository_state=RepositoryState.READY,
    )  # fmt: skip
    async with container.database.session() as session:
        session.add(row)
        await session.flush()
        session.add(Membership(project_id=made, user_id=ada.user_id, role=Role.ADMIN))
        session.add(Graph(id=new_id(), project_id=made, commit=info.head))
    write_tree(tmp_path / "tree", SAMPLE)
    build_graph(tmp_path / "tree", container.views.graph_folder(made), project_iri=f"urn:p:{made}", commit="c0ffee")
    yield made
    await container.queries.stop(container.views.graph_folder(made))


@pytest.fixture
async def client(service: Service, token: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{service.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


async def test_rest_lists_and_answers_by_get_and_post(client: httpx.AsyncClient, project: UUID) -> None:
    base = f"/kg/{project}/questions"
    listed = (await client.get(base)).json()["questions"]
    assert [one["name"] for one in listed] == list(GRAPH_QUESTIONS)
    by_get = (await client.get(f"{base}/callers", params={"symbol": "Store.put", "tokens": 500})).json()
    assert [row["symbol"] for row in by_get["callers"]] == ["shop.cart.Cart.check", "shop.cart.Cart.unknown"]
    assert by_get["unknown"]
    by_post = await client.post(f"{base}/callers", json={"symbol": "Store.put", "tokens": 500})
    assert by_post.json() == by_get
    public = (await client.get(f"{base}/dead_code", params={"public": "true", "limit": 3})).json()
    assert public["found"] > 0


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ("weather", 404, "question"),
        ("callers", 422, "symbol"),
        ("callers?symbol=nobody", 404, "symbol"),
        ("callers?symbol=a&tokens=many", 422, "tokens"),
        ("callers?symbol=a&colour=red", 422, "colour"),
        ("dead_code?public=perhaps", 422, "public"),
        ("callers?symbol=a&view=..", 422, "name"),
    ],
)
async def test_rest_names_what_is_wrong(
    client: httpx.AsyncClient, project: UUID, asked: str, status: int, field: str
) -> None:
    answer = await client.get(f"/kg/{project}/questions/{asked}")
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text


async def test_a_strangers_graph_is_hidden_and_a_scope_is_needed(
    client: httpx.AsyncClient, container: Container, ada: Caller, project: UUID
) -> None:
    bob = await make_caller(container, "bob@example.org", is_admin=False)
    for caller, scopes, status in ((bob, (), 404), (ada, (Scope.TASKS_READ,), 403)):
        headers = {"Authorization": f"Bearer {await make_token(container, caller, *scopes)}"}
        answer = await client.get(f"/kg/{project}/questions/summary", headers=headers)
        assert answer.status_code == status, answer.text


async def test_a_question_is_a_tool_of_the_graph_server(connect: Connect, project: UUID) -> None:
    async with connect() as mcp:
        tools = {tool.name: tool for tool in (await mcp.list_tools()).tools}
        (name,) = [name for name in tools if name.endswith("tests_reaching")]
        answer = await mcp.call_tool(name, {"symbol": "util.total", "project_id": str(project)})
    told = json.loads(answer.content[0].text)  # type: ignore[union-attr]
    assert [row["symbol"] for row in told["tests"]] == ["tests.test_cart.test_total", "tests.test_cart.test_save"]
