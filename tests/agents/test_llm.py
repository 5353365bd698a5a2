"""The llm agent: the real pydantic-ai and OpenAI client against a scripted endpoint on loopback."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.agents.base import AgentInfo, AgentKind, AgentLimits, AgentTool, ToolAnswer
from orchestrator.agents.llm import LlmAgent
from orchestrator.agents.llm_config import Endpoint, LlmConfig, endpoint_for
from orchestrator.core.errors import (
    AgentFailed,
    InvalidInput,
    NotConfigured,
    OrchestratorError,
    ProviderFailed,
    QuotaReached,
    ServerUnreachable,
    TimedOut,
)
from orchestrator.core.events import EventKind
from tests.agents.support import Told, context
from tests.fakes.openai import FakeOpenAI

INFO = AgentInfo("agent:llm", "Assistant", AgentKind.LLM, "A model.", ())
KEY = "sk-secret-key-of-the-test"


class ToolBox:
    """Two working tools, one that fails and one whose server is dead."""

    def __init__(self) -> None:
        self.called: list[tuple[str, dict[str, Any]]] = []

    async def available(self) -> Sequence[AgentTool]:
        schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
        reading = frozenset({"file_read"})
        return [
            AgentTool("code__read_file", "Read a file.", schema, "code", reading),
            AgentTool("git__log.v2", "The history.", {}, "git", frozenset({"git_history"})),
            AgentTool("bad__fail", "Fails.", {}, "bad"),
            AgentTool("dead__tool", "Cannot be reached.", {}, "dead"),
        ]

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolAnswer:
        self.called.append((name, arguments))
        if name == "dead__tool":
            raise ServerUnreachable("the server died")
        if name == "bad__fail":
            return ToolAnswer("no such revision", is_error=True)
        return ToolAnswer(f"content of {arguments.get('path', 'nothing')}")


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(api_key=KEY) as fake:
        yield fake


def agent(model: FakeOpenAI, *, key: str = KEY, retries: int = 0, **config: Any) -> LlmAgent:
    return LlmAgent(INFO, Endpoint(model.base_url, "test-model", key), LlmConfig(**config), retries=retries)


async def test_the_answer_streams_as_events_and_ends_in_the_result(model: FakeOpenAI) -> None:
    model.say("It is a small library.")
    told = Told()
    result = await agent(model, instructions="Be brief.").run(context(tell=told, prompt="What is this?"))
    assert result.summary == result.data["answer"] == "It is a small library."
    assert "".join(event["text"] for event in told.of(EventKind.MESSAGE)) == result.summary
    assert result.data["usage"]["requests"] == 1
    assert result.data["usage"]["input_tokens"] == 10
    asked = model.asked[0]
    assert asked["model"] == "test-model"
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [message["kind"] for message in result.messages] == ["request", "response"]


async def test_context_is_handed_over_with_the_prompt(model: FakeOpenAI) -> None:
    model.say("yes")
    await agent(model).run(context(prompt="Right?", context={"branch": "main"}))
    assert '"branch": "main"' in str(model.asked[0]["messages"][-1]["content"])


async def test_tools_are_called_in_parallel_and_their_answers_go_back(model: FakeOpenAI) -> None:
    model.call(("code__read_file", {"path": "a.py"}), ("code__read_file", {"path": "b.py"}), text="Let me look.")
    model.say("Done.")
    told, tools = Told(), ToolBox()
    result = await agent(model).run(context(tell=told, tools=tools, prompt="Read"))
    assert sorted(given["path"] for _, given in tools.called) == ["a.py", "b.py"]
    answers = [message for message in model.asked[1]["messages"] if message["role"] == "tool"]
    assert [message["content"] for message in answers] == ["content of a.py", "content of b.py"]
    assert [event["tool"] for event in told.of(EventKind.TOOL_CALLED)] == ["code__read_file"] * 2
    assert all(event["is_error"] is False for event in told.of(EventKind.TOOL_RETURNED))
    assert result.data["usage"]["tool_calls"] == 2


async def test_tools_are_offered_with_their_own_schemas_under_names_a_model_accepts(model: FakeOpenAI) -> None:
    model.say("ok")
    await agent(model).run(context(tools=ToolBox(), prompt="Hi"))
    offered = {tool["function"]["name"]: tool["function"] for tool in model.asked[0]["tools"]}
    assert offered["code__read_file"]["parameters"]["required"] == ["path"]
    assert [name for name in offered if name.startswith("git__log_v2-")]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [(["file_read"], 1), (["code", "git"], 2), (["bad__fail"], 1), (["none"], 0), ([], 4)],
)
async def test_an_agent_gets_only_the_tools_it_wants(model: FakeOpenAI, wanted: list[str], names: int) -> None:
    model.say("ok")
    await agent(model, tools=wanted).run(context(tools=ToolBox(), prompt="Hi"))
    assert len(model.asked[0].get("tools", [])) == names


async def test_a_failing_tool_and_a_dead_server_are_told_to_the_model_and_the_run_goes_on(model: FakeOpenAI) -> None:
    model.call(("bad__fail", {}), ("dead__tool", {}))
    model.say("They do not work.")
    told = Told()
    result = await agent(model).run(context(tell=told, tools=ToolBox(), prompt="Try"))
    assert result.summary == "They do not work."
    said = str([message for message in model.asked[1]["messages"] if message["role"] == "tool"])
    assert "no such revision" in said
    assert "server_unreachable: the server died" in said
    assert all(event["is_error"] for event in told.of(EventKind.TOOL_RETURNED))


@pytest.mark.parametrize("call", [("no_such_tool", {}), ("code__read_file", "[1, 2]"), ("code__read_file", "{broken")])
async def test_a_wrong_call_is_sent_back_to_the_model(model: FakeOpenAI, call: tuple[str, Any]) -> None:
    model.call(call)
    model.say("Sorry.")
    tools = ToolBox()
    assert (await agent(model).run(context(tools=tools, prompt="Try"))).summary == "Sorry."
    assert tools.called == []


async def test_a_wrong_key_is_said_without_saying_the_key(model: FakeOpenAI) -> None:
    with pytest.raises(AgentFailed) as caught:
        await agent(model, key="sk-wrong-key-1234567").run(context(prompt="Hi"))
    assert caught.value.hint == "check LLM_API_KEY"
    assert "sk-wrong-key-1234567" not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    ("status", "code", "expected", "retry"),
    [
        (429, "rate_limit_exceeded", QuotaReached, True),
        (429, "insufficient_quota", QuotaReached, True),
        (500, "server_error", ProviderFailed, True),
        (503, "overloaded", ProviderFailed, True),
        (404, "model_not_found", AgentFailed, False),
        (400, "context_length_exceeded", AgentFailed, False),
    ],
)
async def test_what_the_provider_says_decides_whether_trying_again_helps(
    model: FakeOpenAI, status: int, code: str, expected: type[OrchestratorError], retry: bool
) -> None:
    model.fail_next(status, {"error": {"message": f"it is {code}", "type": code, "code": code}})
    with pytest.raises(expected, match=code) as caught:
        await agent(model).run(context(prompt="Hi"))
    assert caught.value.retry is retry


async def test_a_rate_limit_says_how_long_to_wait(model: FakeOpenAI) -> None:
    model.fail_next(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, {"Retry-After": "17"})
    with pytest.raises(QuotaReached) as caught:
        await agent(model).run(context(prompt="Hi"))
    assert caught.value.details["retry_after"] == 17
    assert caught.value.message == "The model's provider limits the rate: slow down (status 429)"


async def test_a_stumble_is_retried_within_the_run(model: FakeOpenAI) -> None:
    model.fail_next(500, {"error": {"message": "oops"}}, {"retry-after-ms": "1"})
    model.say("Fine now.")
    assert (await agent(model, retries=1).run(context(prompt="Hi"))).summary == "Fine now."


async def test_a_stream_that_breaks_off_is_the_providers_fault(model: FakeOpenAI) -> None:
    model.cut_off("This is only the beginning of")
    with pytest.raises(ProviderFailed, match="broke off"):
        await agent(model).run(context(prompt="Hi"))


async def test_a_provider_that_reports_no_usage_is_fine_and_the_result_says_so(model: FakeOpenAI) -> None:
    model.usage = None
    model.say("Hello.")
    assert (await agent(model).run(context(prompt="Hi"))).data["usage"]["unmeasured_requests"] == 1


async def test_a_provider_that_is_not_there_is_the_providers_fault() -> None:
    with FakeOpenAI() as gone:
        absent = agent(gone)
    with pytest.raises(ProviderFailed):
        await absent.run(context(prompt="Hi"))


async def test_a_hanging_provider_ends_at_the_time_limit(model: FakeOpenAI) -> None:
    model.hold()
    with pytest.raises(TimedOut):
        await agent(model).run(context(prompt="Hi", limits=AgentLimits(seconds=0.5)))


async def test_cancelling_ends_a_request_under_way(model: FakeOpenAI) -> None:
    model.hold()
    running = asyncio.create_task(agent(model).run(context(prompt="Hi")))
    assert await asyncio.to_thread(model.arrived.wait, 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_model_that_never_stops_calling_tools_runs_into_the_limit_on_requests(model: FakeOpenAI) -> None:
    for _ in range(5):
        model.call(("code__read_file", {"path": "a.py"}))
    with pytest.raises(AgentFailed, match="limit") as caught:
        await agent(model, max_requests=3).run(context(tools=ToolBox(), prompt="Loop"))
    assert len(model.asked) == 3
    assert caught.value.details["usage"]["requests"] == 3


async def test_the_limit_on_tool_calls_counts_failed_ones_too(model: FakeOpenAI) -> None:
    model.call(*[("bad__fail", {})] * 4)
    tools = ToolBox()
    with pytest.raises(AgentFailed, match="more than 2 tool calls"):
        await agent(model, max_tool_calls=2).run(context(tools=tools, prompt="Loop"))
    assert len(tools.called) == 2


async def test_the_limit_on_tokens_ends_the_run(model: FakeOpenAI) -> None:
    model.call(("code__read_file", {"path": "a.py"}))
    with pytest.raises(AgentFailed, match="limit"):
        await agent(model, max_tokens=12).run(context(tools=ToolBox(), prompt="Hi"))
    assert len(model.asked) == 1


async def test_without_settings_it_says_what_to_set() -> None:
    bare = LlmAgent(INFO, Endpoint(), LlmConfig())
    assert bare.info.unavailable == "no language model is configured: set LLM_BASE_URL and LLM_MODEL"
    with pytest.raises(NotConfigured) as caught:
        await bare.run(context(prompt="Hi"))
    assert "LLM_API_KEY" in str(caught.value.hint)


def test_a_remote_endpoint_needs_a_key_and_a_local_one_does_not() -> None:
    assert "LLM_API_KEY" in Endpoint("https://router.example.com/v1", "m").missing
    assert Endpoint("http://127.0.0.1:11434/v1", "m").missing == ""
    assert Endpoint("http://localhost:11434/v1", "m").missing == ""


def test_the_services_key_never_goes_to_an_endpoint_of_somebody_else() -> None:
    default = Endpoint("https://ours.example.com/v1", "m", KEY)
    assert endpoint_for(LlmConfig(base_url="https://theirs.example.com/v1"), default).api_key == ""
    assert endpoint_for(LlmConfig(base_url="https://ours.example.com/v1/"), default).api_key == KEY
    assert endpoint_for(LlmConfig(model="other"), default) == Endpoint(default.base_url, "other", KEY)
    assert KEY not in repr(default)


@pytest.mark.parametrize("given", [{}, {"prompt": ""}, {"prompt": "x", "model": "y"}])
async def test_wrong_input_is_refused_before_anything_is_asked(model: FakeOpenAI, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await agent(model).run(context(**given))
    assert model.requests == []


def test_the_heavy_libraries_are_not_loaded_before_the_first_run() -> None:
    code = "import sys, orchestrator.agents.llm; print([m for m in ('pydantic_ai', 'openai') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_scripted_model_is_served_as_a_program(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(["Hello.", [{"name": "look", "arguments": {"path": "a"}}]]))
    command = [sys.executable, "-m", "orchestrator.agents.scripted.model_server", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            url = served.stdout.readline().split()[0].partition("=")[2]
            body = {"model": "scripted", "messages": [{"role": "user", "content": "Hi"}]}
            said = [httpx.post(f"{url}/chat/completions", json=body).json()["choices"][0] for _ in range(3)]
        finally:
            served.kill()
    assert said[0]["message"]["content"] == "Hello."
    assert said[1]["message"]["tool_calls"][0]["function"]["name"] == "look"
    assert said[2]["message"]["content"] == "You said: Hi"
