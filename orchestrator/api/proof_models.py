"""Shapes of the doors of proof: criteria as they come in, proofs, attempts and diffs as they go out."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.core.acceptance import MOST_SECONDS, USUAL_SECONDS, CriterionKind, Verdict
from orchestrator.core.states import Reason
from orchestrator.git.diff import ChangeStatus
from orchestrator.git.hunks import Side


class CriterionIn(BaseModel):
    """One acceptance criterion. Which fields belong to it depends on its kind."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["command", "tests", "ask"] = Field(
        description="A command that must end with 0, tests that must pass, or a SPARQL ASK over the result's graph."
    )
    name: str = Field("", max_length=100, description="What people call it; default: the command or the selection.")
    timeout: float = Field(USUAL_SECONDS, gt=0, le=MOST_SECONDS, description="Its time limit in seconds.")
    command: list[str] = Field(default_factory=list, description="command: the program and its arguments; no shell.")
    select: list[str] = Field(default_factory=list, description="tests: paths or node ids.")
    runner: list[str] = Field(
        default_factory=list,
        description="tests: the program that gets them; default: the project's setting `test_runner`, else pytest.",
    )
    query: str = Field("", description="ask: a SPARQL ASK query.")
    expects: bool = Field(True, description="ask: the answer that counts as passed.")
    network: bool = Field(
        False, description="command, tests: wants a network; the project's setting `criteria_network` must allow it."
    )


class ProofOut(BaseModel):
    """How one criterion came out."""

    id: UUID = Field(description="The proof.")
    attempt: int = Field(description="The attempt it is about.")
    merge_id: UUID | None = Field(description="The merge it was made for; null: made for the attempt itself.")
    number: int = Field(description="Which criterion, from 1; 0 is that the change merges with the present base.")
    name: str = Field(description="The criterion's name.")
    kind: CriterionKind = Field(description="How it was checked.")
    verdict: Verdict = Field(description="passed, failed, or unknown: it could not be checked, which is no pass.")
    why: str = Field(description="Why it did not pass.")
    exit_code: int | None = Field(description="How its command ended.")
    output: str = Field(description="The end of what it wrote.")
    output_bytes: int | None = Field(description="Size of the whole output where that is larger; read it at /output.")
    seconds: float = Field(description="How long it took.")
    commit: str = Field(description="The commit it was checked on: the change merged with the base of that moment.")
    sandboxed: bool | None = Field(description="Whether its command ran in a sandbox; null: it has none.")
    at: datetime = Field(description="When.")


class ProofPage(BaseModel):
    """The proofs of a task."""

    met: bool | None = Field(description="Whether the latest attempt that was verified met all; null: none was.")
    items: list[ProofOut] = Field(description="By attempt, in the order they were made.")


class VerdictOut(BaseModel):
    """A verdict at a glance."""

    name: str = Field(description="The criterion's name.")
    kind: CriterionKind = Field(description="How it was checked.")
    verdict: Verdict = Field(description="How it came out.")
    why: str = Field(description="Why it did not pass.")
    seconds: float = Field(description="How long it took.")


class ChangeOut(BaseModel):
    """The code an attempt changed."""

    base_commit: str = Field(description="The commit it began with.")
    branch: str = Field(description="Its branch in the project's mirror.")
    commit: str = Field(description="The commit at its end.")
    files: int = Field(description="Files that differ.")
    added: int = Field(description="Lines added.")
    removed: int = Field(description="Lines removed.")


class AttemptUsageOut(BaseModel):
    """What an attempt used."""

    model: str = Field(description="The language model; empty: none is known.")
    requests: int = Field(description="Requests to the model.")
    input_tokens: int = Field(description="Tokens in.")
    cached_tokens: int = Field(description="Those of them that the provider had kept.")
    output_tokens: int = Field(description="Tokens out.")
    tool_calls: int = Field(description="Tool calls.")
    money: float | None = Field(description="US dollars; null: the price is not known.")


class AttemptOut(BaseModel):
    """One try at a task."""

    attempt: int = Field(description="Number, from 1.")
    target_id: str | None = Field(description="Who tried.")
    worker_id: str = Field(description="On which worker.")
    started_at: datetime = Field(description="When it began.")
    ended_at: datetime | None = Field(description="When it ended.")
    seconds: float = Field(description="How long it took, or takes by now.")
    reason: Reason | None = Field(description="How it ended.")
    error: dict[str, Any] | None = Field(description="What went wrong.")
    change: ChangeOut | None = Field(description="What it changed; null: no code.")
    proof: list[VerdictOut] = Field(description="How its criteria came out.")
    usage: AttemptUsageOut | None = Field(description="What it used; null: nothing that is counted.")


class AttemptContextOut(BaseModel):
    """What an attempt's agent was told of the code that its task names."""

    attempt: int = Field(description="The attempt.")
    text: str = Field(description="The text, as it stood in the prompt.")
    tokens: int = Field(description="About how many tokens it took.")
    left_out: int = Field(description="Facts for which there was no room.")
    at: datetime = Field(description="When the graph was asked.")


class AttemptPage(BaseModel):
    """Every attempt at a task."""

    items: list[AttemptOut] = Field(description="First to last.")


class LineOut(BaseModel):
    """One line of a hunk."""

    model_config = ConfigDict(from_attributes=True)

    kind: Side = Field(description="context, added or removed.")
    old: int | None = Field(description="Its number on the old side; null: it is not there.")
    new: int | None = Field(description="Its number on the new side; null: it is not there.")
    text: str = Field(description="The line without its end.")


class HunkOut(BaseModel):
    """A run of changed lines with context."""

    model_config = ConfigDict(from_attributes=True)

    old_start: int = Field(description="First line on the old side.")
    old_lines: int = Field(description="Lines on the old side.")
    new_start: int = Field(description="First line on the new side.")
    new_lines: int = Field(description="Lines on the new side.")
    header: str = Field(description="What git takes for the function around it.")
    lines: list[LineOut] = Field(description="Its lines in order.")


class FileDiffOut(BaseModel):
    """One file of a diff."""

    path: str = Field(description="Its path; the old one where it was deleted.")
    old_path: str | None = Field(description="Its former path, when it was renamed or copied.")
    status: ChangeStatus = Field(description="added, modified, deleted, renamed, copied or type_changed.")
    binary: bool = Field(description="Whether it is binary; then it has no hunks.")
    added: int = Field(description="Lines added.")
    removed: int = Field(description="Lines removed.")
    hunks: list[HunkOut] = Field(description="What differs.")


class DiffOut(ChangeOut):
    """What an attempt changed, hunk by hunk."""

    task_id: UUID = Field(description="The task.")
    attempt: int = Field(description="The attempt.")
    truncated: bool = Field(description="Whether the text was too large: then later files have no hunks.")
    changed: list[FileDiffOut] = Field(description="The files.")
