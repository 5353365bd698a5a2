"""Refuses addresses inside the service's own network, where the settings say so. Used for endpoints that users name.

Link-local addresses are refused always: clouds keep their machines' credentials there. ``check_url`` looks the name up
once, when the address is stored: a name that changes later is the network's own guard's business. Who fetches at once
takes ``checked_addresses`` and calls those.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from orchestrator.core.errors import InvalidInput

_LOOKUP_SECONDS = 5.0
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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


def _require_allowed(found: list[_Address], field: str, *, allow_private: bool) -> None:
    if any(_is_link_local(address) for address in found):
        raise InvalidInput("link-local addresses (169.254.0.0/16, fe80::/10) are never allowed", field=field)
    if not allow_private and not (found and all(address.is_global for address in found)):
        raise InvalidInput("addresses inside the service's own network are not allowed here", field=field)


async def _addresses(url: str) -> list[_Address]:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_LOOKUP_SECONDS):
        found = await loop.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _is_link_local(address: _Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_link_local
