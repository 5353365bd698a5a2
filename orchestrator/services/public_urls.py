"""Refuses addresses inside the service's own network, where the settings say so. Used for endpoints that users name.

``check_url`` looks the name up once, when the address is stored; connections to MCP servers and their authorization
servers look again (``mcp.guarded_network``), since a name may change. Who fetches at once takes ``checked_addresses``
and calls those. Which addresses are refused says ``core.addresses``.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from orchestrator.core.addresses import Address, why_refused
from orchestrator.core.errors import InvalidInput

_LOOKUP_SECONDS = 5.0


async def check_url(url: str, field: str, *, allow_private: bool) -> None:
    """Raise InvalidInput when an address of the URL's host is link-local or, unless allowed, not public."""
    try:
        found = await _addresses(url)
    except (OSError, UnicodeError, TimeoutError) as error:
        if allow_private:
            return  # a host that nobody knows now leads nowhere; calling it tells
        raise InvalidInput("the host of this address was not found", field=field) from error
    _require_allowed(found, field, allow_private=allow_private)


async def checked_addresses(url: str, field: str, *, allow_private: bool) -> list[str]:
    """The addresses of the URL's host, all allowed, to be called themselves: another look-up could answer otherwise."""
    try:
        found = await _addresses(url)
    except (OSError, UnicodeError, TimeoutError, ValueError) as error:
        raise InvalidInput("the host of this address was not found", field=field) from error
    _require_allowed(found, field, allow_private=allow_private)
    if not found:
        raise InvalidInput("the host of this address was not found", field=field)
    return [str(address) for address in dict.fromkeys(found)]


def _require_allowed(found: list[Address], field: str, *, allow_private: bool) -> None:
    if (why := why_refused(found, allow_private=allow_private)) is not None:
        raise InvalidInput(why, field=field)


async def _addresses(url: str) -> list[Address]:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_LOOKUP_SECONDS):
        found = await loop.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
