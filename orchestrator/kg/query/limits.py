"""What a query process may use while it runs one query: memory, and no files. Set and lifted by the query worker.

Soft limits of the kernel: nothing a query's text can do lifts them. Wall time is not among them; the server kills.
"""

import resource
import time
from pathlib import Path

from orchestrator.core.errors import NotConfigured

_PAGE = resource.getpagesize()


def limit_memory(memory_bytes: int) -> None:
    """Bound the private memory this process may take beyond what it has."""
    _soft(resource.RLIMIT_DATA, data_bytes() + memory_bytes)
    _soft(resource.RLIMIT_CORE, 0)


def give_up_files() -> None:
    """From now on no file and no socket can be opened; what is open stays usable."""
    _soft(resource.RLIMIT_NOFILE, 0)


def lift_limits() -> None:
    """What limit_memory and give_up_files set is over, until the next query."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE):
        _soft(kind, resource.getrlimit(kind)[1])


def _soft(kind: int, limit: int) -> None:
    """Set a limit that this process may lift again; nothing a query's text can do sets limits."""
    resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))


def data_bytes() -> int:
    """Private writable memory of this process, which RLIMIT_DATA counts; its stack too, which is small."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[5]) * _PAGE
    except (OSError, IndexError) as error:
        raise NotConfigured("query limits need Linux's /proc") from error


def processor_seconds(pid: int) -> float:
    """Processor time of a process, by the clock that Linux has for each of them."""
    return time.clock_gettime((~pid << 3) | 2)
