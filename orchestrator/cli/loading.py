"""Loads the big modules quickly: no garbage collection while they load, and none of what they left afterwards.

Used by the commands that start a process of the service. Loading makes hundreds of thousands of objects that live as
long as the process; collecting among them costs up to a fifth of the start and finds nothing.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_loading() -> Iterator[None]:
    """Around the imports and the building of an application."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
