"""Every agent there is: the built-in ones, and how a user's own description becomes one. Used by the agent service.

A custom agent arrives as a plain value, so this folder knows no table. Adding a built-in agent means adding a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.agents.base import Agent, AgentInfo, AgentKind
from orchestrator.agents.graph_analyst import GraphAnalyst
from orchestrator.agents.graph_translator import GraphTranslator
from orchestrator.agents.lint_fix import LintFixAgent
from orchestrator.agents.llm import LlmAgent
from orchestrator.agents.llm_config import Endpoint, LlmConfig, endpoint_for
from orchestrator.agents.options import read_options
from orchestrator.agents.rename_symbol import RenameSymbolAgent
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import InvalidInput

PREFIX = "agent:"
CUSTOM_KINDS = (AgentKind.LLM,)
_LANGUAGE_MODEL = Capability("language_model")


@dataclass(frozen=True, slots=True)
class CustomSpec:
    """A user's own agent as it was stored. ``api_key`` is decrypted and for its own endpoint only."""

    id: str
    name: str
    kind: str
    description: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    capabilities: tuple[Capability, ...] = ()
    api_key: str = field(default="", repr=False)
    unavailable: str = ""


class Catalogue:
    """The built-in agents, and a maker of custom ones. ``endpoint`` is the service's own language model."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        agents: tuple[Agent, ...] = (
            *(LintFixAgent(), RenameSymbolAgent(), GraphAnalyst()),
            *(GraphTranslator(endpoint), _assistant(endpoint)),
        )
        self.builtins: dict[str, Agent] = {agent.info.id: agent for agent in agents}

    def custom(self, spec: CustomSpec) -> Agent:
        """The agent a user described."""
        config = check_config(spec.kind, spec.config)
        others = tuple(c for c in spec.capabilities if c.name != _LANGUAGE_MODEL.name)
        info = AgentInfo(
            id=spec.id,
            name=spec.name,
            kind=AgentKind.LLM,
            description=spec.description,
            capabilities=(_LANGUAGE_MODEL, *others),
            unavailable=spec.unavailable,
            example={"prompt": "What does this project do?"},
        )
        return LlmAgent(info, endpoint_for(config, self._endpoint, spec.api_key), config)


def check_config(kind: str, config: Mapping[str, Any]) -> LlmConfig:
    """A custom agent's configuration; InvalidInput names the field at fault."""
    if kind not in CUSTOM_KINDS:
        raise InvalidInput(f"custom agents are of kind {', '.join(CUSTOM_KINDS)}", field="kind")
    return read_options(LlmConfig, config, "config")


def _assistant(endpoint: Endpoint) -> LlmAgent:
    info = AgentInfo(
        id="agent:llm",
        name="Assistant",
        kind=AgentKind.LLM,
        description="A language model with the tools of the registered MCP servers.",
        capabilities=(_LANGUAGE_MODEL,),
        task_types=frozenset({"ask"}),
        example={"prompt": "What does this project do?"},
    )
    return LlmAgent(info, endpoint, LlmConfig())
