"""Watches an agent's run by what it tells: ends one that has gone silent, and one that does the same over and over.

Used by ``run_agent`` around every agent. Silence is no event for some minutes; time spent waiting for a person does not
count. A loop is the same tool calls with the same arguments, alone or as a short cycle; of an agent that tells no
arguments the answers have to be the same too. It knows no kind of agent.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from orchestrator.agents.base import Tell
from orchestrator.core.errors import AgentFailed, Looping, Stalled
from orchestrator.core.events import EventKind

Result = TypeVar("Result")

LONGEST_CYCLE = 4
_WAITING = "wait_task"
_MOST_OPEN = 1000


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """``stall_seconds`` without an event, ``repeats`` of the same calls in a row; 0 switches either off."""

    stall_seconds: float = 900.0
    repeats: int = 10


class Watchdog:
    """Stands between an agent and the teller of its events."""

    def __init__(self, tell: Tell, limits: WatchLimits) -> None:
        self._tell = tell
        self._limits = limits
        self._calls: deque[bytes] = deque(maxlen=LONGEST_CYCLE * max(1, limits.repeats))
        self._open: OrderedDict[str, str] = OrderedDict()
        self._heard = time.monotonic()
        self._waiting = 0
        self._fault: asyncio.Future[None] | None = None

    def tell(self, kind: EventKind, **data: Any) -> None:
        """Note an event and pass it on."""
        self._heard = time.monotonic()
        self._tell(kind, **data)
        if not self._limits.repeats:
            return
        if kind == EventKind.TOOL_CALLED:
            self._note_call(data)
        elif kind == EventKind.TOOL_RETURNED and (call := self._open.pop(str(data.get("call_id")), None)):
            self._note(repr((call, data.get("text"), data.get("edits"))), str(data.get("tool", "")))

    @contextmanager
    def person_asked(self) -> Iterator[None]:
        """While the block runs a person is being waited for: that is no silence of the agent."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            self._heard = time.monotonic()

    async def watch(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The work's result; Stalled or Looping ends it, and what it started ends with it."""
        self._fault = asyncio.get_running_loop().create_future()
        self._heard = time.monotonic()
        working = asyncio.create_task(work, name="agent")
        both: set[asyncio.Future[Any]] = {working, self._fault}
        try:
            while not working.done():
                await asyncio.wait(both, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED)
                self._check(done=working.done())
            return working.result()
        finally:
            self._fault.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait({working})
            if not working.cancelled():
                working.exception()  # heard of, also when something else is raised

    def _patience(self) -> float | None:
        if not self._limits.stall_seconds:
            return None
        if self._waiting:
            return self._limits.stall_seconds
        return max(0.01, self._heard + self._limits.stall_seconds - time.monotonic())

    def _check(self, *, done: bool) -> None:
        assert self._fault is not None
        if self._fault.done():
            self._fault.result()
        silent = time.monotonic() - self._heard
        if not done and self._limits.stall_seconds and not self._waiting and silent >= self._limits.stall_seconds:
            seconds = self._limits.stall_seconds
            raise Stalled(f"Nothing was heard of the agent for {seconds:g} s.", details={"seconds": seconds})

    def _note_call(self, data: dict[str, Any]) -> None:
        tool = str(data.get("tool", ""))
        if any(str(data.get(name, "")).endswith(_WAITING) for name in ("tool", "title")):
            return  # waiting for a part of the task again and again is how one waits for long
        told = repr((tool, data.get("title"), data.get("arguments")))
        if data.get("arguments") is None and data.get("call_id"):
            # Nobody knows yet whether it is the same call: its answer will tell.
            self._open[str(data["call_id"])] = told
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return
        self._note(told, tool)

    def _note(self, told: str, tool: str) -> None:
        self._calls.append(sha256(told.encode("utf-8", "replace")).digest())
        length = self._cycle()
        if length and self._fault is not None and not self._fault.done():
            self._fault.set_exception(_looping(tool, length, self._limits.repeats))

    def _cycle(self) -> int:
        """The length of the cycle that the last calls are, or 0."""
        calls = list(self._calls)
        for length in range(1, LONGEST_CYCLE + 1):
            needed = length * self._limits.repeats
            last = calls[-needed:]
            if len(last) == needed and all(last[at] == last[at % length] for at in range(needed)):
                return length
        return 0


def _looping(tool: str, length: int, repeats: int) -> AgentFailed:
    what = f"called {tool[:100]!r} with the same arguments" if length == 1 else f"went round the same {length} calls"
    details = {"tool": tool[:200], "calls": length, "repeats": repeats}
    return Looping(f"The agent {what} {repeats} times in a row.", details=details)
