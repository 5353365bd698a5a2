"""Calls that become tasks: ours, calls that take long, and tasks of servers behind us; followed, answered, stopped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import mcp_types as types
import orjson
import pytest
from mcp import Client

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import ToolFailed
from orchestrator.core.ids import new_id
from orchestrator.core.states import TaskState
from orchestrator.jobs.light import LightWorker
from orchestrator.main import create_app
from orchestrator.mcp.builtin import CallContext
from orchestrator.models.task_store import NewTask
from tests.launches import LAUNCHES
from tests.mcp_door.conftest import Connect, Service, local_server, make_caller, make_token, register
from tests.mcp_door.test_eras import ERAS
from tests.serving import free_port, listens, serve_asgi

TASKS = Path(__file__).parents[1] / "mcp" / "servers" / "tasks.py"
EXTENSION = "io.modelcontextprotocol/tasks"
REVISION = "2026-07-28"
WAIT = {"type": "tool_call", "input": {"tool": "wait", "arguments": {"seconds": 0.5}}}

Ask = Callable[..., Awaitable[dict[str, Any]]]


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.code, self.message, self.data = error["code"], error["message"], error.get("data")


def envelope(method: str, params: dict[str, Any], *, declared: bool, elicits: bool) -> dict[str, Any]:
    """A request of the modern era."""
    capabilities = {"extensions": {EXTENSION: {}}} if declared else {}
    meta = {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": capabilities | ({"elicitation": {}} if elicits else {}),
    }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}


def headers(token: str, method: str, params: dict[str, Any]) -> dict[str, str]:
    named = {"Mcp-Name": name} if (name := params.get("taskId") or params.get("name")) else {}
    return named | {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION,
        "Mcp-Method": method,
    }


@asynccontextmanager
async def asking(url: str, token: str) -> AsyncIterator[Ask]:
    """Ask as a client of the modern era that knows tasks."""
    async with httpx.AsyncClient(timeout=30) as http:

        async def ask(
            method: str, params: dict[str, Any], *, declared: bool = True, elicits: bool = True, bearer: str = token,
            **more: str,
        ) -> dict[str, Any]:  # fmt: skip
            body = envelope(method, params, declared=declared, elicits=elicits)
            sent = headers(bearer, method, params) | {name.replace("_", "-"): value for name, value in more.items()}
            answer = (await http.post(f"{url}/mcp", json=body, headers=sent)).text
            line = next((one[6:] for one in answer.splitlines() if one.startswith("data: {")), answer)
            told: dict[str, Any] = orjson.loads(line)
            if "error" in told:
                raise Refused(told["error"])
            result: dict[str, Any] = told["result"]
            return result

        yield ask


@pytest.fixture
async def ask(service: Service, token: str) -> AsyncIterator[Ask]:
    async with asking(service.url, token) as asked:
        yield asked


async def call(ask: Ask, name: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await ask("tools/call", {"name": name, "arguments": arguments}, **more)


async def followed(ask: Ask, task_id: str, *until: str, **more: Any) -> dict[str, Any]:
    """The task, once it has ended or has one of these statuses."""
    async with asyncio.timeout(20):
        while True:
            task = await ask("tasks/get", {"taskId": task_id}, **more)
            if task["status"] in ("completed", "failed", "cancelled", *until):
                return task
            await asyncio.sleep(0.05)


async def refusal(asked: Awaitable[Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        await asked
    return caught.value


# Tasks of ours.


async def test_a_task_of_ours_is_followed_to_its_result_and_a_new_process_knows_it(
    ask: Ask, service: Service, settings: Settings, worker: LightWorker, token: str
) -> None:
    created = await call(ask, "create_task", WAIT)
    assert (created["resultType"], created["status"], created["ttlMs"]) == ("task", "working", None)
    again = await call(ask, "wait_task", {"task_id": created["taskId"], "seconds": 60})
    assert again["taskId"] == created["taskId"]
    other = create_app(settings)
    async with serve_asgi(other) as url, asking(url, token) as ask_other:
        task = await followed(ask_other, created["taskId"])
    content = task["result"]["structuredContent"]
    assert (task["status"], task["result"]["isError"], content["state"]) == ("completed", False, "completed")
    assert content["links"]["self"] == f"/api/v1/tasks/{created['taskId']}"
    assert (await call(ask, "wait_task", {"task_id": created["taskId"]}))["resultType"] == "complete"


async def test_only_its_owner_follows_a_task_and_only_one_who_says_so(
    ask: Ask, connect: Connect, container: Container, ada: Caller
) -> None:
    task_id = (await call(ask, "create_task", WAIT))["taskId"]
    bob = await make_token(container, await make_caller(container, "bob@example.org"))
    cannot_read = await make_token(container, ada, Scope.TASKS_WRITE)
    for method, more in (("tasks/get", {}), ("tasks/update", {"inputResponses": {}}), ("tasks/cancel", {})):
        params = {"taskId": task_id, **more}
        assert (await refusal(ask(method, params, declared=False))).code == -32021
        assert (await refusal(ask(method, params, bearer=bob))).code == -32602
        assert (await refusal(ask(method, params, Mcp_Name="another"))).code == -32020
    assert (await refusal(ask("tasks/get", {"taskId": task_id}, bearer=cannot_read))).code == -32602
    assert (await refusal(ask("tasks/list", {}))).code == -32601
    assert (await refusal(ask("tasks/result", {"taskId": task_id}))).code == -32601
    undeclared = await call(ask, "create_task", WAIT, declared=False)
    assert (undeclared["resultType"], undeclared["structuredContent"]["state"]) == ("complete", "queued")
    assert await ask("tasks/cancel", {"taskId": task_id}) is not None
    assert (await followed(ask, task_id))["status"] == "cancelled"
    assert (await ask("tasks/cancel", {"taskId": task_id}))["resultType"] == "complete"


async def test_a_client_of_the_older_era_is_told_that_there_are_no_tasks(service: Service, token: str) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    sent = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient(headers=sent, timeout=30) as http:
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        answer = await http.post(f"{service.url}/mcp", json=body)
        assert '"tasks"' not in answer.text
        session = {"Mcp-Session-Id": answer.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
        for method, params in (("tasks/get", {"taskId": "1"}), ("tasks/list", {}), ("tasks/cancel", {"taskId": "1"})):
            body = {"jsonrpc": "2.0", "id": 2, "method": method, "params": params}
            refused = await http.post(f"{service.url}/mcp", json=body, headers=session)
            assert '"code":-32601' in refused.text
        body = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "list_projects", "task": {}}}
        assert '"structuredContent"' in (await http.post(f"{service.url}/mcp", json=body, headers=session)).text


async def waiting_task(container: Container, user: Caller) -> str:
    """A task that asks whether it may go on."""
    task = NewTask(
        id=new_id(), user_id=user.user_id, type="diagnostics", state=TaskState.AWAITING_CONSENT, timeout_seconds=10,
        events=(), route={}, waiting_for="May it?", input={"text": "hello"},
    )  # fmt: skip
    await container.writer.create(task)
    return str(task.id)


async def test_what_a_task_asks_is_answered_through_it(
    ask: Ask, container: Container, ada: Caller, worker: LightWorker
) -> None:
    task_id = await waiting_task(container, ada)
    assert (await ask("tasks/get", {"taskId": task_id}, elicits=False))["status"] == "working"
    asked = await ask("tasks/get", {"taskId": task_id})
    (key, question), *_ = asked["inputRequests"].items()
    assert (asked["status"], question["params"]["message"]) == ("input_required", "May it?")
    await ask("tasks/update", {"taskId": task_id, "inputResponses": {"another": {"action": "decline"}}})
    assert (await ask("tasks/get", {"taskId": task_id}))["status"] == "input_required"
    granted = {key: {"action": "accept", "content": {"grant": True}}}
    assert "taskId" not in await ask("tasks/update", {"taskId": task_id, "inputResponses": granted})
    assert (await followed(ask, task_id))["result"]["isError"] is False
    refused_id = await waiting_task(container, ada)
    (key,) = (await ask("tasks/get", {"taskId": refused_id}))["inputRequests"]
    await ask("tasks/update", {"taskId": refused_id, "inputResponses": {key: {"action": "decline"}}})
    refused = await followed(ask, refused_id)
    assert (refused["status"], refused["result"]["isError"]) == ("completed", True)
    assert refused["result"]["structuredContent"]["reason"] == "consent_denied"


async def test_a_listener_hears_of_the_tasks_it_names(
    ask: Ask, service: Service, token: str, container: Container, ada: Caller
) -> None:
    task_id = await waiting_task(container, ada)
    params = {"notifications": {"taskIds": [task_id, "another", str(new_id())]}}
    assert (await refusal(ask("subscriptions/listen", params, declared=False))).code == -32021
    told: list[dict[str, Any]] = []
    method = "subscriptions/listen"
    body, sent = envelope(method, params, declared=True, elicits=True), headers(token, method, params)
    async with (
        httpx.AsyncClient(timeout=30) as http,
        http.stream("POST", f"{service.url}/mcp", json=body, headers=sent) as stream,
        asyncio.timeout(20),
    ):
        async for line in stream.aiter_lines():
            if line.startswith("data: {"):
                told.append(orjson.loads(line[6:]))
                if len(told) == 2:
                    await ask("tasks/cancel", {"taskId": task_id})
                if len(told) == 3:
                    break
    assert told[0]["params"]["notifications"]["taskIds"] == [task_id]
    assert [one["method"] for one in told[1:]] == ["notifications/tasks"] * 2
    assert [one["params"]["status"] for one in told[1:]] == ["input_required", "cancelled"]
    assert told[2]["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == 1


# Calls that take long.


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"mcp_task_after_seconds": 0.3})


async def test_a_call_that_takes_long_becomes_a_task_of_ours(ask: Ask, container: Container, ada: Caller) -> None:
    quick = await call(ask, "diagnostics__wait", {"seconds": 0.0})
    assert quick["resultType"] == "complete"
    created = await call(ask, "diagnostics__wait", {"seconds": 1.0})
    assert created["resultType"] == "task"
    rows, _ = await container.tasks.page(ada)
    assert [(row["title"], row["max_attempts"]) for row in rows] == [("diagnostics: wait", 1)]
    done = await followed(ask, created["taskId"])
    assert done["result"]["structuredContent"] == {"waited_seconds": 1.0}
    assert (await container.tasks.get(ada, rows[0]["id"]))["state"] == "completed"
    long = await call(ask, "diagnostics__wait", {"seconds": 50.0})
    bob = await make_token(container, await make_caller(container, "bob@example.org"))
    assert (await refusal(ask("tasks/get", {"taskId": long["taskId"]}, bearer=bob))).code == -32602
    await ask("tasks/cancel", {"taskId": long["taskId"]})
    assert (await followed(ask, long["taskId"]))["status"] == "cancelled"


async def test_a_call_kept_as_a_task_ends_with_a_reason_when_the_service_stops(
    settings: Settings, container: Container, ada: Caller, token: str, ask: Ask
) -> None:
    async with serve_asgi(create_app(settings)) as url, asking(url, token) as ask_other:
        created = await call(ask_other, "diagnostics__wait", {"seconds": 50.0})
    ended = await followed(ask, created["taskId"])
    assert (ended["status"], ended["result"]["isError"]) == ("completed", True)
    assert "stopped" in ended["result"]["content"][0]["text"]


async def test_a_question_of_a_call_kept_as_a_task_is_answered_through_it(
    ask: Ask, container: Container, ada: Caller
) -> None:
    await register(container, ada, **local_server("eras", str(ERAS), "legacy", "stdio"))
    created = await call(ask, "eras__ask_late", {"seconds": 0.8})
    asked = await followed(ask, created["taskId"], "input_required")
    (key, question), *_ = asked["inputRequests"].items()
    assert question["params"]["message"] == "What is your name?"
    answer = {key: {"action": "accept", "content": {"name": "Ada"}}}
    await ask("tasks/update", {"taskId": created["taskId"], "inputResponses": answer})
    done = await followed(ask, created["taskId"])
    assert done["result"]["content"][0]["text"] == "accept {'name': 'Ada'}"


# Tasks of servers behind us.


@pytest.fixture
async def two_servers(container: Container, ada: Caller) -> AsyncIterator[None]:
    """Two servers that give out the same ids, over HTTP."""
    ports = free_port(), free_port()
    running = [LAUNCHES.run(TASKS, "http", str(port)) for port in ports]
    try:
        for name, port in zip(("one", "two"), ports, strict=True):
            await listens(port)
            await register(container, ada, name=name, transport="streamable_http", url=f"http://127.0.0.1:{port}/mcp")
        yield
    finally:
        for server in running:
            server.kill()


@pytest.mark.usefixtures("two_servers")
async def test_tasks_of_servers_behind_keep_apart_and_outlive_the_gateway(
    ask: Ask, container: Container, settings: Settings, token: str
) -> None:
    one = await call(ask, "one__slow_compute", {"seconds": 50, "label": "one"})
    two = await call(ask, "two__slow_compute", {"seconds": 0.5, "label": "two"})
    assert one["taskId"] != two["taskId"]
    assert (one["ttlMs"], one["x-unknown"]) == (60_000, "kept")
    bob = await make_token(container, await make_caller(container, "bob@example.org"))
    for stranger in ({"taskId": one["taskId"][:-6] + "AAAAA="}, {"taskId": "task-1"}):
        assert (await refusal(ask("tasks/get", stranger))).code == -32602
    assert (await refusal(ask("tasks/cancel", {"taskId": one["taskId"]}, bearer=bob))).code == -32602
    async with serve_asgi(create_app(settings)) as url, asking(url, token) as ask_other:
        done = await followed(ask_other, two["taskId"])
        assert (done["taskId"], done["result"]["content"][0]["text"]) == (two["taskId"], "computed two")
        await ask_other("tasks/cancel", {"taskId": one["taskId"]})
        assert (await followed(ask_other, one["taskId"]))["status"] == "cancelled"


async def test_a_task_that_a_restarted_server_forgot_is_told_in_its_words(
    ask: Ask, container: Container, ada: Caller
) -> None:
    entry = await register(container, ada, **local_server("tasks", str(TASKS), "stdio"))
    created = await call(ask, "tasks__slow_compute", {"seconds": 50})
    await container.pool.forget(entry.id)
    refused = await refusal(ask("tasks/get", {"taskId": created["taskId"]}))
    assert (refused.code, refused.data) == (-32602, {"of": "the server"})


async def test_who_cannot_follow_tasks_has_them_followed(
    connect: Connect, container: Container, ada: Caller, era: str
) -> None:
    entry = await register(container, ada, **local_server("tasks", str(TASKS), "stdio"))
    definition = await container.registry.definition(entry, ada.user_id)
    failed = await container.pool.call_tool(definition, "failing_job", {}, context=CallContext())
    assert failed.is_error
    with pytest.raises(ToolFailed, match="out of stock"):
        await container.pool.call_tool(definition, "protocol_error_job", {}, context=CallContext())
    if era == "legacy":
        told: list[str | None] = []

        async def hear(done: float, total: float | None, message: str | None) -> None:
            told.append(message)

        async with connect(elicitation_callback=_confirmed) as client:
            result = await client.call_tool("tasks__confirm_delete", {"filename": "a"}, progress_callback=hear)
            assert _text(result) == "deleted: {'confirm': True}"
            assert told[0] == "it is input_required"
            await _abandoned(client)


async def _confirmed(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"confirm": True})


def _text(result: Any) -> str:
    return "".join(part.text for part in result.content)


async def _abandoned(client: Client) -> None:
    """A call that is given up is given up on the server, too."""

    async def working(wanted: bool) -> None:
        async with asyncio.timeout(10):
            told = ""
            while not told or ("working" in told) is not wanted:
                told = _text(await client.call_tool("tasks__greet", {"name": "tasks"}))

    calling = asyncio.create_task(client.call_tool("tasks__slow_compute", {"seconds": 50}))
    await working(True)
    calling.cancel()
    await working(False)
