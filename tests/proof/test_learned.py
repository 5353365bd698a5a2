"""What routing learns from what becomes of a change: proved, merged, undone, sent back, and how long people read it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.learning import Estimate
from orchestrator.core.merging import MergeMethod, ReviewVerdict
from orchestrator.services.reviews import Comment, Review
from tests.proof.conftest import Hand, MakeProject, RunAttempt, Writer, put, python
from tests.proof.test_merge_queue import carry_out

__all__ = ["carry_out"]

CarryOut = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
AGENT = "agent:lint-fix"
LINE = Comment("a.py", "new", 1, "why two?")
A_REVIEW, A_COMMENT, AN_HOUR = 1, 2, 60
"""Minutes."""


@pytest.fixture
async def task(container: Container, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt) -> UUID:
    """A completed task whose change is proved."""
    put(container, Writer({"a.py": "x = 2\n"}))
    made = await hand_in(await make_project({"a.py": "x = 1\n"}), [python("import a; assert a.x == 2")])
    row = await run_attempt(made)
    assert row["state"] == "completed", row["error"]
    return made


async def good(container: Container) -> float:
    """What the one attempt that there was counts for its agent; the rest of it counts against."""
    await container.learning.count()
    found = (await container.learning.read()).get(AGENT, {}).get("lint_fix", Estimate())
    assert found.good + found.bad == pytest.approx(1, abs=0.01)
    return found.good


async def test_a_proof_counts_more_than_a_bare_success_and_a_merge_more_than_a_proof(
    container: Container, caller: Caller, task: UUID, carry_out: CarryOut
) -> None:
    assert await good(container) == pytest.approx(0.9, abs=0.01)
    await container.reviews.create(caller, task, Review(ReviewVerdict.APPROVE))
    entry = await container.merges.merge(caller, task, MergeMethod.LOCAL)
    approved = 0.9 / (1 + A_REVIEW / AN_HOUR)
    assert await good(container) == pytest.approx(approved, abs=0.01), "what stands in the queue is not merged"
    assert (await carry_out(entry))["state"] == "merged"
    assert await good(container) == pytest.approx(1 / (1 + A_REVIEW / AN_HOUR), abs=0.01)


async def test_an_undone_merge_counts_against_its_agent_until_it_is_merged_again(
    container: Container, caller: Caller, task: UUID, carry_out: CarryOut
) -> None:
    await container.reviews.create(caller, task, Review(ReviewVerdict.APPROVE))
    await carry_out(await container.merges.merge(caller, task, MergeMethod.LOCAL))
    assert (await carry_out(await container.merges.undo(caller, task)))["state"] == "merged"
    assert await good(container) == 0
    await carry_out(await container.merges.merge(caller, task, MergeMethod.LOCAL))
    assert await good(container) == pytest.approx(1 / (1 + A_REVIEW / AN_HOUR), abs=0.01)


async def test_peoples_minutes_count_against_an_agent_and_those_of_agents_do_not(
    container: Container, caller: Caller, task: UUID
) -> None:
    by_agent = Review(ReviewVerdict.COMMENT, "seen", (LINE,), agent_id="agent:llm")
    await container.reviews.create(caller, task, by_agent)
    assert await good(container) == pytest.approx(0.9, abs=0.01)
    for times in (1, 2):
        await container.reviews.create(caller, task, Review(ReviewVerdict.COMMENT, "hm", (LINE, LINE)))
        minutes = times * (A_REVIEW + 2 * A_COMMENT)
        assert await good(container) == pytest.approx(0.9 / (1 + minutes / AN_HOUR), abs=0.01)


async def test_a_change_that_was_sent_back_counts_little_and_a_rejected_one_nothing(
    container: Container, caller: Caller, task: UUID, run_attempt: RunAttempt
) -> None:
    await container.reviews.create(caller, task, Review(ReviewVerdict.REQUEST_CHANGES, "again", (LINE,)))
    sent_back = 0.3 / (1 + (A_REVIEW + A_COMMENT) / AN_HOUR)
    assert await good(container) == pytest.approx(sent_back, abs=0.01)
    assert (await run_attempt(task, 2))["state"] == "completed"
    await container.reviews.create(caller, task, Review(ReviewVerdict.REJECT, "no"))
    await container.learning.count()
    found = (await container.learning.read())[AGENT]["lint_fix"]
    assert found.good == pytest.approx(sent_back, abs=0.01), "the second attempt was rejected, the first sent back"
    assert found.good + found.bad == pytest.approx(2, abs=0.01)
