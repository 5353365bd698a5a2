"""The state machine of a task: which steps it has, and the reasons work ends with."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core import errors
from orchestrator.core.errors import IllegalTransition, OrchestratorError
from orchestrator.core.states import (
    ALLOWED,
    TERMINAL,
    WAITING,
    Reason,
    TaskState,
    backoff_seconds,
    check_transition,
    reason_for,
)

PLACED = {TaskState.PENDING, TaskState.AWAITING_CONSENT, TaskState.QUEUED}
"""Where routing puts a task that found, or may yet find, a target."""

walks = st.lists(st.sampled_from(TaskState), min_size=1, max_size=20)


def _walk(steps: list[TaskState]) -> list[TaskState]:
    """The states a task passes when every illegal step is refused."""
    seen = [TaskState.PENDING]
    for step in steps:
        try:
            check_transition(seen[-1], step)
        except IllegalTransition:
            continue
        seen.append(step)
    return seen


@given(walks)
def test_nothing_leaves_a_terminal_state_but_a_retry_and_a_review(steps: list[TaskState]) -> None:
    seen = _walk(steps)
    for before, after in itertools.pairwise(seen):
        if before in TERMINAL:
            rejected = (before, after) == (TaskState.COMPLETED, TaskState.FAILED)
            assert after in PLACED or rejected


@given(walks)
def test_a_task_runs_only_after_it_was_queued(steps: list[TaskState]) -> None:
    seen = _walk(steps)
    assert all(before == TaskState.QUEUED for before, after in itertools.pairwise(seen) if after == TaskState.RUNNING)


@given(walks)
def test_only_running_work_completes(steps: list[TaskState]) -> None:
    seen = _walk(steps)
    assert all(b == TaskState.RUNNING for b, a in itertools.pairwise(seen) if a == TaskState.COMPLETED)


@pytest.mark.parametrize("state", sorted(set(TaskState) - TERMINAL))
def test_every_task_that_has_not_ended_can_fail_or_be_cancelled(state: TaskState) -> None:
    assert {TaskState.FAILED, TaskState.CANCELLED} <= ALLOWED[state]


@pytest.mark.parametrize("state", sorted(set(TaskState) - {TaskState.QUEUED, TaskState.RUNNING}))
def test_whoever_is_routed_again_may_land_wherever_routing_puts_tasks(state: TaskState) -> None:
    assert PLACED - {state} <= ALLOWED[state]


def test_every_state_is_in_the_machine_and_none_steps_to_itself() -> None:
    assert set(ALLOWED) == set(TaskState)
    assert all(state not in steps for state, steps in ALLOWED.items())
    assert not TERMINAL & WAITING


def test_every_state_can_be_reached() -> None:
    reached, edge = {TaskState.PENDING}, {TaskState.PENDING}
    while edge:
        edge = set().union(*(ALLOWED[state] for state in edge)) - reached
        reached |= edge
    assert reached == set(TaskState)


def _leaves(kind: type[OrchestratorError]) -> list[type[OrchestratorError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in _leaves(child))]


@pytest.mark.parametrize("kind", _leaves(OrchestratorError))
def test_every_error_ends_a_task_with_a_reason_of_the_closed_list(kind: type[OrchestratorError]) -> None:
    reason = reason_for(kind("no"))
    assert reason in Reason
    assert reason != Reason.OK


def test_the_reason_tells_who_was_at_fault() -> None:
    assert reason_for(errors.InvalidInput("no")) == Reason.INVALID_INPUT
    assert reason_for(errors.ToolFailed("no")) == Reason.TOOL_ERROR
    assert reason_for(errors.TimedOut("no")) == Reason.TIMEOUT
    assert reason_for(errors.ServerUnreachable("no")) == Reason.SERVER_UNREACHABLE


@given(st.integers(1, 10_000))
def test_waits_between_attempts_grow_to_a_minute_at_most(attempt: int) -> None:
    assert 1 <= backoff_seconds(attempt) <= backoff_seconds(attempt + 1) <= 60
