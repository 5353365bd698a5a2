"""Checks acceptance criteria in a work tree of its own: the result of a task, merged with the present base.

Never the agent that did the work, and nothing of it: the tree is made from commits, each criterion finds it as it was,
and what a criterion leaves in it is thrown away. A criterion that cannot be checked is unknown. It stores nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import structlog

from orchestrator.core.acceptance import Criterion, CriterionKind, Proof, Verdict
from orchestrator.core.errors import OrchestratorError
from orchestrator.git.merging import Merged, merged_or_same
from orchestrator.git.mirror import Mirrors
from orchestrator.git.templates import Author
from orchestrator.git.worktree import Worktree, Worktrees, in_use
from orchestrator.kg.snapshot import current_snapshot
from orchestrator.kg.traces.run import FOLDER, INJECTED
from orchestrator.mcp.builtin_graph import GraphQuestions
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Folder, Mode
from orchestrator.services.blobs import BlobStore
from orchestrator.services.criterion_command import Given, Ran, run_command
from orchestrator.services.disk_watch import DiskWatch
from orchestrator.services.machine_leases import MachineLeases
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.traced_runs import TracedRuns
from orchestrator.services.worktree_graphs import WorktreeGraphs

log = structlog.get_logger(__name__)

VERIFIER = Author("Orchestrator", "verifier@orchestrator.invalid")
_AT_ONCE = 2
"""Verifications in one process at the same time; the others wait for their turn."""
_TAIL_BYTES = 8 * 1024
_PYTEST = ("python3", "-m", "pytest", "-q")
_CANNOT_TELL = {3: "pytest broke", 4: "pytest was called wrongly", 5: "the selection holds no test"}
_SANDBOX_SAYS = b"sandbox: "

OnProof = Callable[[Proof], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is verified: ``commit`` of a change, None for a task that changed no code.

    ``name`` is that of the tree: what is verified, and the number of the attempt at it.
    """

    project_id: UUID
    name: str
    commit: str | None
    task_id: UUID | None = None
    base: str | None = None
    """The commit to merge it with; None: the present tip of the project's default branch."""


class Verifier:
    """Runs criteria."""

    def __init__(
        self,
        mirrors: Mirrors,
        worktrees: Worktrees,
        graphs: WorktreeGraphs,
        views: ProjectViews,
        questions: GraphQuestions,
        traced: TracedRuns,
        starter: Starter,
        blobs: BlobStore,
        *,
        seconds: float,
        need_sandbox: bool,
        disk: DiskWatch,
        leases: MachineLeases,
    ) -> None:
        """``seconds`` and ``disk`` limit one verification as a whole."""
        self._mirrors = mirrors
        self._worktrees = worktrees
        self._graphs = graphs
        self._views = views
        self._questions = questions
        self._traced = traced
        self._starter = starter
        self._blobs = blobs
        self._seconds = seconds
        self._disk = disk
        self._leases = leases
        self._mode: Mode = "required" if need_sandbox else "preferred"
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def verify(self, subject: Subject, criteria: Sequence[Criterion], on_proof: OnProof) -> tuple[Proof, ...]:
        """A proof for each criterion, after one for the merge where code changed; each is told as it is there."""
        base = subject.base or await self._mirrors.head(subject.project_id)
        merge: tuple[Proof, ...] = ()
        tree = base
        if subject.commit is not None:
            began = asyncio.get_running_loop().time()
            merged = await self._merge(subject, base)
            merge = (_merge_proof(merged, base, asyncio.get_running_loop().time() - began),)
            on_proof(merge[0])
            if merged.commit is None:
                return merge + _told(_not_run(criteria, base, "it does not merge with the present base"), on_proof)
            tree = merged.commit
        async with self._turns:
            return merge + await self._in_tree(subject, tree, criteria, on_proof)

    async def on_commit(self, subject: Subject, criteria: Sequence[Criterion], on_proof: OnProof) -> tuple[Proof, ...]:
        """The same for a commit that is the result already: nothing is merged."""
        assert subject.commit is not None
        async with self._turns:
            return await self._in_tree(subject, subject.commit, criteria, on_proof)

    async def _merge(self, subject: Subject, base: str) -> Merged:
        assert subject.commit is not None
        mirror = self._mirrors.require(subject.project_id)
        return await merged_or_same(mirror, base, subject.commit, f"Verify {subject.name}\n", VERIFIER)

    async def _in_tree(
        self, subject: Subject, commit: str, criteria: Sequence[Criterion], on_proof: OnProof
    ) -> tuple[Proof, ...]:
        if not criteria:
            return ()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        await self._sweep(subject)
        worktree = await self._worktrees.add(subject.project_id, subject.name, commit)
        run = _Run(subject, worktree, commit, await self._allows_network(subject.project_id))
        proofs: list[Proof] = []
        async with in_use(worktree):
            try:
                for number, criterion in enumerate(criteria, 1):
                    proofs.append(await self._check(run, number, criterion, end - loop.time()))
                    on_proof(proofs[-1])
            finally:
                await asyncio.shield(self._remove(worktree))
        return tuple(proofs)

    async def _sweep(self, subject: Subject) -> None:
        """Remove the trees of earlier attempts at this: a worker that was killed took none along."""
        stem = subject.name.rpartition("-")[0] + "-"
        for left in await self._worktrees.list(subject.project_id):
            if left.name.startswith(stem) and left.name != subject.name:
                await self._remove(left)

    async def _remove(self, worktree: Worktree) -> None:
        await self._graphs.forget(worktree)
        await self._worktrees.remove(worktree, delete_branch=True)

    async def _allows_network(self, project_id: UUID) -> bool:
        """Whether the project's admins let criteria have a network: their word in its settings."""
        return (await self._views.stored(project_id)).settings.get("criteria_network") is True

    async def _check(self, run: "_Run", number: int, criterion: Criterion, left: float) -> Proof:
        """One criterion's proof; whatever keeps it from being checked makes it unknown."""
        proof = Proof(number, criterion.name, criterion.kind, Verdict.UNKNOWN, run.commit)
        if left <= 0:
            return replace(proof, why=f"the verification's time limit of {self._seconds:g} s had passed")
        began = asyncio.get_running_loop().time()
        try:
            if number > 1:  # what the one before left in the tree is none of this one's business
                await self._worktrees.restore(run.worktree)
            if criterion.kind == CriterionKind.ASK:
                proof = await self._ask(run, criterion, proof, min(criterion.timeout, left))
            else:
                proof = await self._command(run, criterion, proof, min(criterion.timeout, left))
        except TimeoutError:
            proof = replace(proof, why=f"it took longer than {min(criterion.timeout, left):g} s")
        except OrchestratorError as error:
            proof = replace(proof, why=error.message)
        except OSError as error:
            # The edge of a criterion: what a machine refuses, such as a full disk, is no verdict.
            log.warning("criterion_not_run", criterion=criterion.name, error=str(error))
            proof = replace(proof, why=f"it could not be run: {error.strerror}")
        return replace(proof, seconds=asyncio.get_running_loop().time() - began)

    async def _ask(self, run: "_Run", criterion: Criterion, proof: Proof, seconds: float) -> Proof:
        async with asyncio.timeout(seconds):
            folder = await self._graphs.fresh(run.worktree)
            told = (await self._questions.sparql(folder, criterion.query)).get("answer", {})
        if not isinstance(told.get("boolean"), bool):
            return replace(proof, why="the query is no ASK")
        good = told["boolean"] is criterion.expects
        why = "" if good else f"the graph of the result answers {str(told['boolean']).lower()}"
        return replace(proof, verdict=Verdict.PASSED if good else Verdict.FAILED, why=why)

    async def _command(self, run: "_Run", criterion: Criterion, proof: Proof, seconds: float) -> Proof:
        if criterion.network and not run.network:
            return replace(proof, why="it asks for a network, and the project's settings do not allow criteria_network")
        command = await self._words(run, criterion)
        ran = await self._run(run, criterion, command, seconds)
        return await self._judged(criterion, command, proof, ran)

    async def _words(self, run: "_Run", criterion: Criterion) -> tuple[str, ...]:
        if criterion.kind == CriterionKind.COMMAND:
            return criterion.command
        wanted = criterion.runner or (await self._views.stored(run.subject.project_id)).settings.get("test_runner")
        known = isinstance(wanted, list | tuple) and wanted and all(isinstance(word, str) for word in wanted)
        return (*(wanted if known and wanted else _PYTEST), *criterion.select)

    async def _run(self, run: "_Run", criterion: Criterion, command: Sequence[str], seconds: float) -> Ran:
        """The command's run; traced where the project has a graph to learn from it."""
        writable = run.subject.commit is not None
        given = Given(run.worktree.path, writable, criterion.network, seconds, self._mode)
        async with AsyncExitStack() as stack:
            leased = await stack.enter_async_context(self._leases.leased(run.subject.project_id))
            given = replace(given, leased=leased)
            graph = current_snapshot(self._views.graph_folder(run.subject.project_id))
            if criterion.kind == CriterionKind.TESTS and graph is not None:
                watched = self._traced.watching(run.worktree, label=criterion.name, task_id=run.subject.task_id)
                variables = await stack.enter_async_context(watched)
                traces = Folder(variables[FOLDER], writable=True)
                given = replace(given, environment=variables, folders=(traces, Folder(str(INJECTED))))
            written = [run.worktree.path, *leased.paths, *(Path(one.path) for one in given.folders if one.writable)]
            return await self._disk.within(run_command(self._starter, command, given), written)

    async def _judged(self, criterion: Criterion, command: Sequence[str], proof: Proof, ran: Ran) -> Proof:
        """The verdict on a run, with its output kept."""
        tail = ran.output[-_TAIL_BYTES:].decode("utf-8", "replace").replace("\0", "\ufffd")
        whole = len(ran.output) > _TAIL_BYTES
        pointer = await self._blobs.keep_bytes(ran.output, "text/plain") if whole else None
        proof = replace(proof, exit_code=ran.exit_code, output=tail, pointer=pointer, enclosed=ran.enclosed)
        if ran.exit_code is None:
            return replace(proof, why=ran.stopped)
        if ran.exit_code in (125, 127) and ran.output.startswith(_SANDBOX_SAYS):
            return replace(proof, why="the sandbox could not start it")
        if criterion.kind == CriterionKind.TESTS and "pytest" in command and ran.exit_code in _CANNOT_TELL:
            return replace(proof, why=_CANNOT_TELL[ran.exit_code])
        if ran.exit_code == 0:
            return replace(proof, verdict=Verdict.PASSED)
        ended = f"exit code {ran.exit_code}" if ran.exit_code > 0 else f"killed by signal {-ran.exit_code}"
        return replace(proof, verdict=Verdict.FAILED, why=ended)


@dataclass(frozen=True, slots=True)
class _Run:
    """One verification under way."""

    subject: Subject
    worktree: Worktree
    commit: str
    network: bool


def _merge_proof(merged: Merged, base: str, seconds: float) -> Proof:
    proof = Proof(
        0, "merges with the present base", CriterionKind.MERGE, Verdict.PASSED, merged.commit or base, seconds=seconds
    )
    if merged.commit is not None:
        return proof
    named = ", ".join(merged.conflicts[:20])
    more = len(merged.conflicts) - 20
    why = f"conflicts in {named}" + (f" and {more} more" if more > 0 else "")
    return replace(proof, verdict=Verdict.FAILED, why=why, output="\n".join(merged.conflicts))


def _not_run(criteria: Sequence[Criterion], commit: str, why: str) -> tuple[Proof, ...]:
    return tuple(
        Proof(number, one.name, one.kind, Verdict.UNKNOWN, commit, why=f"not run: {why}")
        for number, one in enumerate(criteria, 1)
    )


def _told(proofs: tuple[Proof, ...], on_proof: OnProof) -> tuple[Proof, ...]:
    for proof in proofs:
        on_proof(proof)
    return proofs
