"""How a process of the service starts: quickly, and with one heap.

Used by the commands that start one. Loading makes hundreds of thousands of objects that live as long as the process;
collecting among them costs up to a fifth of the start and finds nothing. It runs no service.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_M_ARENA_MAX = -8


@contextmanager
def quick_loading() -> Iterator[None]:
    """Around the imports and the building of an application."""
    _one_heap()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _one_heap() -> None:
    """With glibc, every thread would have a heap of its own, and keep what it once used: 20 MB of a small service.

    Python threads take turns anyway. Other C libraries have no such heaps.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
