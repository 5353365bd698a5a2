"""The project doors: create, list, read, change, delete, fetch again, and members."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, EmailStr, Field

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.api.task_models import TaskAccepted
from orchestrator.core.caller import Caller, Scope
from orchestrator.git.templates import TEMPLATES
from orchestrator.models import RepositoryState, Role
from orchestrator.services.project_service import NewProject

router = APIRouter(tags=["projects"])

Reader = Annotated[Caller, require(Scope.PROJECTS_READ)]
Writer = Annotated[Caller, require(Scope.PROJECTS_WRITE)]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]


class ProjectIn(BaseModel):
    """A project to make out of exactly one source."""

    model_config = ConfigDict(extra="forbid")

    name: Title = Field(description="Its name.")
    description: str = Field("", max_length=5000, description="What it is.")
    repository_url: str | None = Field(None, max_length=2000, description="A git URL to clone.")
    path: str | None = Field(None, max_length=4096, description="A local repository below one of PROJECT_ROOTS.")
    template: str | None = Field(None, max_length=100, description="A template; GET /projects/templates lists them.")
    build_graph: bool = Field(True, description="Build the knowledge graph once the repository is there.")


class ProjectChange(BaseModel):
    """What to change; absent fields stay."""

    model_config = ConfigDict(extra="forbid")

    name: Title | None = Field(None, description="Its name.")
    description: str | None = Field(None, max_length=5000, description="What it is.")
    settings: dict[str, Any] | None = Field(None, max_length=64, description="Free settings of the project.")


class ProjectOut(BaseModel):
    """A project and its repository's state."""

    project_id: UUID = Field(description="The project.")
    name: str = Field(description="Its name.")
    description: str = Field(description="What it is.")
    role: Role = Field(description="The caller's role in it.")
    owner_id: UUID = Field(description="Who made it.")
    repository_url: str | None = Field(description="Where it was cloned from.")
    path: str | None = Field(description="The local repository it was made from.")
    template: str | None = Field(description="The template it was made from.")
    repository_state: RepositoryState = Field(description="Whether its repository is here.")
    repository_error: str | None = Field(description="Why it is not.")
    default_branch: str | None = Field(description="Its default branch.")
    head_commit: str | None = Field(description="The commit its tasks start from.")
    kg_id: UUID | None = Field(description="Its knowledge graph; null until the first build.")
    kg_triples: int | None = Field(description="Triples in the graph.")
    kg_built_at: datetime | None = Field(description="When the graph was built.")
    kg_commit: str | None = Field(description="The commit the graph shows.")
    settings: dict[str, Any] = Field(description="Free settings.")
    created_at: datetime = Field(description="When it was made.")
    updated_at: datetime = Field(description="When it was last changed.")
    synced_at: datetime | None = Field(description="When its repository was last fetched.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "ProjectOut":
        """From a stored row."""
        return cls.model_validate({**row, "project_id": row["id"], "path": row["local_path"]})


class ProjectCreated(ProjectOut):
    """A new project, and the task that fetches its repository."""

    task_id: UUID = Field(description="The project_sync task.")


class ProjectPage(BaseModel):
    """A page of projects."""

    items: list[ProjectOut] = Field(description="Newest first.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


class ProjectTemplateOut(BaseModel):
    """A project template."""

    name: str = Field(description="Its name.")
    description: str = Field(description="What it brings.")


class ProjectTemplateList(BaseModel):
    """All project templates."""

    items: list[ProjectTemplateOut] = Field(description="By name.")


class MemberIn(BaseModel):
    """Somebody to add, or whose role to change."""

    model_config = ConfigDict(extra="forbid")

    email: EmailStr = Field(max_length=320, description="Their account's e-mail.")
    role: Role = Field(description="viewer reads, member runs tasks, admin changes the project.")


class MemberOut(BaseModel):
    """A member."""

    user_id: UUID = Field(description="The user.")
    email: str = Field(description="Their e-mail.")
    display_name: str = Field(description="Their name.")
    role: Role = Field(description="Their role.")
    created_at: datetime = Field(description="Since when.")


class MemberList(BaseModel):
    """Everybody in a project."""

    items: list[MemberOut] = Field(description="In the order they came.")


@router.post("/projects", status_code=201, summary="Make a project")
async def create_project(body: ProjectIn, caller: Writer, container: ContainerDep) -> ProjectCreated:
    """Make a project from a git URL, a local path or a template; a task fetches the repository."""
    row, task_id = await container.projects.create(caller, NewProject(**body.model_dump()))
    return ProjectCreated.model_validate({**ProjectOut.of(row).model_dump(), "task_id": task_id})


@router.get("/projects", summary="List projects")
@router.get("/projects/list", summary="List projects (the seed's path)", operation_id="list_projects_seed")
async def list_projects(caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0) -> ProjectPage:
    """The projects the caller belongs to, newest first."""
    rows, total = await container.projects.page(caller, limit=limit, offset=offset)
    return ProjectPage(items=[ProjectOut.of(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/projects/templates", summary="Project templates")
async def list_templates(_: Reader) -> ProjectTemplateList:
    """What a project can be made from without a repository."""
    return ProjectTemplateList(
        items=[ProjectTemplateOut(name=t.name, description=t.description) for t in TEMPLATES.values()]
    )


@router.get("/projects/{project_id}", summary="Read a project")
async def get_project(project_id: UUID, caller: Reader, container: ContainerDep) -> ProjectOut:
    """One project."""
    return ProjectOut.of(await container.projects.get(caller, project_id))


@router.put("/projects/{project_id}", summary="Change a project")
async def update_project(project_id: UUID, body: ProjectChange, caller: Writer, container: ContainerDep) -> ProjectOut:
    """Change name, description or settings; for admins of the project."""
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    return ProjectOut.of(await container.projects.update(caller, project_id, changes))


@router.delete("/projects/{project_id}", status_code=204, summary="Delete a project with its data")
async def delete_project(project_id: UUID, caller: Writer, container: ContainerDep) -> None:
    """Delete tasks, graph, mirror and worktrees with it; running tasks are stopped."""
    await container.projects.delete(caller, project_id)


@router.post("/projects/{project_id}/sync", status_code=202, summary="Fetch the repository again")
async def sync_project(project_id: UUID, caller: Writer, container: ContainerDep) -> TaskAccepted:
    """Fetch the repository and rebuild the graph, as a task."""
    return TaskAccepted.of(await container.projects.sync(caller, project_id))


@router.get("/projects/{project_id}/members", summary="List members")
async def list_members(project_id: UUID, caller: Reader, container: ContainerDep) -> MemberList:
    """Everybody in the project."""
    rows = await container.projects.members(caller, project_id)
    return MemberList(items=[MemberOut.model_validate(dict(row)) for row in rows])


@router.put("/projects/{project_id}/members", summary="Add a member or change a role")
async def set_member(project_id: UUID, body: MemberIn, caller: Writer, container: ContainerDep) -> MemberList:
    """Add somebody who has an account here, or change their role; for admins of the project."""
    rows = await container.projects.set_member(caller, project_id, body.email, body.role)
    return MemberList(items=[MemberOut.model_validate(dict(row)) for row in rows])


@router.delete("/projects/{project_id}/members/{user_id}", status_code=204, summary="Remove a member")
async def remove_member(project_id: UUID, user_id: UUID, caller: Writer, container: ContainerDep) -> None:
    """Take somebody out; anybody may leave. The last admin stays."""
    await container.projects.remove_member(caller, project_id, user_id)
