"""What an attempt uses, what that costs, and whether a budget is used up. Pure.

Agents tell what they use as ``Usage``; ``services.metering`` keeps it and compares. Money is in the currency of the
price table, US dollars. A price that is not known is no price: it is told apart from nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from orchestrator.core.errors import InvalidInput

MONEY, TOKENS, TOOL_CALLS, REQUESTS = "money", "tokens", "tool_calls", "requests"
CAPS = (MONEY, TOKENS, TOOL_CALLS)
"""What a budget may limit. A task's own may limit requests to the model, too, which ends the attempt."""
_MOST = 1e12
_MILLION = 1_000_000.0


class Period(StrEnum):
    """Over how long a budget of a project or a person counts. Each begins anew at midnight UTC, weeks on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used so far. ``cached``: input tokens that the provider had kept. ``money``: as the agent tells."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    requests: int = 0
    money: float | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    input: float
    output: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """What this usage costs; cached tokens at the price of others where they have none of their own."""
        kept = min(usage.cached_tokens, usage.input_tokens)
        cached = self.input if self.cached is None else self.cached
        return (self.input * (usage.input_tokens - kept) + cached * kept + self.output * usage.output_tokens) / _MILLION


def cost(usage: Usage, price: Price | None) -> float | None:
    """What it cost: as the agent tells, else by the price, else unknown; nothing where no tokens were used."""
    if usage.money is not None:
        return usage.money
    if price is not None:
        return price.of(usage)
    return None if usage.input_tokens or usage.output_tokens else 0.0


def read_caps(given: Mapping[str, Any], *, of_task: bool, field: str = "budget") -> dict[str, float]:
    """A budget's caps, checked; InvalidInput names the field. Those of a task may cap requests too."""
    known = (*CAPS, REQUESTS) if of_task else CAPS
    for name, value in given.items():
        if name not in known:
            text = f"a limit on {name[:50]} cannot be held; known: {', '.join(known)}"
            raise InvalidInput(text, field=f"{field}.{name[:50]}")
        whole = isinstance(value, int) or (name == MONEY and isinstance(value, float))
        if isinstance(value, bool) or not whole or not 0 < value <= _MOST:
            kind = "number" if name == MONEY else "whole number"
            raise InvalidInput(f"a limit is a {kind} above 0", field=f"{field}.{name}")
    return dict(given)


def next_period(period: Period, now: datetime) -> datetime | None:
    """When a budget begins anew; None for one in all."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == Period.MONTH:
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    days = {Period.DAY: 1, Period.WEEK: 7 - today.weekday()}.get(period)
    return today + timedelta(days=days) if days else None


def used_up(caps: Mapping[str, Any], used: Mapping[str, float]) -> str | None:
    """The first cap that is reached, or None."""
    return next((name for name in CAPS if caps.get(name) is not None and used.get(name, 0) >= caps[name]), None)


def amount(name: str, value: float) -> str:
    """A number of something, for people."""
    if name == MONEY:
        return f"{value:.2f} USD" if value >= 0.01 or value == 0 else f"{value:.4f} USD"
    things = name.replace("_", " ")
    return f"{int(value):,} {things.removesuffix('s') if int(value) == 1 else things}"
