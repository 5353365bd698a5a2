"""The doors to a project's work trees: which attempts and verifications left one here, and how one goes.

Kept trees hold changes of work that failed, or rests. Nothing is merged or committed here.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from orchestrator.api.dependencies import ContainerDep, Limit, Offset, require
from orchestrator.core.caller import Caller, Scope

router = APIRouter(tags=["projects"])

Reader = Annotated[Caller, require(Scope.PROJECTS_READ)]
Writer = Annotated[Caller, require(Scope.PROJECTS_WRITE)]
Name = Annotated[str, Path(max_length=100, description="The work tree's name.")]


class WorktreeOut(BaseModel):
    """A work tree."""

    name: str = Field(description="Its name in the project.")
    branch: str = Field(description="The branch it stands on; it stays when the tree goes.")
    base_commit: str = Field(description="The commit it began at.")
    task_id: UUID | None = Field(description="The task it was made for; null: a merge, or a task that is gone.")
    is_dirty: bool = Field(description="Whether anything in it is not committed.")
    is_in_use: bool = Field(description="Whether somebody works in it now.")


class WorktreePage(BaseModel):
    """A page of work trees."""

    items: list[WorktreeOut] = Field(description="By name.")
    total: int = Field(description="How many there are in all.")
    limit: int = Field(description="Page size asked for.")
    offset: int = Field(description="Items skipped.")


@router.get("/projects/{project_id}/worktrees", summary="List work trees")
async def list_worktrees(
    project_id: UUID, caller: Reader, container: ContainerDep, limit: Limit = 50, offset: Offset = 0
) -> WorktreePage:
    """The trees that agents and verifications work in, and those that were kept because they hold changes."""
    seen, total = await container.left_behind.page(caller, project_id, limit=limit, offset=offset)
    items = [
        WorktreeOut(
            name=one.worktree.name, branch=one.worktree.branch, base_commit=one.worktree.base_commit,
            task_id=one.task_id, is_dirty=one.is_dirty, is_in_use=one.is_in_use,
        )
        for one in seen
    ]  # fmt: skip
    return WorktreePage(items=items, total=total, limit=limit, offset=offset)


@router.delete("/projects/{project_id}/worktrees/{name}", status_code=204, summary="Remove a work tree")
async def remove_worktree(project_id: UUID, name: Name, caller: Writer, container: ContainerDep) -> None:
    """Remove one with what was not committed in it, if nobody works there; for admins of the project."""
    await container.left_behind.remove(caller, project_id, name)
