"""The doors of review and merging: hand in and read reviews, put a change in its project's merge queue, undo it."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.review_models import MergeIn, MergeOut, MergePage, ReviewIn, ReviewOut, ReviewPage, UndoIn
from orchestrator.core.caller import Caller, Scope

router = APIRouter(tags=["tasks"])

Reader = Annotated[Caller, require(Scope.TASKS_READ)]
Writer = Annotated[Caller, require(Scope.TASKS_WRITE)]
Merger = Annotated[Caller, require(Scope.TASKS_WRITE, Scope.PROJECTS_WRITE)]


@router.get("/tasks/{task_id}/reviews", summary="Reviews of a task")
async def task_reviews(task_id: UUID, caller: Reader, container: ContainerDep) -> ReviewPage:
    """Every review of the task's attempts, with comments by file, side and line."""
    return ReviewPage(items=[_review(row) for row in await container.reviews.page(caller, task_id)])


@router.post("/tasks/{task_id}/reviews", status_code=201, summary="Review an attempt")
async def review_task(task_id: UUID, body: ReviewIn, caller: Writer, container: ContainerDep) -> ReviewOut:
    """Comment on lines and give a verdict: approve it for merging, request changes by a new attempt, or reject it."""
    return _review(await container.reviews.create(caller, task_id, body.as_review()))


@router.post("/tasks/{task_id}/merge", status_code=202, summary="Merge a change")
async def merge_task(task_id: UUID, body: MergeIn, caller: Merger, container: ContainerDep) -> MergeOut:
    """Put an approved change in the project's merge queue: merged on the base of that moment, verified again, then
    moved to the default branch or offered as a pull request."""
    return _merge(await container.merges.merge(caller, task_id, body.method))


@router.post("/tasks/{task_id}/undo", status_code=202, summary="Undo a merge")
async def undo_task(task_id: UUID, caller: Merger, container: ContainerDep, body: UndoIn | None = None) -> MergeOut:
    """Put a commit that reverts the merged change in the project's merge queue; it is proven like a merge. Where that
    fails, an admin of the project may have it done for a reason."""
    reason = body.override_reason.strip() if body is not None else ""
    return _merge(await container.merges.undo(caller, task_id, reason))


@router.get("/tasks/{task_id}/merges", summary="Merges of a task")
async def task_merges(task_id: UUID, caller: Reader, container: ContainerDep) -> MergePage:
    """Every entry of the merge queue that is about this task, first to last."""
    return MergePage(items=[_merge(row) for row in await container.merges.of_task(caller, task_id)])


@router.get("/projects/{project_id}/merges", summary="Merge queue of a project")
async def project_merges(project_id: UUID, caller: Reader, container: ContainerDep) -> MergePage:
    """What is in line, the present one first, and after it the latest finished ones."""
    return MergePage(items=[_merge(row) for row in await container.merges.of_project(caller, project_id)])


def _review(row: Mapping[str, Any]) -> ReviewOut:
    return ReviewOut.model_validate({**row, "attempt": row["generation"]})


def _merge(row: Mapping[str, Any]) -> MergeOut:
    return MergeOut.model_validate({**row, "attempt": row["generation"]})
