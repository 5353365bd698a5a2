"""Every agent there is: the built-in ones, and how a user's own description becomes one. Used by the agent service.

A custom agent arrives as a plain value, so this folder knows no table. Adding a built-in agent means adding a line.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.agents.acp.agent import AcpAgent
from orchestrator.agents.acp.config import AcpConfig, Launch
from orchestrator.agents.acp.entries import ENTRIES, AcpEntry
from orchestrator.agents.acp.presence import Presence
from orchestrator.agents.base import Agent, AgentInfo, AgentKind
from orchestrator.agents.best_of import BestOfAgent
from orchestrator.agents.bump_dependency import BumpDependencyAgent
from orchestrator.agents.graph_analyst import GraphAnalyst
from orchestrator.agents.graph_translator import GraphTranslator
from orchestrator.agents.licence_header import LicenceHeaderAgent
from orchestrator.agents.lint_fix import LintFixAgent
from orchestrator.agents.llm import LlmAgent
from orchestrator.agents.llm_config import Endpoint, LlmConfig, endpoint_for
from orchestrator.agents.options import read_options
from orchestrator.agents.rename_symbol import RenameSymbolAgent
from orchestrator.agents.scripted.agent import ScriptedAgent
from orchestrator.agents.scripted.input import scripted_prompt
from orchestrator.agents.sort_imports import SortImportsAgent
from orchestrator.agents.team import TeamAgent
from orchestrator.agents.team_config import TeamConfig, read_team
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import InvalidInput
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Limits, Wish

PREFIX = "agent:"
CUSTOM_KINDS = (AgentKind.LLM, AgentKind.ACP, AgentKind.TEAM)
Config = LlmConfig | AcpConfig | TeamConfig
_PACKAGE = Path(__file__).resolve().parents[1]
_LIMITS = Limits(memory_mib=8192, processes=512, scratch_mib=1024)
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
    """The built-in agents, and a maker of custom ones. ``endpoint`` is the service's own language model.

    ``starter`` starts agents that are programs; ``secrets`` are variables that known ones get, each those of its entry.
    """

    def __init__(
        self, endpoint: Endpoint, starter: Starter | None = None, secrets: Mapping[str, str] | None = None
    ) -> None:
        self._endpoint = endpoint
        self.starter = starter or Starter()
        self._presence = Presence()
        programs = [self._program(entry, secrets or {}) for entry in ENTRIES]
        agents: tuple[Agent, ...] = (
            *(LintFixAgent(), SortImportsAgent(), LicenceHeaderAgent(), BumpDependencyAgent(), RenameSymbolAgent()),
            GraphAnalyst(),
            *(GraphTranslator(endpoint), _assistant(endpoint)),
            *programs,
            BestOfAgent(),
            *(_scripted(), _scripted(changes_code=True), self._scripted_program()),
        )
        self.builtins: dict[str, Agent] = {agent.info.id: agent for agent in agents}

    async def look(self) -> None:
        """Look which programs are installed, unless that was done a moment ago; their agents tell what was seen."""
        await self._presence.look()

    def custom(self, spec: CustomSpec) -> Agent:
        """The agent a user described."""
        config = check_config(spec.kind, spec.config)
        if isinstance(config, AcpConfig):
            return self._custom_program(spec, config)
        if isinstance(config, TeamConfig):
            return _custom_team(spec, config)
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

    def _custom_program(self, spec: CustomSpec, config: AcpConfig) -> AcpAgent:
        info = AgentInfo(
            id=spec.id, name=spec.name, kind=AgentKind.ACP, description=spec.description,
            capabilities=spec.capabilities or (Capability("coding"),), task_types=frozenset({"code_change"}),
            changes_code=True, unavailable=spec.unavailable, example=_PROMPT,
        )  # fmt: skip
        secrets = {config.key_env: spec.api_key} if config.key_env and spec.api_key else {}
        launch = Launch(
            spec.name, ((config.command, *config.args),), config.wish(), config.env, secrets, config.unruled,
            config.files, config.terminals, config.mode, tools=config.tools,
        )  # fmt: skip
        return AcpAgent(info, launch, self.starter, self._presence)

    def _program(self, entry: AcpEntry, secrets: Mapping[str, str]) -> AcpAgent:
        info = AgentInfo(
            id=entry.id, name=entry.name, kind=AgentKind.ACP, description=entry.description,
            capabilities=tuple(Capability(name) for name in entry.capabilities), task_types=frozenset({"code_change"}),
            changes_code=True, example=_PROMPT,
        )  # fmt: skip
        granted = {name: secrets[name] for name in entry.secrets if name in secrets}
        said = {name: secrets[name] for name in entry.settings if name in secrets}
        launch = Launch(
            entry.name, entry.commands, Wish(network="full", limits=_LIMITS), {**entry.env, **said}, granted,
            files=entry.files, mode=entry.mode, install=entry.install, inside={**entry.inside},
            kinds={**entry.kinds},
        )  # fmt: skip
        return AcpAgent(info, launch, self.starter, self._presence)

    def _scripted_program(self) -> AcpAgent:
        info = _scripted_info("agent:scripted-acp", "Scripted program", changes_code=True)
        command = (sys.executable, "-P", "-m", "orchestrator.agents.scripted.acp_process")
        launch = Launch(
            info.name, (command,), Wish(limits=_LIMITS), {"PYTHONPATH": str(_PACKAGE.parent)}, terminals=False,
            folders=(_PACKAGE,),
        )  # fmt: skip
        return AcpAgent(info, launch, self.starter, self._presence, scripted_prompt)


def _custom_team(spec: CustomSpec, config: TeamConfig) -> TeamAgent:
    able = {capability.name for capability in spec.capabilities}
    types = {"team"} | ({"code_change"} if config.changes_code and "coding" in able else set())
    info = AgentInfo(
        id=spec.id, name=spec.name, kind=AgentKind.TEAM, description=spec.description,
        capabilities=(Capability("teamwork"), *(c for c in spec.capabilities if c.name != "teamwork")),
        task_types=frozenset(types), changes_code=config.changes_code, unavailable=spec.unavailable, example=_PROMPT,
    )  # fmt: skip
    return TeamAgent(info, config)


_PROMPT = {"prompt": "Add a docstring to every public function."}


def check_config(kind: str, config: Mapping[str, Any]) -> Config:
    """A custom agent's configuration; InvalidInput names the field at fault."""
    if kind not in CUSTOM_KINDS:
        raise InvalidInput(f"custom agents are of kind {', '.join(CUSTOM_KINDS)}", field="kind")
    if kind == AgentKind.ACP:
        read = read_options(AcpConfig, config, "config")
        read.wish("config.")
        return read
    if kind == AgentKind.TEAM:
        return read_team(config)
    return read_options(LlmConfig, config, "config")


def _scripted(*, changes_code: bool = False) -> ScriptedAgent:
    if changes_code:
        return ScriptedAgent(_scripted_info("agent:scripted-editor", "Scripted editor", changes_code=True))
    return ScriptedAgent(_scripted_info("agent:scripted", "Scripted agent", changes_code=False))


def _scripted_info(identifier: str, name: str, *, changes_code: bool) -> AgentInfo:
    return AgentInfo(
        id=identifier, name=name, kind=AgentKind.SCRIPTED,
        description="Does what its script says, without a model: to check a deployment, for the demo and benchmarks.",
        capabilities=(Capability("scripted"),), task_types=frozenset({"scripted"}), changes_code=changes_code,
        example={"steps": [{"do": "say", "text": "hello"}]},
    )  # fmt: skip


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
