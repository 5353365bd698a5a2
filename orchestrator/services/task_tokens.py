"""A token lent to one attempt, so that its program reaches our MCP endpoint as the task's user, and for nothing else.

Used by ``supervision`` for agents that ask for it. An API token, narrowed to the MCP endpoint, to the project, to
calling tools and to the task with its parts; it has an end, and is revoked when the attempt ends. Rules about tools
hold for it as for its user.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from orchestrator.agents.base import McpAccess
from orchestrator.core.caller import Scope
from orchestrator.core.ids import new_id
from orchestrator.models.accounts import ApiToken
from orchestrator.models.database import Database
from orchestrator.services.stored_tokens import API_TOKEN_PREFIX, StoredTokens, digest, new_secret

_SHOWN = 10
_SCOPES = (Scope.MCPS_READ, Scope.MCPS_EXECUTE, Scope.GRAPH_READ, Scope.TASKS_READ, Scope.TASKS_WRITE)


class TaskTokens:
    """Lends tokens. ``base_url`` is where the service is reached."""

    def __init__(self, database: Database, stored: StoredTokens, base_url: str) -> None:
        self._database = database
        self._stored = stored
        self._base_url = base_url

    @asynccontextmanager
    async def lent(self, user_id: UUID, project_id: UUID, task_id: UUID, seconds: float) -> AsyncIterator[McpAccess]:
        """Access to the endpoint while the block runs, and for so many seconds at most."""
        secret = new_secret(API_TOKEN_PREFIX)
        token = ApiToken(
            id=new_id(), user_id=user_id, name=f"agent of task {task_id}", prefix=secret[:_SHOWN],
            token_hash=digest(secret), scopes=sorted(_SCOPES), project_id=project_id, task_id=task_id,
            expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
        )  # fmt: skip
        identifier = token.id
        async with self._database.session() as session:
            session.add(token)
        try:
            yield McpAccess("orchestrator", f"{self._base_url}/mcp", secret)
        finally:
            await self._revoke(identifier)

    async def _revoke(self, token_id: UUID) -> None:
        async with self._database.transaction() as connection:
            ended = update(ApiToken).where(ApiToken.id == token_id).values(revoked_at=datetime.now(UTC))
            await connection.execute(ended)
        self._stored.forget()
