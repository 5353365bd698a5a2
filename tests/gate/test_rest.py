"""Everything of an MCP server over REST: dry runs, streams, resources, prompts and completions."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from tests.gate.conftest import DIAGNOSTICS, calls, execute, rule
from tests.mcp_door.conftest import Service, local_server, register, until

ERAS = Path(__file__).parents[1] / "mcp" / "servers" / "eras.py"
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
async def server(container: Container, ada: Caller) -> str:
    entry = await register(container, ada, **local_server("eras", str(ERAS), "both", "stdio"))
    return str(entry.id)


async def stream(client: httpx.AsyncClient, server: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    """The events of a streamed call."""
    events: list[tuple[str, Any]] = []
    kind = ""
    async with client.stream("POST", f"/mcps/{server}/execute", json=body, headers=STREAM) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((kind, json.loads(line.removeprefix("data: "))))
    return events


async def test_a_dry_run_says_what_would_be_called_and_calls_nothing(service: Service, rest: httpx.AsyncClient) -> None:
    would = (await execute(rest, dry_run=True)).json()
    assert (would["dry_run"], would["server"], would["tool"], would["consent"]) == (True, "diagnostics", "echo", None)
    assert len(would["arguments_digest"]) == 64
    wrong = await execute(rest, "wait", arguments={"seconds": "soon"}, dry_run=True)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "arguments.seconds")
    assert (await execute(rest, "sing", dry_run=True)).status_code == 404
    asking = await rule(rest, "ask", tool="echo")
    would = (await execute(rest, dry_run=True)).json()
    assert would["consent"]["rule_id"] == asking["id"]
    assert (await execute(rest, confirm=would["consent"]["digest"])).status_code == 200
    await rule(rest, "deny", tool="wait")
    denied = await execute(rest, "wait", arguments={"seconds": 0}, dry_run=True)
    assert (denied.status_code, denied.json()["code"]) == (403, "denied_by_policy")
    assert [one["tool"] for one in await calls(service, rest)] == ["echo"]


async def test_a_call_says_what_was_called(rest: httpx.AsyncClient) -> None:
    would, done = (await execute(rest, dry_run=True)).json(), (await execute(rest)).json()
    body = {"tool": "echo", "arguments": {"a": 1}}
    (kind, told) = (await stream(rest, DIAGNOSTICS, body))[-1]
    assert (kind, done["dry_run"], done["server"], done["tool"]) == ("result", False, "diagnostics", "echo")
    assert would["arguments_digest"] == done["arguments_digest"] == told["arguments_digest"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_a_number_that_json_has_not_is_refused_and_not_made_null(rest: httpx.AsyncClient, number: str) -> None:
    for more in ("", ', "dry_run": true'):
        answer = await rest.post(
            f"/mcps/{DIAGNOSTICS}/execute",
            content=f'{{"tool": "echo", "arguments": {{"n": null, "a": [1, {number}]}}{more}}}',
            headers={"Content-Type": "application/json"},
        )
        assert (answer.status_code, answer.json()["field"]) == (422, "arguments.a.1"), answer.text


async def test_a_stream_tells_progress_and_logs_and_ends_with_the_result(rest: httpx.AsyncClient, server: str) -> None:
    events = await stream(rest, server, {"tool": "count", "arguments": {"to": 3}})
    assert [told["message"] for kind, told in events if kind == "progress"] == ["counted 1", "counted 2", "counted 3"]
    kind, told = events[-1]
    assert (kind, told["is_error"], told["content"][0]["text"]) == ("result", False, "3")
    slow = await stream(rest, DIAGNOSTICS, {"tool": "wait", "arguments": {"seconds": 1.1}})
    assert slow[-1][0] == "result"
    assert any(kind == "progress" for kind, _ in slow)


async def test_what_stands_in_the_way_of_a_stream_is_an_ordinary_problem(rest: httpx.AsyncClient) -> None:
    await rule(rest, "deny", tool="echo")
    for tool, arguments, status in (("echo", {}, 403), ("wait", {"seconds": "soon"}, 422), ("sing", {}, 404)):
        body = {"tool": tool, "arguments": arguments}
        answer = await rest.post(f"/mcps/{DIAGNOSTICS}/execute", json=body, headers=STREAM)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_an_error_in_the_middle_ends_the_stream_and_says_what_it_was(rest: httpx.AsyncClient) -> None:
    body = {"tool": "wait", "arguments": {"seconds": 30}, "timeout_seconds": 0.8}
    events = await stream(rest, DIAGNOSTICS, body)
    kind, told = events[-1]
    assert (kind, told["code"], told["status"]) == ("error", "timed_out", 504)


async def test_hanging_up_cancels_the_call_where_it_runs(
    service: Service, rest: httpx.AsyncClient, server: str, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    body = {"tool": "nap", "arguments": {"mark": str(mark)}}
    async with asyncio.timeout(30), rest.stream("POST", f"/mcps/{server}/execute", json=body, headers=STREAM):
        await until(mark.exists)
    await until(lambda: mark.read_text() == "cancelled")
    await until(lambda: service.container.audit.waiting == 0)
    assert (await calls(service, rest))[0]["outcome"] == "cancelled"


async def test_resources_prompts_and_completions_are_there_over_rest(rest: httpx.AsyncClient, server: str) -> None:
    listed = (await rest.get(f"/mcps/{server}/resources")).json()
    uri = listed["resources"][0]["uri"]
    read = await rest.get(f"/mcps/{server}/resources/read", params={"uri": uri})
    assert read.json()["contents"][0]["uri"] == uri
    assert listed["templates"]
    prompt = (await rest.get(f"/mcps/{server}/prompts")).json()["prompts"][0]
    arguments = {one["name"]: "x" for one in prompt.get("arguments", [])}
    filled = await rest.post(f"/mcps/{server}/prompts/get", json={"name": prompt["name"], "arguments": arguments})
    assert filled.json()["messages"]
    ref = {"type": "ref/prompt", "name": prompt["name"]}
    argument = {"name": next(iter(arguments), "x"), "value": ""}
    completed = await rest.post(f"/mcps/{server}/complete", json={"ref": ref, "argument": argument})
    assert "values" in completed.json()["completion"]
    assert (await rest.get(f"/mcps/{DIAGNOSTICS}/resources")).json() == {"resources": [], "templates": []}


async def test_a_resource_that_is_not_there_is_a_problem_that_says_so(rest: httpx.AsyncClient, server: str) -> None:
    missing = await rest.get(f"/mcps/{server}/resources/read", params={"uri": "none://here"})
    assert (missing.status_code, missing.json()["field"]) == (422, "uri"), missing.text
    assert missing.headers["content-type"] == "application/problem+json"
    prompt = (await rest.get(f"/mcps/{server}/prompts")).json()["prompts"][0]["name"]
    unknown = await rest.post(f"/mcps/{server}/prompts/get", json={"name": "nowhere"})
    assert (unknown.status_code, unknown.json()["field"]) == (422, "name"), unknown.text
    unfilled = await rest.post(f"/mcps/{server}/prompts/get", json={"name": prompt, "arguments": {"no": "such"}})
    assert unfilled.is_success or unfilled.json().get("field") != "name"
    builtin = await rest.get(f"/mcps/{DIAGNOSTICS}/resources/read", params={"uri": "none://here"})
    assert builtin.status_code == 422
