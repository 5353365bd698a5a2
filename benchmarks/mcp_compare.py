"""Compares ways to a tool: rounds of calls that alternate between a direct way and those through something.

Used by the MCP benchmarks. Every ratio is of calls right beside each other, so that what else the machine does weighs
on both: a round's calls one after another come in slices, direct ones and the others in turns. A machine of noisy
neighbours changes its pace within a second; of all slices the median counts and the spread is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from benchmarks.report import Row, row, say

ROUNDS = 5
OURS = (150, 400)
"""Calls of a round: one after another, and at 20 connections."""
SLICE = 25
"""Calls one after another before the other way has its turn."""


class Way(Protocol):
    """A prepared call of a tool."""

    async def one_after_another(self, times: int) -> float:
        """The median of so many calls in seconds."""
        ...

    async def at_once(self, times: int) -> float:
        """Calls a second, 20 of them under way."""
        ...


@dataclass
class Measured:
    """One way in one era: its calls, how many a round, and ratios to direct calls of the same slice or round.

    ``latency`` is against a direct call of the older era, as where the goals come from; ``own`` against one of its own.
    """

    name: str
    title: str
    way: Way
    times: tuple[int, int] = OURS
    goals: tuple[float, float] | tuple[None, None] = (None, None)
    rounds: int = ROUNDS
    milliseconds: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    slower: list[float] = field(default_factory=list)

    def rows(self, era: str, direct: str) -> list[Row]:
        """What was found."""
        most, slowest = self.goals
        one_by_one = f"one call after another, {self.title}, {era}"
        rows = [
            row(f"{self.name}_p50_{era}", f"{self.title}, {era}, p50", self.milliseconds, "ms"),
            row(f"{self.name}_ratio_{era}", one_by_one, self.latency, "×",
                at_most=most, baseline=f"{direct}, legacy = 1"),
        ]  # fmt: skip
        if era != "legacy":
            rows.append(row(f"{self.name}_ratio_own_{era}", one_by_one, self.own, "×", baseline=f"{direct}, {era} = 1"))
        rows.append(
            row(f"{self.name}_slower_{era}", f"20 at once, {self.title}, {era}", self.slower, "× slower",
                at_most=slowest, baseline=f"{direct}, {era} = 1")
        )  # fmt: skip
        return rows


async def compared(
    era: str, oldest: Way, direct: Way, measured: Sequence[Measured], *, called: str = "direct"
) -> list[Row]:
    """The rows of all of them, and of the direct way itself, which is ``called`` so."""
    milliseconds: list[float] = []
    for number in range(max(one.rounds for one in measured) + 1):
        for one in measured:
            if number > one.rounds:
                continue
            # Direct calls beside each slice of others, as many as its own.
            slices = [await _slice(era, oldest, direct, one) for _ in range(ceil(one.times[0] / SLICE))]
            rate = await direct.at_once(one.times[1])
            theirs = await one.way.at_once(one.times[1])
            if number:  # the first round warms all up
                milliseconds += [1000 * own for _, own, _ in slices]
                one.milliseconds += [1000 * p50 for _, _, p50 in slices]
                one.latency += [p50 / base for base, _, p50 in slices]
                one.own += [p50 / own for _, own, p50 in slices]
                one.slower.append(rate / theirs)
        say(f"{era}: round {number or 'to warm up'}, {len(measured)} ways")
    prefix = called.replace(" ", "_")
    found = [row(f"{prefix}_p50_{era}", f"{called}, {era}, p50", milliseconds, "ms")]
    for one in measured:
        found += one.rows(era, called)
    return found


async def _slice(era: str, oldest: Way, direct: Way, one: Measured) -> tuple[float, float, float]:
    """Medians in seconds: a direct call of the older era, one of its own, and one this way."""
    times = min(SLICE, one.times[0])
    base = await oldest.one_after_another(times)
    own = base if era == "legacy" else await direct.one_after_another(times)
    return base, own, await one.way.one_after_another(times)
