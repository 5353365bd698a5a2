"""When a server that fails is tried again: back-off between starts, and a breaker over failures in a row.

Used by the supervisor, one for each. Closed: calls pass. Open: they are refused at once, with the last reason. Half
open: one call tries, and the others are refused until it has answered. No clock of its own, no task, no I/O.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

from orchestrator.core.errors import OrchestratorError, ServerUnreachable
from orchestrator.mcp.limits import Limits

Position = Literal["closed", "open", "half_open"]


class Breaker:
    """Told of failures and answers; asked before every start and every call."""

    def __init__(self, name: str, limits: Limits, clock: Callable[[], float]) -> None:
        self._name = name
        self._limits = limits
        self._clock = clock
        self._retry_at = 0.0
        self._trying = False
        self.failures = 0
        self.last_error: OrchestratorError | None = None

    @property
    def wait(self) -> float:
        """Seconds until the next try."""
        return max(0.0, self._retry_at - self._clock())

    @property
    def position(self) -> Position:
        """How it stands."""
        if self.failures < self._limits.breaker_failures:
            return "closed"
        return "open" if self.wait else "half_open"

    def failed(self, error: OrchestratorError, *, at_once: bool = False) -> None:
        """The server could not be started, or died; ``at_once`` lets the first restart happen without waiting."""
        self.failures += 1
        self.last_error = error
        self._retry_at = self._clock() + (0.0 if at_once and self.failures == 1 else self._pause())

    def missed(self, error: OrchestratorError) -> None:
        """A call did not reach the server, whose session is still there: only many in a row make the others wait."""
        self.failures += 1
        self.last_error = error
        if self.failures >= self._limits.breaker_failures:
            self._retry_at = self._clock() + self._pause()

    def answered(self) -> None:
        """The server works."""
        self.failures = 0

    def probed(self) -> None:
        """Somebody asked on purpose, and it works: nothing of what was is held against it."""
        self.failures, self._retry_at, self.last_error = 0, 0.0, None

    def _pause(self) -> float:
        doubled = self._limits.backoff_seconds * float(2 ** min(self.failures - 1, 16))
        return min(doubled, self._limits.max_backoff_seconds)

    def refuse_start(self) -> None:
        """Raise the last reason while the back-off runs."""
        if not (wait := self.wait):
            return
        last = self.last_error
        if last is not None and not last.retry:
            raise type(last)(last.message, field=last.field, hint=last.hint, details=last.details) from last
        raise self._refusal(f"It is tried again in {wait:.1f} s.", wait)

    def _refusal(self, what_then: str, wait: float) -> ServerUnreachable:
        message = self.last_error.message if self.last_error else f"MCP server {self._name!r} is down."
        return ServerUnreachable(f"{message} {what_then}", details={"retry_after": round(wait, 3)})

    def passing(self) -> AbstractContextManager[None]:
        """Let a call pass, or raise; the one that is the try which decides is the only one until it has ended."""
        if (position := self.position) == "closed":
            return _FREE
        if position == "open":
            self.refuse_start()
        if self._trying:
            raise self._refusal("It is being tried again just now.", self._limits.backoff_seconds)
        return self._try()

    @contextmanager
    def _try(self) -> Iterator[None]:
        self._trying = True
        try:
            yield
        finally:
            self._trying = False


_FREE = nullcontext()
"""For every call that nothing stands in the way of: making one takes time."""
