"""Who asks: the authenticated caller as every service sees it, and the closed list of token scopes."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from orchestrator.core.errors import Forbidden


class Scope(StrEnum):
    """What a token may do. A console session and an access token hold them all."""

    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    PROJECTS_READ = "projects:read"
    PROJECTS_WRITE = "projects:write"
    MCPS_READ = "mcps:read"
    MCPS_WRITE = "mcps:write"
    MCPS_EXECUTE = "mcps:execute"
    GRAPH_READ = "kg:read"
    GRAPH_WRITE = "kg:write"
    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    ACCOUNT = "account"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user. ``project_id`` narrows a token to one project.

    ``via`` is access_token, session (the console's cookie), api_token, application (a connected program, at the MCP
    endpoint ``resource`` only) or agent. ``session_id`` is the log-in behind all but an API token: logging out or
    disconnecting ends it. ``token_id`` is the API token. ``task_id``: an agent at work on that task, which sees and
    makes parts of it and nothing else.
    """

    user_id: UUID
    scopes: frozenset[Scope] = field(default=ALL_SCOPES)
    is_admin: bool = False
    project_id: UUID | None = None
    via: str = "access_token"
    session_id: UUID | None = None
    resource: str | None = None
    token_id: UUID | None = None
    task_id: UUID | None = None

    def require(self, scope: Scope) -> None:
        """Raise Forbidden unless the token carries the scope."""
        if scope not in self.scopes:
            raise Forbidden(f"this token lacks the scope {scope}", details={"scope": scope})

    def require_login(self) -> None:
        """Raise Forbidden for a token or a program: what guards the account itself wants a person who logged in."""
        if self.session_id is None or self.via == "application":
            raise Forbidden("this needs a log-in; a personal API token is not enough")

    def require_person(self) -> None:
        """Raise Forbidden for an agent at work: what people decide about tasks is theirs."""
        if self.task_id is not None:
            raise Forbidden("this is for people to do, not for an agent at work on a task")

    def require_project(self, project_id: UUID | None) -> None:
        """Raise Forbidden when the token is narrowed to another project."""
        if self.project_id is not None and project_id != self.project_id:
            raise Forbidden("this token is for another project")
