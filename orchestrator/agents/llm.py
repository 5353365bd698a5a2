"""The ``llm`` kind: a language model with instructions and the tools of the registered MCP servers.

The catalogue makes one from the settings, or from a custom agent's own configuration. The conversation itself is led
by ``llm_engine``, which is loaded at the first run only. A missing setting makes the agent unavailable, not absent.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.agents.base import AgentContext, AgentInfo, AgentLimits, AgentResult
from orchestrator.agents.llm_config import ADVICE, Endpoint, LlmConfig, LlmInput
from orchestrator.agents.options import read_options
from orchestrator.core.errors import NotConfigured


class LlmAgent:
    """A model with tools. ``retries`` is how often one request is tried again when the provider stumbles."""

    def __init__(self, info: AgentInfo, endpoint: Endpoint, config: LlmConfig, *, retries: int = 2) -> None:
        self.endpoint = endpoint
        self.config = config
        self._retries = retries
        self._info = replace(
            info, unavailable=info.unavailable or endpoint.missing, account=endpoint.account, model=endpoint.model,
            address=endpoint.base_url, takes_up="conversation",
        )  # fmt: skip

    @property
    def info(self) -> AgentInfo:
        """Who it is and what it can do."""
        return self._info

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        read_options(LlmInput, given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Lead the conversation to its end; limits are the tighter of the context's and the configuration's."""
        given = read_options(LlmInput, context.input)
        if self._info.unavailable:
            raise NotConfigured(self._info.unavailable, hint=ADVICE)
        # Loaded here: pydantic-ai and the OpenAI client cost 2 s and 118 MB, which the API never needs.
        from orchestrator.agents.llm_engine import converse  # noqa: PLC0415

        bounded = replace(context, limits=_tighter(context.limits, self.config))
        return await converse(self.endpoint, self.config, given, bounded, retries=self._retries)


def _tighter(limits: AgentLimits, config: LlmConfig) -> AgentLimits:
    return AgentLimits(
        limits.seconds,
        min(limits.requests, config.max_requests),
        min(limits.tool_calls, config.max_tool_calls),
        min(limits.tokens, config.max_tokens),
    )
