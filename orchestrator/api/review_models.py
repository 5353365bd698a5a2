"""Shapes of the doors of review and merging, each field described for the API reference."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.core.merging import MergeAction, MergeMethod, MergeState, ReviewVerdict
from orchestrator.services.reviews import Comment, Review


class CommentIn(BaseModel):
    """Something to say of a line."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, max_length=4096, description="A file the attempt changed.")
    side: Literal["old", "new"] = Field("new", description="The attempt's version of the file, or the one before.")
    line: int = Field(ge=1, le=10_000_000, description="The line's number on that side.")
    text: str = Field(min_length=1, max_length=10_000, description="What to say.")


class ReviewIn(BaseModel):
    """A review of an attempt's change."""

    model_config = ConfigDict(extra="forbid")

    verdict: ReviewVerdict = Field(
        description="comment; approve: it may be merged; request_changes: a new attempt goes on from here with the "
        "comments; reject: the task fails."
    )
    summary: str = Field("", max_length=20_000, description="What to say of the whole.")
    comments: list[CommentIn] = Field(default_factory=list, max_length=500, description="What to say of lines.")
    attempt: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(None, description="Default: the latest change.")
    agent_id: str | None = Field(
        None, max_length=200, description="The agent whose findings these are; they approve nothing."
    )

    def as_review(self) -> Review:
        """The same as services know it."""
        comments = tuple(Comment(one.path, one.side, one.line, one.text) for one in self.comments)
        return Review(self.verdict, self.summary, comments, self.attempt, self.agent_id)


class ReviewOut(BaseModel):
    """A stored review."""

    id: UUID = Field(description="The review.")
    attempt: int = Field(description="The attempt it is about.")
    commit: str = Field(description="The commit it is about.")
    user_id: UUID = Field(description="Who handed it in.")
    user_name: str | None = Field(description="Their name.")
    agent_id: str | None = Field(description="The agent whose findings these are.")
    verdict: ReviewVerdict = Field(description="comment, approve, request_changes or reject.")
    summary: str = Field(description="What was said of the whole.")
    comments: list[CommentIn] = Field(description="What was said of lines.")
    created_at: datetime = Field(description="When.")


class ReviewPage(BaseModel):
    """Every review of a task."""

    items: list[ReviewOut] = Field(description="First to last.")


class MergeIn(BaseModel):
    """How a change is to be merged."""

    model_config = ConfigDict(extra="forbid")

    method: MergeMethod = Field(
        MergeMethod.LOCAL, description="local: into the default branch here; pull_request: offered on GitHub."
    )


class UndoIn(BaseModel):
    """How a merge is to be undone."""

    model_config = ConfigDict(extra="forbid")

    override_reason: str = Field(
        "",
        max_length=2000,
        description="Why it is to be undone though its criteria fail: for admins of the project, once an undo ended as "
        "unproven. It is kept with the entry, in its event and in its message.",
    )


class PullRequestOut(BaseModel):
    """The pull request a change was offered as."""

    number: int = Field(description="Its number.")
    url: str = Field(description="Where people read it.")
    branch: str = Field(description="The branch that was pushed.")
    base: str = Field(description="The branch it is for.")


class MergeOut(BaseModel):
    """An entry of a project's merge queue."""

    id: UUID = Field(description="The entry.")
    task_id: UUID = Field(description="The task whose change it is.")
    project_id: UUID = Field(description="The project.")
    attempt: int = Field(description="The attempt whose change it is.")
    user_id: UUID = Field(description="Who asked for it.")
    action: MergeAction = Field(description="merge or undo.")
    method: MergeMethod = Field(description="local or pull_request.")
    state: MergeState = Field(
        description="queued, verifying, merged, opened (as a pull request), conflicted, unproven or failed."
    )
    message: str = Field(description="What was done, or why not.")
    before: int = Field(description="How many entries are before it in line.")
    override_reason: str = Field(description="Of an undo that was done without proof: why a person wanted it.")
    base_commit: str | None = Field(description="The commit it was merged on.")
    merged_commit: str | None = Field(description="The merge commit; for an undo the revert.")
    conflicts: list[str] = Field(description="Files that conflict.")
    pull_request: PullRequestOut | None = Field(description="Where it was offered.")
    work_id: UUID | None = Field(description="The task that carries it out.")
    created_at: datetime = Field(description="When it was asked for.")
    started_at: datetime | None = Field(description="When its turn began.")
    finished_at: datetime | None = Field(description="When it was finished.")


class MergePage(BaseModel):
    """Entries of a merge queue."""

    items: list[MergeOut] = Field(description="In line, or first to last.")
