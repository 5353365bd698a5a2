"""Does the work of client commands as the caller this machine's user is logged in as, and renews that log-in.

``login_file`` says which service and log-in that is. A refresh token works once, so two commands at once take turns.
Passwords are never stored.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.login_file import fixed_token, keep, locked, service_url, stored_login

T = TypeVar("T")


def run(work: Callable[[Api], Awaitable[T]]) -> T:
    """Do some work as the caller this machine's user is logged in as."""

    async def whole() -> T:
        async with connect() as api:
            return await work(api)

    return asyncio.run(whole())


def connect() -> Api:
    """The service and caller meant by the environment and the stored log-in."""
    url = service_url()
    if token := fixed_token():
        return Api(url, token)
    return Api(url, stored_login(url)["access_token"], renew=lambda used: renew(url, used))


async def renew(url: str, used: str) -> str:
    """A new access token. A refresh token works once, so whoever comes second takes what the first one got."""

    def turn() -> str:
        with locked():
            known = stored_login(url)
            if known["access_token"] != used:
                return str(known["access_token"])
            answer = asyncio.run(_refresh(url, known["refresh_token"]))
            keep(url, known["email"], answer)
            return str(answer["access_token"])

    return await asyncio.to_thread(turn)


async def _refresh(url: str, refresh_token: str) -> dict[str, Any]:
    async with Api(url) as api:
        answer: dict[str, Any] = await api.post("/auth/refresh", {"refresh_token": refresh_token})
        return answer
