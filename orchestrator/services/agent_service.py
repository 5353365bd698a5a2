"""Agents as users see them: the built-in ones and their own, templates, and what routing needs to know of each.

Used by the agent doors, the directory of targets and ``run_agent``. A custom agent's key is stored encrypted and never
shown. Running agents is ``run_agent``'s work.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from orchestrator.agents.acp.config import AcpConfig
from orchestrator.agents.base import Agent
from orchestrator.agents.catalogue import PREFIX, Catalogue, CustomSpec, check_config
from orchestrator.agents.llm_config import LlmConfig
from orchestrator.agents.templates import TEMPLATES, AgentTemplate
from orchestrator.core.caller import Caller
from orchestrator.core.capabilities import Capability, parse_capability
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotConfigured, NotFound, Unavailable
from orchestrator.core.ids import new_id
from orchestrator.core.routing import Health, Obstacle, Route, Target, TargetType
from orchestrator.core.secretbox import SecretBox
from orchestrator.models import CustomAgent, Role
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.public_urls import check_url
from orchestrator.services.task_service import TaskRequest, TaskService

Row = Mapping[str, Any]

_KEY = "api_key_encrypted"
_KEY_IS_FOR = ("base_url", "command", "args", "key_env")
_AT_ONCE = 256
_MOST_OWN = 200


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent with what is known of it beside its work. ``config`` never holds a key."""

    agent: Agent
    custom: bool = False
    enabled: bool = True
    template: str | None = None
    project_id: UUID | None = None
    config: Mapping[str, Any] | None = None
    has_api_key: bool = False
    created_at: datetime | None = None

    @property
    def id(self) -> str:
        """Its id, which is its target's id too."""
        return self.agent.info.id


class AgentService:
    """Use cases around agents."""

    def __init__(
        self,
        database: Database,
        access: ProjectAccess,
        secretbox: SecretBox,
        catalogue: Catalogue,
        *,
        allow_private_urls: bool = True,
        allow_programs: bool = True,
    ) -> None:
        self._database = database
        self._access = access
        self._secretbox = secretbox
        self._catalogue = catalogue
        self._allow_private_urls = allow_private_urls
        self._allow_programs = allow_programs

    @staticmethod
    def templates() -> Sequence[AgentTemplate]:
        """What a custom agent can start from."""
        return tuple(TEMPLATES.values())

    async def list(self, caller: Caller) -> Sequence[AgentEntry]:
        """The built-in agents, then the caller's own by name."""
        await self._catalogue.look()
        builtins = [AgentEntry(agent) for agent in self._catalogue.builtins.values()]
        return [*builtins, *(self._entry(row) for row in await self._rows(caller.user_id))]

    async def get(self, agent_id: str, caller: Caller) -> AgentEntry:
        """One agent the caller may use."""
        return await self.find(agent_id, caller.user_id)

    async def find(self, agent_id: str, user_id: UUID) -> AgentEntry:
        """The same for work that was routed to it already."""
        full = agent_id if agent_id.startswith(PREFIX) else PREFIX + agent_id
        await self._catalogue.look()
        builtin = self._catalogue.builtins.get(full)
        if builtin is not None:
            return AgentEntry(builtin)
        return self._entry(await self._own(full, user_id))

    async def create(self, caller: Caller, values: Mapping[str, Any]) -> AgentEntry:
        """Store an agent of the caller's own, from a template or from scratch; absent values come from the template."""
        caller.require_project(values.get("project_id"))
        whole = _with_template(values)
        await self._check(caller, whole)
        if len(await self._rows(caller.user_id)) >= _MOST_OWN:
            raise Conflict(f"nobody has more than {_MOST_OWN} agents; delete some first")
        identifier = new_id()
        row = self._columns(whole, "") | {"id": identifier, "owner_id": caller.user_id}
        async with self._database.transaction() as connection:
            await connection.execute(insert(CustomAgent).values(**row))
        return await self.get(f"{PREFIX}{identifier}", caller)

    async def change(self, caller: Caller, agent_id: str, values: Mapping[str, Any]) -> AgentEntry:
        """Change an own agent; absent values stay, an ``api_key`` of "" forgets the key."""
        row = await self._writable(caller, agent_id)
        stored = dict(row["config"])
        sealed = stored.pop(_KEY, "")
        before = {name: row[name] for name in ("name", "description", "kind", "template", "project_id", "enabled")}
        config = {**stored, **(values.get("config") or {})}
        whole = {**before, "capabilities": row["capabilities"], **values, "config": config}
        if any(config.get(name) != stored.get(name) for name in _KEY_IS_FOR):
            # A key is for the endpoint or program it was given for: it does not follow the agent to another one.
            sealed = ""
        await self._check(caller, whole)
        async with self._database.transaction() as connection:
            columns = self._columns(whole, sealed)
            await connection.execute(update(CustomAgent).where(CustomAgent.id == row["id"]).values(**columns))
        return await self.get(agent_id, caller)

    async def remove(self, caller: Caller, agent_id: str) -> None:
        """Delete an own agent. Its tasks and their results stay."""
        row = await self._writable(caller, agent_id)
        async with self._database.transaction() as connection:
            await connection.execute(delete(CustomAgent).where(CustomAgent.id == row["id"]))

    async def targets(self, user_id: UUID, project_id: UUID | None) -> Sequence[Target]:
        """Every agent a user's task may run on, as routing sees it but for what was counted of it."""
        await self._catalogue.look()
        entries = [AgentEntry(agent) for agent in self._catalogue.builtins.values()]
        entries += [self._entry(row) for row in await self._rows(user_id)]
        return [_target(entry, user_id) for entry in entries]

    async def _rows(self, user_id: UUID) -> Sequence[Row]:
        table = CustomAgent.__table__
        mine = select(table).where(table.c.owner_id == user_id).order_by(table.c.name, table.c.id)
        async with self._database.single() as connection:
            return [dict(row) for row in (await connection.execute(mine)).mappings()]

    async def _own(self, full: str, user_id: UUID) -> Row:
        try:
            identifier = UUID(full.removeprefix(PREFIX))
        except ValueError as error:
            raise NotFound("no such agent", field="agent_id") from error
        table = CustomAgent.__table__
        mine = select(table).where(table.c.id == identifier, table.c.owner_id == user_id)
        async with self._database.single() as connection:
            row = (await connection.execute(mine)).mappings().first()
        if row is None:
            raise NotFound("no such agent", field="agent_id")
        return dict(row)

    async def _writable(self, caller: Caller, agent_id: str) -> Row:
        full = agent_id if agent_id.startswith(PREFIX) else PREFIX + agent_id
        if full in self._catalogue.builtins:
            raise Conflict("a built-in agent cannot be changed; make one of your own from a template")
        row = await self._own(full, caller.user_id)
        caller.require_project(row["project_id"])
        return row

    async def _check(self, caller: Caller, whole: Mapping[str, Any]) -> None:
        """Refuse what could not be run later; InvalidInput names the field."""
        config = check_config(whole["kind"], whole["config"])
        for number, raw in enumerate(whole["capabilities"]):
            parse_capability(raw, f"capabilities[{number}]")
        if isinstance(config, AcpConfig):
            await self._may_start(caller, config)
        elif isinstance(config, LlmConfig) and config.base_url:
            await check_url(config.base_url, "config.base_url", allow_private=self._allow_private_urls)
        if whole.get("project_id") is not None:
            await self._access.require(caller, whole["project_id"], Role.MEMBER)

    async def _may_start(self, caller: Caller, config: AcpConfig) -> None:
        """The same rule as for MCP servers that are local processes."""
        if not (caller.is_admin and self._allow_programs):
            raise Forbidden(
                "an acp agent is a program on the service's machine: only an admin of the service may make one",
                hint="use a ready-made one, or set ALLOW_STDIO_SERVERS and ask an admin",
            )
        for folder in config.wish("config.").folders:
            await asyncio.to_thread(self._catalogue.starter.check_folder, folder, "config.folders")

    def _columns(self, whole: Mapping[str, Any], sealed: str) -> dict[str, Any]:
        key = whole.get("api_key")
        if key is not None:
            sealed = self._secretbox.encrypt(key) if key else ""
        config = check_config(whole["kind"], whole["config"]).model_dump() | ({_KEY: sealed} if sealed else {})
        names = ("name", "description", "kind", "template", "project_id", "enabled")
        return {name: whole.get(name) for name in names} | {
            "config": config,
            "capabilities": list(whole["capabilities"]),
        }

    def _entry(self, row: Row) -> AgentEntry:
        config = dict(row["config"])
        sealed = config.pop(_KEY, "")
        key, unavailable = self._open(sealed)
        spec = CustomSpec(
            id=f"{PREFIX}{row['id']}",
            name=row["name"],
            kind=row["kind"],
            description=row["description"],
            config=config,
            capabilities=tuple(parse_capability(raw) for raw in row["capabilities"]),
            api_key=key,
            unavailable=unavailable,
        )
        return AgentEntry(
            self._catalogue.custom(spec), True, row["enabled"], row["template"], row["project_id"], config,
            bool(sealed), row["created_at"],
        )  # fmt: skip

    def _open(self, sealed: str) -> tuple[str, str]:
        """An own key, or why it cannot be read: one lost key must not hide the other agents."""
        if not sealed:
            return "", ""
        try:
            return self._secretbox.decrypt(sealed), ""
        except NotConfigured:
            return "", "its stored key cannot be read any more: set api_key again"


def _with_template(values: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in values.items() if value is not None}
    blank = {"description": "", "kind": "llm", "config": {}, "capabilities": [], "enabled": True}
    if "template" not in given:
        return blank | given
    template = TEMPLATES.get(given["template"])
    if template is None:
        known = ", ".join(TEMPLATES)
        raise InvalidInput(f"there is no template {given['template']!r}", field="template", hint=f"one of {known}")
    made: dict[str, Any] = {
        "description": template.description,
        "kind": template.kind,
        "capabilities": list(template.capabilities),
        "config": dict(template.team) or {"instructions": template.instructions, "tools": list(template.tools)},
    }
    return blank | made | given | {"config": {**made["config"], **given.get("config", {})}}


def _target(entry: AgentEntry, user_id: UUID) -> Target:
    info = entry.agent.info
    capabilities: tuple[Capability, ...] = info.capabilities
    return Target(
        id=info.id,
        name=info.name,
        type=TargetType.AGENT,
        capabilities=capabilities,
        task_types=info.task_types,
        enabled=entry.enabled,
        owner_id=str(user_id) if entry.custom else None,
        project_id=str(entry.project_id) if entry.project_id else None,
        handles_heavy=True,
        health=Health.UNKNOWN if info.unavailable else Health.HEALTHY,
        account=info.account,
        max_concurrency=_AT_ONCE,
        unavailable=info.unavailable,
        # Between equals, what needs no model and is there for everybody goes first.
        priority=-10 if entry.custom else 0,
    )


async def start(
    agents: AgentService, tasks: TaskService, caller: Caller, agent_id: str, request: TaskRequest
) -> Mapping[str, Any]:
    """Hand a task to this very agent and to no other; the task's row. ``request`` needs no type of its own.

    Refuses at once what the agent could not start: NotConfigured, InvalidInput, Conflict or Unavailable (try again).
    """
    info = (await agents.get(agent_id, caller)).agent
    if info.info.unavailable:
        raise NotConfigured(info.info.unavailable, details={"agent_id": info.info.id})
    info.check(request.input)
    route = await tasks.preview(caller, request)
    if route.target_id != info.info.id:
        raise _refusal(route, info.info.id)
    return await tasks.create(caller, request)


async def request_for(agents: AgentService, caller: Caller, agent_id: str, **asked: Any) -> TaskRequest:
    """The task that this agent would carry out."""
    info = (await agents.get(agent_id, caller)).agent.info
    if info.changes_code and asked.get("project_id") is None:
        raise InvalidInput(f"{info.name} changes code: name a project", field="project_id")
    kind = min(info.task_types, default="ask")
    return TaskRequest(type=kind, preferred_target=info.id, **asked)


def _refusal(route: Route, agent_id: str) -> Exception:
    """Why the agent cannot have the task now."""
    for candidate in route.candidates:
        if candidate.target_id == agent_id and candidate.rejections:
            kinds = {kind for kind, _ in candidate.rejections}
            reasons = "; ".join(text for _, text in candidate.rejections)
            if kinds == {Obstacle.CAPACITY}:
                return Unavailable(f"the agent is busy: it {reasons}", hint="try again in a moment")
            return Conflict(f"the agent cannot take this: it {reasons}", field="agent_id")
    return Conflict("another target fits this task better; hand it in as a task instead", field="agent_id")
