"""Keeps the machine's cores from falling asleep between two calls, by work that gives way to any other.

A virtual core that has nothing to do is given away by its host, and what runs next pays for the way back: up to twice
the processor time, and more for three processes that take turns than for two. That is the host's doing, and differs
from minute to minute. Where the kernel has no such idle work, cores sleep as they like. It gives way within a session
only where the kernel shares time out by sessions, so it gets one of its own with the least share there is.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS = 900
_SPIN = (
    "import os, time\n"
    "try:\n"
    "    open('/proc/self/autogroup', 'w').write('19')\n"
    "except OSError:\n"
    "    pass\n"
    "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
    f"end = time.monotonic() + {_SECONDS}\n"
    "while time.monotonic() < end:\n"
    "    pass\n"
)


@contextmanager
def cores_awake() -> Iterator[bool]:
    """One idle-class process for each core, and whether that is so."""
    possible = hasattr(os, "SCHED_IDLE")
    count = (os.cpu_count() or 1) if possible else 0
    command = [sys.executable, "-I", "-S", "-c", _SPIN]
    spinning = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield possible
    finally:
        for one in spinning:
            one.kill()
            one.wait()
