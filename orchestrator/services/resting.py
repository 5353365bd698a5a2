"""What a person is asked while a task rests: about a used-up budget, or among tries. Used by the runner of tasks.

Storing the question is the task writer's work, answering it ``decisions``'. Pure but for the clock.
"""

from datetime import UTC, datetime, timedelta

from orchestrator.core.errors import BudgetReached, ChoiceNeeded
from orchestrator.core.spending import Period, next_period
from orchestrator.models.agent_asking import ABOUT_BUDGET, ABOUT_CHOICE, Asked

_CHOICES = (
    {"id": "raise", "name": "Raise it by as much again", "kind": ""},
    {"id": "stop", "name": "Stop the task", "kind": ""},
)


def about_budget(error: BudgetReached, agent: str, patience: timedelta) -> Asked:
    """Whether to raise it. One that begins anew by itself is waited for: nobody is stopped the day before."""
    now, period = datetime.now(UTC), error.details.get("period")
    begins = (next_period(Period(period), now) if period else None) or now
    return Asked(ABOUT_BUDGET, f"{error.message}; raise it?", _CHOICES, "stop", begins + patience, agent)


def about_choice(error: ChoiceNeeded, agent: str, patience: timedelta) -> Asked:
    """Which try is taken."""
    given = error.details
    about, deadline = f"{ABOUT_CHOICE}:{given['step']}", datetime.now(UTC) + patience
    return Asked(about, error.message, given["choices"], given["default"], deadline, agent)
