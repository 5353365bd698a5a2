"""Proof-carrying completion: an attempt's change is noted and its acceptance criteria are checked before it counts.

Used by the runner of every task. What is stored carries the lease of the work that stores it: a worker whose attempt is
over can write nothing. Checking itself is the verifier's; reading is ``task_proof``'s.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from orchestrator.core.acceptance import Criterion, Proof, Verdict, criteria, is_met
from orchestrator.core.errors import CriteriaUnchecked, CriteriaUnmet, StaleLease
from orchestrator.core.events import EventKind
from orchestrator.core.ids import new_id
from orchestrator.models.database import Database
from orchestrator.services.run_task import Outcome, Work
from orchestrator.services.verifier import Subject, Verifier

_TOLD_CHARACTERS = 2000


class Proofs:
    """Notes changes, and proves."""

    def __init__(self, database: Database, verifier: Verifier) -> None:
        self._database = database
        self._verifier = verifier

    async def prove(self, work: Work, outcome: Outcome) -> Outcome:
        """The outcome with its proof. Raises CriteriaUnmet; nothing is checked while the task waits for a person."""
        if outcome.waiting_for:
            return outcome
        if outcome.change is not None:
            await self._note_change(work, outcome)
        asked = criteria(work.task["acceptance"])
        if not asked:
            return outcome
        work.report.tell(EventKind.PROOF_STARTED, attempt=work.generation, criteria=[one.name for one in asked])
        proofs = await self._verify(work, outcome, asked)
        await self.store(work, work.id, work.generation, proofs)
        told = {"met": is_met(proofs), "criteria": [proof.told() for proof in proofs]}
        if not told["met"]:
            raise unmet(proofs)
        return replace(outcome, result={**outcome.result, "proof": told})

    async def _verify(self, work: Work, outcome: Outcome, asked: Sequence[Criterion]) -> tuple[Proof, ...]:
        commit = outcome.change.commit if outcome.change else None
        name = f"proof-{work.id.hex[-12:]}-{work.generation}"
        subject = Subject(work.task["project_id"], name, commit, work.id)
        return await self._verifier.verify(subject, asked, teller(work))

    async def _note_change(self, work: Work, outcome: Outcome) -> None:
        assert outcome.change is not None
        values = asdict(outcome.change) | {"task": work.id, "generation": work.generation}
        async with self._database.transaction() as connection:
            noted = await connection.execute(_NOTE_CHANGE, values)
        if not noted.rowcount:
            raise StaleLease("this attempt is over")

    async def store(
        self, holder: Work, task_id: UUID, generation: int, proofs: Sequence[Proof], merge_id: UUID | None = None
    ) -> None:
        """Keep proofs about an attempt; ``holder`` is the work whose lease counts. Raises StaleLease."""
        batch = [_record(proof) for proof in proofs]
        values = {
            "holder": holder.id, "held": holder.generation, "task": task_id, "generation": generation,
            "merge": merge_id, "batch": orjson.dumps(batch).decode(),
        }  # fmt: skip
        async with self._database.transaction() as connection:
            stored = await connection.execute(_STORE, values)
        if stored.rowcount != len(batch):
            raise StaleLease("this attempt is over")


def teller(work: Work) -> Any:
    """Tells each proof as an event of the work."""

    def tell(proof: Proof) -> None:
        told = {name: value for name, value in proof.told().items() if name != "kind"}
        work.report.tell(EventKind.PROOF_RESULT, **told, output=proof.output[-_TOLD_CHARACTERS:])

    return tell


def unmet(proofs: Sequence[Proof]) -> CriteriaUnmet:
    """The error that proofs end an attempt with: retried when a criterion failed, not when none could be checked."""
    short = [proof for proof in proofs if proof.verdict != Verdict.PASSED]
    failed = [proof for proof in short if proof.verdict == Verdict.FAILED]
    named = "; ".join(f"{proof.name}: {proof.verdict}" + (f", {proof.why}" if proof.why else "") for proof in short)
    details = {"proof": [proof.told() for proof in proofs]}
    if failed:
        return CriteriaUnmet(f"the acceptance criteria are not met: {named}"[:2000], details=details)
    return CriteriaUnchecked(f"the acceptance criteria could not be checked: {named}"[:2000], details=details)


def _record(proof: Proof) -> dict[str, Any]:
    return asdict(proof) | {"id": str(new_id())}


_HOLDS = "EXISTS (SELECT 1 FROM tasks WHERE id = :holder AND generation = :held AND state = 'running')"

_NOTE_CHANGE = text(
    """
    INSERT INTO changes (task_id, generation, project_id, base_commit, branch, commit, files, added, removed)
    SELECT id, generation, project_id, :base_commit, :branch, :commit, :files, :added, :removed
    FROM tasks WHERE id = :task AND generation = :generation AND state = 'running'
    """
)

_STORE = text(
    f"""
    INSERT INTO proofs (id, task_id, generation, merge_id, number, name, kind, verdict, why, exit_code, output,
        output_pointer, seconds, commit, enclosed)
    SELECT x.id, CAST(:task AS uuid), CAST(:generation AS int), CAST(:merge AS uuid), x.number, x.name, x.kind,
        x.verdict, x.why, x.exit_code, x.output, nullif(x.pointer, 'null'), x.seconds, x.commit, x.enclosed
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS x(id uuid, number int, name text, kind text, verdict text,
        why text, exit_code int, output text, pointer jsonb, seconds float8, commit text, enclosed boolean)
    WHERE {_HOLDS}
    """
)
