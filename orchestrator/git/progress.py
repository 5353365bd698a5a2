"""Git's progress lines as (phase, percent), and the bytes received so far. Used by mirrors while they fetch."""

import inspect
import re
from collections.abc import Awaitable, Callable

OnProgress = Callable[[str, int], Awaitable[None] | None]

_LINE = re.compile(r"(?:remote: )?([A-Z][A-Za-z ]{2,40}):\s+(\d{1,3})% \(\d+/\d+\)(?:, ([\d.]+) (bytes|[KMGT]iB))?")
_UNITS = {"bytes": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


def watch(on_progress: OnProgress | None, on_bytes: Callable[[int], None]) -> Callable[[str], Awaitable[None]]:
    """A line reader for run_git that calls back when phase or percent change, and with every count of bytes."""
    last: list[tuple[str, int]] = []

    async def on_line(line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            return
        if match[3]:
            on_bytes(int(float(match[3]) * _UNITS[match[4]]))
        step = (match[1], min(int(match[2]), 100))
        if on_progress is None or last == [step]:
            return
        last[:] = [step]
        told = on_progress(*step)
        if inspect.isawaitable(told):
            await told

    return on_line
