"""How well a target does a kind of work, learned from how its attempts came out: a Beta estimate. Pure.

Used by ``routing`` as one part of a score; ``services.learning`` counts the evidence. Deterministic: mean plus one
standard deviation, so the same evidence gives the same route and every number can be shown. What was never tried starts
from the prior and its uncertainty lets it be tried; evidence fades, so nobody is exiled for good.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

PRIOR_GOOD, PRIOR_BAD = 2.0, 1.0
"""What is believed before anything was seen: as if two of three attempts had gone well."""
HALF_LIFE_DAYS = 14.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Evidence beyond the prior, in attempts: an attempt counts between 0 and 1 on each side, less as it gets old."""

    good: float = 0.0
    bad: float = 0.0

    @property
    def mean(self) -> float:
        """The share of attempts that are expected to go well."""
        alpha, beta = self.good + PRIOR_GOOD, self.bad + PRIOR_BAD
        return alpha / (alpha + beta)

    @property
    def deviation(self) -> float:
        """How uncertain the mean is: its standard deviation."""
        alpha, beta = self.good + PRIOR_GOOD, self.bad + PRIOR_BAD
        return sqrt(alpha * beta / ((alpha + beta) ** 2 * (alpha + beta + 1)))

    @property
    def score(self) -> float:
        """What counts in a route: the mean, and one deviation for the chance to learn more; at most 1."""
        return min(1.0, self.mean + self.deviation)

    def as_dict(self) -> dict[str, float]:
        """The stored and shown form."""
        shown = {"good": self.good, "bad": self.bad, "mean": self.mean, "deviation": self.deviation}
        return {name: round(value, 3) for name, value in shown.items()}


def learned(names: Iterable[str], known: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """What is known of a target for each kind of work that a task needs; the prior where nothing is."""
    return {name: known.get(name, Estimate()) for name in names}
