"""The ``acp`` kind: a coding agent that is a program of its own, in a worktree of its own.

The catalogue makes one for each known program, and from custom agents' configurations. The conversation is led by
``session``, which is loaded at the first run only. A program that is not installed makes the agent unavailable.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import orjson

from orchestrator.agents.acp.config import Launch
from orchestrator.agents.acp.presence import Presence
from orchestrator.agents.base import AgentContext, AgentInfo, AgentResult
from orchestrator.agents.llm_config import LlmInput
from orchestrator.agents.options import read_options
from orchestrator.core.errors import NotConfigured
from orchestrator.sandbox.starter import Starter

ReadPrompt = Callable[[Mapping[str, Any]], str]


def read_prompt(given: Mapping[str, Any]) -> str:
    """The prompt of an ordinary input, with the facts beside it; InvalidInput names the field."""
    read = read_options(LlmInput, given)
    if not read.context:
        return read.prompt
    facts = orjson.dumps(read.context, default=str, option=orjson.OPT_INDENT_2).decode()
    return f"{read.prompt}\n\nContext (JSON):\n{facts}"


class AcpAgent:
    """A program that speaks the protocol. ``prompt`` makes its first words of a task's input."""

    def __init__(
        self, info: AgentInfo, launch: Launch, starter: Starter, presence: Presence, prompt: ReadPrompt = read_prompt
    ) -> None:
        self._info = replace(info, account=info.account or info.id, model=info.model or info.id, takes_up="session")
        self.launch = launch
        self._starter = starter
        self._presence = presence
        self._prompt = prompt

    @property
    def info(self) -> AgentInfo:
        """Who it is and what it can do."""
        missing = self._info.unavailable or self._presence.missing(self.launch.commands, self.launch.install)
        return replace(self._info, unavailable=missing) if missing else self._info

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        self._prompt(given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Have the program do the work."""
        prompt = self._prompt(context.input)
        if self._info.unavailable:
            raise NotConfigured(self._info.unavailable)
        # In a thread: others on this loop go on meanwhile.
        await asyncio.to_thread(import_module, "orchestrator.agents.acp.session")
        # Loaded here: the SDK's shapes cost half a second, which the API never needs.
        from orchestrator.agents.acp.session import run  # noqa: PLC0415

        told = f"{prompt}\n\n{context.feedback}" if context.feedback else prompt
        return await run(self.launch, told, context, self._starter)
