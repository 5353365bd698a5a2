"""Fetches a project's repository into its mirror, as a task, then asks for its graph. The executor for project_sync.

Runs in a heavy worker's process. Credentials of the owner's GitHub account go to git through its environment only.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from sqlalchemy import func, update

from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotFound, OrchestratorError
from orchestrator.core.events import EventKind
from orchestrator.git.credential import Credential
from orchestrator.git.local import resolve_local_path
from orchestrator.git.mirror import MirrorInfo, Mirrors
from orchestrator.git.templates import Author, template_files
from orchestrator.models import Project, RepositoryState
from orchestrator.models.database import Database
from orchestrator.services.run_task import Outcome, Work
from orchestrator.services.task_service import TaskRequest, TaskService

log = structlog.get_logger(__name__)

_PROGRESS_STEP = 10
"""Git tells every percent; people read every tenth."""


class ProjectSync:
    """Clones or fetches."""

    def __init__(
        self,
        database: Database,
        mirrors: Mirrors,
        tasks: TaskService,
        roots: Sequence[Path],
        *,
        github_url: str,
        github_token: Callable[[UUID], Awaitable[str | None]],
    ) -> None:
        self._database = database
        self._mirrors = mirrors
        self._tasks = tasks
        self._roots = roots
        self._github_url = github_url
        self._github_token = github_token

    async def execute(self, work: Work) -> Outcome:
        """Bring the mirror up to date; the project tells its state all along."""
        project_id = UUID(str(work.task["project_id"]))
        async with self._database.session() as session:
            project = await session.get(Project, project_id)
        if project is None:
            raise NotFound("the project was deleted")
        await self._set(project_id, repository_state=RepositoryState.SYNCING, repository_error=None)
        try:
            info = await self._fetch(project, work)
        except OrchestratorError as error:
            await self._set(project_id, repository_state=RepositoryState.FAILED, repository_error=error.message[:2000])
            raise
        await self._set(
            project_id, repository_state=RepositoryState.READY, head_commit=info.head,
            default_branch=info.default_branch, synced_at=func.now(),
        )  # fmt: skip
        build = await self._ask_for_graph(work, project_id) if work.task["input"].get("build_graph") else None
        return Outcome({"commit": info.head, "branch": info.default_branch, "graph_task_id": build})

    async def _fetch(self, project: Project, work: Work) -> MirrorInfo:
        def progress(phase: str, percent: int) -> None:
            if percent % _PROGRESS_STEP == 0:
                work.report.tell(EventKind.PROGRESS, phase=phase, percent=percent)

        if self._mirrors.path(project.id).is_dir():
            credential = await self._credential(project)
            return await self._mirrors.fetch(project.id, credential=credential, on_progress=progress)
        if project.local_path:
            path = resolve_local_path(project.local_path, self._roots)
            return await self._mirrors.create_from_path(project.id, path, roots=self._roots, on_progress=progress)
        if project.template:
            author = Author("Orchestrator", "orchestrator@localhost")
            files = template_files(project.template, project.name)
            return await self._mirrors.create_from_template(project.id, files, author)
        return await self._mirrors.create(
            project.id, str(project.repository_url), credential=await self._credential(project), on_progress=progress
        )

    async def _credential(self, project: Project) -> Credential | None:
        """The owner's GitHub token, for repositories on GitHub only: it is no other host's business."""
        host = urlsplit(self._github_url).netloc
        if project.repository_url is None or urlsplit(project.repository_url).netloc != host:
            return None
        token = await self._github_token(project.owner_id)
        return Credential.token(token) if token else None

    async def _ask_for_graph(self, work: Work, project_id: UUID) -> str:
        caller = Caller(work.task["user_id"])
        key = f"graph-after-{work.id}-{work.generation}"
        request = TaskRequest("graph_build", {"update": True}, project_id=project_id, idempotency_key=key)
        row = await self._tasks.create(caller, request)
        return str(row["id"])

    async def _set(self, project_id: UUID, **values: Any) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(update(Project).where(Project.id == project_id).values(**values))
