"""Calls of libraries that block, made in threads of their own with a time limit. Used by the GitHub and HF services.

Each service has its own few threads, so a slow provider delays nobody else. A thread cannot be killed: the library's
own socket limits end what is given up here.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from orchestrator.core.errors import TimedOut

T = TypeVar("T")


class BlockingCalls:
    """A bounded pool of threads for one provider; ``name`` stands in errors."""

    def __init__(self, name: str, threads: int = 8) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name.lower().replace(" ", "-"))

    async def run(self, call: Callable[[], T], timeout: float) -> T:
        """The call's result; TimedOut after ``timeout`` seconds, waiting for a free thread included."""
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except TimeoutError as error:
            if not limit.expired():
                raise
            message = f"{self._name} did not answer within {timeout:g} s."
            raise TimedOut(message, details={"seconds": timeout}) from error

    def close(self) -> None:
        """Take no more calls; those running end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
