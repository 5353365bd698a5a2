"""Leads one conversation with a model through pydantic-ai: prompt in, tool calls out to the context's tools, text back.

Loaded by ``llm`` at the first run, because its imports are heavy. Everything the model says is told as events while it
streams; limits on requests, tool calls, tokens and time hold for the whole run. It keeps nothing between runs.
"""

import asyncio
import time
from collections.abc import AsyncIterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx2
import orjson
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from pydantic_ai import Agent, AgentRunResult, RunContext, capture_run_messages
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    AgentStreamEvent,
    FunctionToolCallEvent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage, UsageLimits

from orchestrator.agents.base import AgentContext, AgentResult, Meter, Tell
from orchestrator.agents.llm_config import DEFAULT_INSTRUCTIONS, Endpoint, LlmConfig, LlmInput
from orchestrator.agents.llm_errors import FOREIGN, translate
from orchestrator.agents.llm_tools import ContextToolset
from orchestrator.core.errors import AgentFailed, BudgetReached, ProviderFailed, QuotaReached, TimedOut
from orchestrator.core.events import EventKind
from orchestrator.core.quota import STOPS, wait_in_headers
from orchestrator.core.spending import Usage

_CONNECT_SECONDS = 10.0
_REQUEST_SECONDS = 600.0
_MAY_STOP = STOPS | {503, 529}
_TELL_SECONDS = 0.25
_TELL_CHARS = 400
_SUMMARY_CHARS = 4000


async def converse(
    endpoint: Endpoint, config: LlmConfig, given: LlmInput, context: AgentContext, *, retries: int
) -> AgentResult:
    """The model's answer to the prompt, with the whole conversation and what it used."""
    toolset = ContextToolset(context, config.tools)
    usage = RunUsage()
    limit = asyncio.timeout(context.limits.seconds)
    try:
        async with limit, _client(endpoint, context, retries) as client:
            notes = f"{context.notes}\n\n{context.feedback}".strip()
            agent = _agent(client, endpoint, config, toolset, notes, context)
            limits = UsageLimits(request_limit=context.limits.requests)
            listener = _Listener(context.tell, context.limits.tokens, context.meter)
            talk = _Talk(agent, usage, limits, listener, endpoint, toolset)
            result = await talk.begin(_prompt(given), context)
            while said := await _said(context):
                if context.meter is not None:
                    await context.meter.check()
                result = await talk.turn(said, result.all_messages())
    except TimeoutError as error:
        if not limit.expired():
            raise
        seconds = context.limits.seconds
        raise TimedOut(f"The agent took longer than {seconds:g} s.", details={"seconds": seconds}) from error
    finish = (result.response.provider_details or {}).get("finish_reason")
    if finish is None:
        # The stream ended in the middle; the library takes what came for the whole and says "stop" by itself.
        raise ProviderFailed("The model's answer broke off.", details={"usage": _used(usage, toolset)})
    messages = ModelMessagesTypeAdapter.dump_python(result.all_messages(), mode="json")
    data = {
        "answer": result.output,
        "model": endpoint.model,
        "finish": finish,
        "usage": _used(usage, toolset),
    }
    return AgentResult(result.output[:_SUMMARY_CHARS], data, messages)


@dataclass
class _Talk:
    """A conversation, turn by turn. What ends it because of a quota carries what was said, so that it can go on."""

    agent: Agent[None, str]
    usage: RunUsage
    limits: UsageLimits
    listener: "_Listener"
    endpoint: Endpoint
    toolset: ContextToolset

    async def begin(self, prompt: str, context: AgentContext) -> AgentRunResult[str]:
        """The first turn, or where an earlier attempt was stopped."""
        history = ModelMessagesTypeAdapter.validate_python(list(context.history))
        if not history:
            return await self.turn(prompt, [])
        context.tell(EventKind.LOG, message="goes on with the conversation of the attempt before", resumed=True)
        # A request that was never answered is asked again as it is; after an answer something must be said.
        return await self.turn(context.go_on if history[-1].kind == "response" else None, history)

    async def turn(self, prompt: str | None, history: list[ModelMessage]) -> AgentRunResult[str]:
        """One turn, told while it happens. Raises errors of ours."""
        with capture_run_messages() as messages:
            try:
                return await self.agent.run(
                    prompt, message_history=history, usage_limits=self.limits, usage=self.usage,
                    event_stream_handler=self.listener.listen,
                )  # fmt: skip
            except BudgetReached as stop:
                stop.conversation = _kept(messages)
                raise
            except (*FOREIGN, UserError) as error:
                made = translate(error, self.endpoint, {"usage": _used(self.usage, self.toolset)})
                if isinstance(made, QuotaReached):
                    made.conversation = _kept(messages)
                raise made from error
            finally:
                if self.listener.meter is not None:
                    self.listener.meter.note(spent(self.usage))


def _kept(messages: list[ModelMessage]) -> list[Any]:
    """What was said before the answer that broke off, or that was not acted on."""
    said = messages[:-1] if messages and messages[-1].kind == "response" else messages
    kept: list[Any] = ModelMessagesTypeAdapter.dump_python(list(said), mode="json")
    return kept


def spent(usage: RunUsage) -> Usage:
    """What a run used, in our words."""
    return Usage(usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.requests)


async def _said(context: AgentContext) -> str:
    """What people told the agent: it goes with the next request, or is the next prompt in the same conversation."""
    texts = list(await context.people.said()) if context.people is not None else []
    for text in texts:
        context.tell(EventKind.MESSAGE, role="user", text=text)
    return "\n\n".join(texts)


def _client(endpoint: Endpoint, context: AgentContext, retries: int) -> AsyncOpenAI:
    # A key must stand there even for servers that need none; the SDK would else take one from our environment.
    timeout = httpx2.Timeout(min(context.limits.seconds, _REQUEST_SECONDS), connect=_CONNECT_SECONDS)
    return AsyncOpenAI(
        base_url=endpoint.base_url, api_key=endpoint.api_key or "none", timeout=timeout, max_retries=retries,
        http_client=DefaultAsyncHttpxClient(event_hooks={"response": [partial(_no_knocking, context)]}),
    )  # fmt: skip


async def _no_knocking(context: AgentContext, response: httpx2.Response) -> None:
    """Whoever says stop is not asked again by the client: the attempt is parked, and with it all of the account."""
    if response.status_code not in _MAY_STOP:
        return
    seconds = wait_in_headers(response.headers, datetime.now(UTC))
    if seconds is None and response.status_code not in STOPS:
        return
    response.headers["x-should-retry"] = "false"
    if seconds is not None and context.hear_stop is not None:
        await context.hear_stop(seconds)


def _agent(
    client: AsyncOpenAI,
    endpoint: Endpoint,
    config: LlmConfig,
    toolset: ContextToolset,
    notes: str,
    context: AgentContext,
) -> Agent[None, str]:
    async def before_request(messages: list[ModelMessage]) -> list[ModelMessage]:
        """Between a round of tools and the next request nothing is half done: people are heard, and it may rest."""
        last = messages[-1]
        if isinstance(last, ModelRequest) and (said := await _said(context)):
            messages = [*messages[:-1], replace(last, parts=[*last.parts, UserPromptPart(said)])]
        if context.safe_points is not None:
            await context.safe_points.reached(ModelMessagesTypeAdapter.dump_python(messages, mode="json"))
        return messages

    settings = ModelSettings(parallel_tool_calls=True)
    if config.temperature is not None:
        settings["temperature"] = config.temperature
    return Agent(
        OpenAIChatModel(endpoint.model, provider=OpenAIProvider(openai_client=client)),
        instructions=f"{config.instructions or DEFAULT_INSTRUCTIONS}\n\n{notes}".strip(),
        name="orchestrator",
        model_settings=settings if not toolset.is_empty else None,
        toolsets=[toolset],
        capabilities=[ProcessHistory(before_request)],
        retries=2,
    )


def _prompt(given: LlmInput) -> str:
    if not given.context:
        return given.prompt
    facts = orjson.dumps(given.context, default=str, option=orjson.OPT_INDENT_2).decode()
    return f"{given.prompt}\n\nContext (JSON):\n{facts}"


def _used(usage: RunUsage, toolset: ContextToolset) -> dict[str, int]:
    return {
        "requests": usage.requests,
        "tool_calls": toolset.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "unmeasured_requests": usage.unmeasured_requests,
    }


@dataclass
class _Listener:
    """Tells the model's text while it streams: a piece whenever enough has gathered, so events stay few.

    The limit on tokens is kept here and not by the library, which warns at every provider that reports no usage.
    """

    tell: Tell
    most_tokens: int
    meter: Meter | None
    _gathered: list[str] = field(default_factory=list)
    _told_at: float = field(default_factory=time.monotonic)

    async def listen(self, run: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        """Follow one response, or one round of tool calls."""
        if run.usage.total_tokens > self.most_tokens:
            text = f"The agent used {run.usage.total_tokens} tokens; its limit is {self.most_tokens}."
            raise AgentFailed(text, details={"limit": "tokens"})
        if self.meter is not None:
            self.meter.note(spent(run.usage))
        checked = self.meter is None
        async for event in events:
            if isinstance(event, FunctionToolCallEvent) and self.meter is not None and not checked:
                checked = True
                await self.meter.check()  # before tools are called and the model is asked again; an answer may end it
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                self._gather(event.part.content)
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                self._gather(event.delta.content_delta)
            elif isinstance(event, PartEndEvent):
                self._flush()
        self._flush()

    def _gather(self, text: str) -> None:
        self._gathered.append(text)
        size = sum(map(len, self._gathered))
        if size >= _TELL_CHARS or time.monotonic() - self._told_at >= _TELL_SECONDS:
            self._flush()

    def _flush(self) -> None:
        text = "".join(self._gathered)
        self._gathered.clear()
        self._told_at = time.monotonic()
        if text:
            self.tell(EventKind.MESSAGE, role="assistant", text=text)
