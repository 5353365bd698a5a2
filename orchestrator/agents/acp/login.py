"""Logs a program in with a key it has been given, where it wants that said before it opens a session.

Used by the session. Methods that need a browser or a person are nobody's work here: a key is all we pass on.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from acp.client.connection import ClientSideConnection
from acp.exceptions import RequestError
from acp.schema import EnvVarAuthMethod, InitializeResponse

AUTH_REQUIRED = -32000
_BY_KEY = "api-key"

Answer = TypeVar("Answer")


async def logged_in(
    connection: ClientSideConnection,
    hello: InitializeResponse,
    given: Collection[str],
    ask: Callable[[], Awaitable[Answer]],
) -> Answer:
    """The answer; where the program wants a log-in first, it is logged in with what it was given and asked again."""
    try:
        return await ask()
    except RequestError as error:
        method = method_for(hello, given) if error.code == AUTH_REQUIRED else None
        if method is None:
            raise
    await connection.authenticate(method)
    return await ask()


def method_for(hello: InitializeResponse, given: Collection[str]) -> str | None:
    """The log-in that needs nothing but variables the program has: one that names them, or one by a key."""
    methods = hello.auth_methods or ()
    for method in methods:
        if isinstance(method, EnvVarAuthMethod) and {one.name for one in method.vars} <= set(given):
            return method.id
    by_key = [one.id for one in methods if getattr(one, "type", None) is None and _BY_KEY in (one.field_meta or ())]
    return by_key[0] if by_key and given else None
