"""How often somebody may do something: a token bucket per caller, and a window of attempts per key.

Used by the doors and by the log-in. Counted in this process: the service's API is one process beside a team's
repositories, a restart may forget, and a hot path must not wait for a store. With several API processes each counts
for itself, so the limit is at most that many times higher.
"""

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from orchestrator.core.errors import RateLimited

_MOST_KEYS = 50_000


class RequestLimit:
    """A token bucket per key: ``per_minute`` in the long run, a burst of a sixth of it at once."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._burst = max(per_minute / 6, 1.0)
        self._clock = clock
        self._levels: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> None:
        """Count one request; RateLimited when the bucket is empty."""
        now = self._clock()
        level, at = self._levels.get(key, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate)
        if level < 1:
            wait = math.ceil((1 - level) / self._rate)
            raise RateLimited("too many requests", details={"retry_after": max(wait, 1)})
        if len(self._levels) >= _MOST_KEYS and key not in self._levels:
            self._drop_full(now)
        self._levels[key] = (level - 1, now)

    def _drop_full(self, now: float) -> None:
        refill = self._burst / self._rate
        self._levels = {key: kept for key, kept in self._levels.items() if now - kept[1] < refill}


class AttemptLimit:
    """At most ``most`` attempts per key within ``seconds``; more are refused until the oldest has aged.

    An attempt counts before it is made, so that many at once do not slip through; a good one is taken back.
    """

    def __init__(self, most: int, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._attempts: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def attempt(self, key: Hashable) -> None:
        """Count an attempt; RateLimited when there were too many."""
        now = self._clock()
        attempts = self._attempts.get(key, deque())
        while attempts and attempts[0] <= now - self._seconds:
            attempts.popleft()
        if len(attempts) >= self._most:
            wait = math.ceil(attempts[0] + self._seconds - now)
            raise RateLimited("too many attempts; wait a while", details={"retry_after": max(wait, 1)})
        attempts.append(now)
        self._attempts[key] = attempts
        self._attempts.move_to_end(key)
        if len(self._attempts) > _MOST_KEYS:
            self._attempts.popitem(last=False)

    def take_back(self, key: Hashable) -> None:
        """The newest attempt was a good one: do not count it."""
        attempts = self._attempts.get(key)
        if attempts:
            attempts.pop()

    def forgive(self, key: Hashable) -> None:
        """Forget every attempt of a key."""
        self._attempts.pop(key, None)


def place_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 that one subscriber of IPv6 has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
