"""The doors of proof: a task's attempts side by side, the proof of each criterion with its output, diffs with hunks."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.api.proof_models import (
    AttemptContextOut,
    AttemptOut,
    AttemptPage,
    DiffOut,
    FileDiffOut,
    HunkOut,
    ProofOut,
    ProofPage,
)
from orchestrator.core.acceptance import Verdict
from orchestrator.core.caller import Caller, Scope

router = APIRouter(tags=["tasks"])

Reader = Annotated[Caller, require(Scope.TASKS_READ)]
AttemptNumber = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Which attempt; default: the latest.")]


@router.get("/tasks/{task_id}/attempts", summary="Attempts at a task")
async def task_attempts(task_id: UUID, caller: Reader, container: ContainerDep) -> AttemptPage:
    """Every try, first to last, side by side: how it ended, what it changed, how its criteria came out."""
    rows = await container.task_proofs.attempts(caller, task_id)
    return AttemptPage(items=[AttemptOut.model_validate({**row, "attempt": row["generation"]}) for row in rows])


@router.get("/tasks/{task_id}/attempts/{attempt}/context", summary="What an attempt was told of the code")
async def attempt_context(
    task_id: UUID, attempt: Annotated[int, Path(ge=1, le=2**31 - 1)], caller: Reader, container: ContainerDep
) -> AttemptContextOut:
    """What the graph knew of the code that the task names, as the attempt's agent was told it."""
    await container.tasks.get(caller, task_id)
    row = await container.briefings.of(task_id, attempt)
    return AttemptContextOut.model_validate({**row, "attempt": row["generation"]})


@router.get("/tasks/{task_id}/proof", summary="Proof of a task")
async def task_proof(
    task_id: UUID, caller: Reader, container: ContainerDep, attempt: AttemptNumber = None
) -> ProofPage:
    """How each acceptance criterion came out, with the end of its output, for every attempt that was verified."""
    items = [_proof(row) for row in await container.task_proofs.proof(caller, task_id, attempt)]
    latest = [item for item in items if item.merge_id is None and item.attempt == items[-1].attempt]
    met = all(item.verdict == Verdict.PASSED for item in latest) if latest else None
    return ProofPage(met=met, items=items)


@router.get("/tasks/{task_id}/proof/{proof_id}/output", summary="Output of a criterion", response_class=Response)
async def proof_output(task_id: UUID, proof_id: UUID, caller: Reader, container: ContainerDep) -> Response:
    """All that was kept of what the criterion's command wrote, as text."""
    output = await container.task_proofs.output(caller, task_id, proof_id)
    return Response(output, media_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


@router.get("/tasks/{task_id}/diff", summary="Diff of a task")
async def task_diff(task_id: UUID, caller: Reader, container: ContainerDep, attempt: AttemptNumber = None) -> DiffOut:
    """What an attempt's branch changed against the commit it began with: files, hunks, lines with their numbers."""
    shown = await container.task_proofs.diff(caller, task_id, attempt)
    files = [
        FileDiffOut(
            path=file.path,
            old_path=file.old_path,
            status=file.status,
            binary=file.binary,
            added=file.added,
            removed=file.removed,
            hunks=[HunkOut.model_validate(hunk) for hunk in hunks],
        )
        for file, hunks in shown.files
    ]
    change = {**shown.change, "attempt": shown.change["generation"]}
    return DiffOut.model_validate({**change, "truncated": shown.truncated, "changed": files})


def _proof(row: Any) -> ProofOut:
    size = (row["output_pointer"] or {}).get("size")
    named = {"attempt": row["generation"], "output_bytes": size, "sandboxed": row["enclosed"]}
    return ProofOut.model_validate({**row, **named})
