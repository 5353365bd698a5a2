"""Refuses addresses inside the service's own network, where the settings say so. Used for endpoints that users name.

It looks the name up once, when the address is stored: a name that changes later is the network's own guard's business.
"""

import asyncio
import ipaddress
import socket
from urllib.parse import urlsplit

from orchestrator.core.errors import InvalidInput

_LOOKUP_SECONDS = 5.0


async def check_public(url: str, field: str) -> None:
    """Raise InvalidInput unless every address of the URL's host is public."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOKUP_SECONDS):
            found = await loop.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise InvalidInput("the host of this address was not found", field=field) from error
    if not found or not all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
        raise InvalidInput("addresses inside the service's own network are not allowed here", field=field)
