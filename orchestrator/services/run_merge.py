"""Carries out an entry of a merge queue: merge on the present base, verify, then move the branch or offer it.

The executor of ``merge`` tasks, in a heavy worker's process. It may be begun again at any step: what is merged already
is found by the entry's id in the merge commit. Each ending is written with the lease of the task that reached it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text, update

from orchestrator.core.acceptance import Criterion, Verdict, criteria, is_met
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, InvalidInput, NotConfigured
from orchestrator.core.events import EventKind
from orchestrator.core.merging import MergeAction, MergeMethod, MergeState
from orchestrator.git import merging
from orchestrator.git.credential import Credential
from orchestrator.git.local import resolve_local_path
from orchestrator.git.mirror import Mirrors
from orchestrator.git.pushing import push_commit, push_to_work_tree
from orchestrator.models import Graph, Project
from orchestrator.models.database import Database
from orchestrator.services.github_service import GitHubService, PullRequestSpec
from orchestrator.services.merge_queue import MergeQueue, Row, find_entry
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.proofs import Proofs, teller
from orchestrator.services.run_task import Outcome, Work
from orchestrator.services.task_service import TaskRequest, TaskService
from orchestrator.services.undo_criteria import later_criteria, without_doubles
from orchestrator.services.verifier import VERIFIER, Subject, Verifier

_ROUNDS = 5
_TRAILER = "Merge-Id: {id}"
_HOLDS = "EXISTS (SELECT 1 FROM tasks WHERE id = :work AND generation = :held AND state = 'running')"


class _EndedError(Exception):
    """An entry has come to its end in this state; ``told`` is what is known beside."""

    def __init__(self, state: MergeState, message: str, **told: Any) -> None:
        super().__init__(message)
        self.state, self.told = state, {"message": message, **told}


class MergeExecutor:
    """Merges."""

    def __init__(
        self,
        database: Database,
        queue: MergeQueue,
        tasks: TaskService,
        views: ProjectViews,
        mirrors: Mirrors,
        verifier: Verifier,
        proofs: Proofs,
        github: GitHubService,
        roots: Sequence[Path],
        *,
        github_token: Callable[[UUID], Awaitable[str | None]],
    ) -> None:
        self._database = database
        self._queue = queue
        self._tasks = tasks
        self._views = views
        self._mirrors = mirrors
        self._verifier = verifier
        self._proofs = proofs
        self._github = github
        self._roots = roots
        self._github_token = github_token

    async def execute(self, work: Work) -> Outcome:
        """Bring the entry to its end; the outcome says which it was."""
        lease = {"work": work.id, "held": work.generation}
        async with self._database.transaction() as connection:
            entry = await find_entry(connection, work.id)
            await connection.execute(_BEGIN, lease | {"id": entry["id"]})
        if entry["finished_at"] is not None:
            return Outcome({"merge_id": str(entry["id"]), "state": entry["state"], "message": entry["message"]})
        project = await self._views.stored(entry["project_id"])
        try:
            carry_out = self._offer if entry["method"] == MergeMethod.PULL_REQUEST else self._merge
            await carry_out(work, entry, project)
        except _EndedError as ended:
            await self._queue.close(entry, ended.state, guard=_HOLDS, values=lease, **ended.told)
            return Outcome({"merge_id": str(entry["id"]), "state": ended.state, **ended.told})
        raise Conflict(f"the branch moved on {_ROUNDS} times while the change was verified")

    async def _merge(self, work: Work, entry: Row, project: Project) -> None:
        """Merge into the default branch; begun again when the branch moved on meanwhile."""
        mirror, branch = self._mirrors.require(project.id), str(project.default_branch)
        trailer = _TRAILER.format(id=entry["id"])
        for _ in range(_ROUNDS):
            base = (await self._mirrors.fetch(project.id)).head
            if done := await merging.find_trailer(mirror, base, trailer):
                await self._settle(project, work)
                raise _EndedError(MergeState.MERGED, f"merged into {branch}", merged_commit=done)
            made = await self._made(mirror, entry, base, trailer)
            if made.commit is None:
                raise _conflicted(made.conflicts, base)
            overridden = await self._verify(work, entry, base, made.commit)
            try:
                said = await self._publish(project, mirror, branch, base, made.commit)
            except Conflict:
                if base != (await self._mirrors.fetch(project.id)).head:
                    continue
                raise
            await self._settle(project, work)
            raise _EndedError(MergeState.MERGED, f"{said}{overridden}", base_commit=base, merged_commit=made.commit)

    async def _made(self, mirror: Path, entry: Row, base: str, trailer: str) -> merging.Merged:
        about = f"{entry['title'] or entry['type']}\n\nTask: {entry['task_id']}\n{trailer}\n"
        if entry["action"] == MergeAction.UNDO:
            made = await merging.revert(mirror, base, entry["commit"], f"Revert: {about}", VERIFIER)
        elif await merging.contains(mirror, base, entry["commit"]):  # merged once, and undone since
            change = (entry["change_base"], entry["commit"])
            made = await merging.apply_change(mirror, base, *change, f"Merge again: {about}", VERIFIER)
        else:
            return await merging.merge(mirror, base, entry["commit"], f"Merge: {about}", VERIFIER)
        if made.commit == base:
            raise _EndedError(
                MergeState.FAILED, f"there is nothing to {entry['action']}: the branch is as it should be"
            )
        return made

    async def _verify(self, work: Work, entry: Row, base: str, commit: str) -> str:
        """Prove the result; that of an undo by what held before the change came, and by what came after it.

        What is said where a person overrode what fails; otherwise nothing.
        """
        asked = criteria(entry["acceptance"])
        name = f"merge-{entry['id'].hex[-12:]}-{work.generation}"
        subject = Subject(entry["project_id"], name, commit, entry["task_id"])
        if entry["action"] == MergeAction.UNDO:
            asked = (*await self._held_before(entry, subject, asked), *await later_criteria(self._database, entry))
            asked = without_doubles(asked)
        if not asked:
            return ""
        work.report.tell(EventKind.PROOF_STARTED, attempt=entry["generation"], criteria=[one.name for one in asked])
        found = await self._verifier.on_commit(subject, asked, teller(work))
        await self._proofs.store(work, entry["task_id"], entry["generation"], found, merge_id=entry["id"])
        if is_met(found):
            return ""
        short = "; ".join(f"{one.name}: {one.verdict}" for one in found if one.verdict != Verdict.PASSED)
        if entry["override_reason"]:
            return f"; not proven ({short}), as an admin of the project wanted: {entry['override_reason']}"[:4000]
        raise _EndedError(MergeState.UNPROVEN, f"not proven on {base[:12]}: {short}"[:2000], base_commit=base)

    async def _held_before(self, entry: Row, subject: Subject, asked: Sequence[Criterion]) -> list[Criterion]:
        """Which criteria of a change held before it was merged: the others are about what is taken back."""
        if not asked:
            return []
        earlier = await merging.before_merge(self._mirrors.require(entry["project_id"]), entry["commit"])
        found = await self._verifier.on_commit(replace(subject, commit=earlier), asked, lambda _: None)
        return [one for one, proof in zip(asked, found, strict=True) if proof.verdict == Verdict.PASSED]

    async def _publish(self, project: Project, mirror: Path, branch: str, base: str, commit: str) -> str:
        """Move the branch where it lives: in the user's own repository, or in the mirror that is all there is."""
        if project.local_path is None:
            await merging.move_branch(mirror, branch, base, commit)
            return f"merged into {branch}"
        path = resolve_local_path(project.local_path, self._roots)
        try:
            await push_to_work_tree(mirror, path, commit, branch)
        except Conflict as error:
            raise await self._refused(project, base, error) from error
        await self._mirrors.fetch(project.id)
        return f"merged into {branch} of {path}; where that branch is checked out, its files are the merged ones"

    async def _refused(self, project: Project, base: str, error: Conflict) -> Exception:
        """What a refused push means: others were quicker, or the work tree is not clean."""
        if base != (await self._mirrors.fetch(project.id)).head:
            return error
        lines = " ".join(error.details.get("output", ()))
        why = f"it refuses the push: {lines[:500]}"
        if "working directory" in lines.lower() or "working tree" in lines.lower():
            why = "its work tree has changes of its own: commit or stash them, then merge again"
        return _EndedError(MergeState.FAILED, f"nothing was changed in {project.local_path}; {why}", base_commit=base)

    async def _offer(self, work: Work, entry: Row, project: Project) -> None:
        """Push the attempt's branch and open a pull request, once the result is proven on the present base."""
        token = await self._github_token(entry["user_id"])
        if token is None:
            raise NotConfigured("no usable GitHub account is linked", hint="link GitHub in the settings")
        credential, mirror = Credential.token(token), self._mirrors.require(project.id)
        info = await self._mirrors.fetch(project.id, credential=credential)
        made = await merging.merged_or_same(mirror, info.head, entry["commit"], f"Verify {entry['id']}\n", VERIFIER)
        if made.commit is None:
            raise _conflicted(made.conflicts, info.head)
        await self._verify(work, entry, info.head, made.commit)
        url = str(project.repository_url)
        await push_commit(mirror, url, entry["commit"], entry["branch"], credential=credential)
        opened = await self._open(entry, url, info.default_branch, token)
        said = f"offered as {opened['url']}" if opened else "a pull request for this branch is open already"
        raise _EndedError(MergeState.OPENED, said, base_commit=info.head, pull_request=opened)

    async def _open(self, entry: Row, url: str, base: str, token: str) -> dict[str, Any] | None:
        name = urlsplit(url).path.strip("/").removesuffix(".git")
        title = str(entry["title"] or entry["type"])[:200]
        body = f"Task {entry['task_id']}, attempt {entry['generation']}.\n{_proven(criteria(entry['acceptance']))}"
        spec = PullRequestSpec(title, entry["branch"], base, body)
        try:
            made = await self._github.for_token(token).open_pull_request(name, spec)
        except InvalidInput as error:
            if "already exists" in error.message:
                return None  # by an earlier try at this very entry
            raise
        return {"number": made.number, "url": made.html_url, "branch": entry["branch"], "base": base}

    async def _settle(self, project: Project, work: Work) -> None:
        """The project stands on what its mirror stands on now, and its graph follows."""
        info = await self._mirrors.info(project.id)
        async with self._database.transaction() as connection:
            await connection.execute(update(Project).where(Project.id == project.id).values(head_commit=info.head))
            has_graph = (await connection.execute(_HAS_GRAPH, {"project": project.id})).scalar()
        if has_graph:
            key = f"graph-after-{work.id}-{info.head[:12]}"
            request = TaskRequest("graph_build", {"update": True}, project_id=project.id, idempotency_key=key)
            await self._tasks.create(Caller(work.task["user_id"]), request)


def _conflicted(conflicts: Sequence[str], base: str) -> _EndedError:
    named = ", ".join(conflicts[:20])
    said = f"it conflicts with the present base {base[:12]} in {named}"
    return _EndedError(MergeState.CONFLICTED, said, base_commit=base, conflicts=list(conflicts))


def _proven(asked: Sequence[Criterion]) -> str:
    if not asked:
        return ""
    return "\nProven on the merge with the present base:\n\n" + "\n".join(f"- {one.name}" for one in asked) + "\n"


_BEGIN = text(
    f"""
    UPDATE merges SET state = 'verifying', started_at = coalesce(started_at, clock_timestamp())
    WHERE id = :id AND finished_at IS NULL AND {_HOLDS}
    """
)

_HAS_GRAPH = text(f"SELECT 1 FROM {Graph.__tablename__} WHERE project_id = :project")
