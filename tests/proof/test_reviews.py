"""Reviews: comments on lines that exist, verdicts that do what they say, and a next attempt that is told."""

from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from orchestrator.core.events import EventKind
from orchestrator.core.merging import MergeMethod, ReviewVerdict
from orchestrator.git.program import run_git
from orchestrator.services.reviews import Comment, Review
from tests.proof.conftest import Hand, MakeProject, RunAttempt, Writer, events, make_caller, put

FILES = {"a.py": "x = 1\ny = 1\n", "b.py": "z = 1\n"}
APPROVE, CHANGES, REJECT, COMMENT = (
    ReviewVerdict.APPROVE,
    ReviewVerdict.REQUEST_CHANGES,
    ReviewVerdict.REJECT,
    ReviewVerdict.COMMENT,
)


@pytest.fixture
def agent(container: Container) -> Writer:
    return put(container, Writer({"a.py": "x = 2\ny = 1\n"}, {"c.py": "c = 1\n"}))


@pytest.fixture
async def task(make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt, agent: Writer) -> UUID:
    """A completed task whose first attempt changed a.py."""
    made = await hand_in(await make_project(FILES), [])
    assert (await run_attempt(made))["state"] == "completed"
    return made


async def test_requested_changes_start_an_attempt_on_the_branch_with_the_comments(
    container: Container, caller: Caller, task: UUID, agent: Writer, run_attempt: RunAttempt
) -> None:
    first = await container.task_proofs.change(caller, task)
    comment = Comment("a.py", "new", 1, "why two?")
    await container.reviews.create(caller, task, Review(CHANGES, "add a c", (comment,)))
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"], row["result"]) == ("queued", None, None)
    row = await run_attempt(task, 2)
    assert row["state"] == "completed", row["error"]
    assert agent.feedback[0] == ""
    assert "add a c" in agent.feedback[1]
    assert "a.py:1: why two?" in agent.feedback[1]
    second = await container.task_proofs.change(caller, task)
    assert (second["generation"], second["base_commit"], second["files"]) == (2, first["base_commit"], 2)
    mirror = container.mirrors.path(first["project_id"])
    parent = await run_git("rev-parse", f"{second['commit']}^", cwd=mirror)
    assert parent.text == first["commit"]
    (told,) = await events(container, caller, task, EventKind.REVIEWED)
    assert (told.data["verdict"], told.data["comments"]) == ("request_changes", 1)
    with pytest.raises(Conflict):
        await container.reviews.create(caller, task, Review(APPROVE, attempt=1))


async def test_a_rejected_change_ends_the_task_as_failed_and_keeps_its_result(
    container: Container, caller: Caller, task: UUID
) -> None:
    await container.reviews.create(caller, task, Review(REJECT, "not wanted"))
    row = await container.tasks.get(caller, task)
    assert (row["state"], row["reason"]) == ("failed", "rejected")
    assert row["error"]["message"] == "a reviewer rejected the change: not wanted"
    assert row["result"]["files"]
    with pytest.raises(IllegalTransition):
        await container.reviews.create(caller, task, Review(APPROVE))
    with pytest.raises(Conflict):
        await container.merges.merge(caller, task, MergeMethod.LOCAL)
    await container.reviews.create(caller, task, Review(COMMENT, "still"))


@pytest.mark.parametrize(
    ("comment", "field"),
    [
        (Comment("b.py", "new", 1, "x"), "comments[0].path"),
        (Comment("a.py", "new", 3, "x"), "comments[0].line"),
        (Comment("../a.py", "old", 1, "x"), "comments[0].path"),
    ],
)
async def test_a_comment_on_nothing_is_refused_by_its_field(
    container: Container, caller: Caller, task: UUID, comment: Comment, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await container.reviews.create(caller, task, Review(COMMENT, comments=(comment,)))
    assert refused.value.field == field
    assert await container.reviews.page(caller, task) == []


async def test_changes_are_requested_with_words_and_only_by_members(
    container: Container, caller: Caller, task: UUID
) -> None:
    with pytest.raises(InvalidInput):
        await container.reviews.create(caller, task, Review(CHANGES, " "))
    eve = await make_caller(container, "eve@example.org")
    with pytest.raises(NotFound):
        await container.reviews.create(eve, task, Review(APPROVE))


async def test_an_agents_findings_are_attached_and_its_approval_merges_nothing(
    container: Container, caller: Caller, task: UUID
) -> None:
    found = Review(APPROVE, "fine", (Comment("a.py", "old", 2, "was one"),), agent_id="agent:llm")
    stored = await container.reviews.create(caller, task, found)
    assert stored["agent_id"] == "agent:llm"
    assert stored["comments"] == [{"path": "a.py", "side": "old", "line": 2, "text": "was one"}]
    with pytest.raises(Conflict, match="nobody has approved"):
        await container.merges.merge(caller, task, MergeMethod.LOCAL)
    with pytest.raises(NotFound):
        await container.reviews.create(caller, task, Review(COMMENT, "x", agent_id="agent:nobody"))


async def test_a_review_that_cannot_take_effect_is_not_stored(container: Container, caller: Caller, task: UUID) -> None:
    await container.reviews.create(caller, task, Review(APPROVE))
    await container.merges.merge(caller, task, MergeMethod.LOCAL)
    for verdict in (CHANGES, REJECT):
        with pytest.raises(Conflict, match="merge queue"):
            await container.reviews.create(caller, task, Review(verdict, "too late"))
    assert [one["verdict"] for one in await container.reviews.page(caller, task)] == ["approve"]
    assert (await container.tasks.get(caller, task))["state"] == "completed"
