"""Hashes and checks passwords with argon2id, in two threads of its own. Used by ``accounts``.

Each hash takes 19 MiB and tens of milliseconds on purpose (OWASP's parameters, one thread each): so there are few at
once, the rest wait in a short queue, and beyond that callers are told to come back. Who may try how often is decided
in ``accounts``.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher

from orchestrator.core.errors import RateLimited

_THREADS = 2
_MOST_WAITING = 64

T = TypeVar("T")


class Passwords:
    """Password hashes. Nothing here blocks the event loop, and no password is ever logged or kept."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The argon2id hash to store."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether the password fits, and a new hash when the stored one is of weaker parameters.

        Without a stored hash it works just as long and says no, so that time does not tell who has an account.
        """
        return await self._run(lambda: self._verify(password, stored))

    def close(self) -> None:
        """Take no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            fits, renewed = self._hasher.verify_and_update(password, stored or self._nobody)
        except PwdlibError:
            # A hash of another library's making: it fits nobody.
            return False, None
        return (fits, renewed) if stored else (False, None)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise RateLimited("too many log-ins at this moment", details={"retry_after": 2})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1
