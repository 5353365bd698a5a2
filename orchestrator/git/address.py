"""Keeps git away from link-local addresses always, and from private networks where the service is told to.

Used by mirrors before they open a connection.

The host is resolved and judged here, and git's http is pinned to the very addresses that were judged, so a name that
changes its mind between the two gains nothing. Redirects are off then. An ssh host is judged, but not pinned.
"""

import asyncio
import ipaddress
import socket

from orchestrator.core.errors import InvalidInput, RepositoryFailed
from orchestrator.git.url import RepositoryUrl

_RESOLVE_SECONDS = 10.0


async def pinned_settings(url: RepositoryUrl) -> tuple[tuple[str, str], ...]:
    """Settings that hold git to the public addresses of a URL's host; InvalidInput when any of them is not public."""
    port = url.port or {"https": 443, "http": 80}.get(url.scheme, 22)
    addresses = await _resolved(url, port)
    if not all(_is_public(address) for address in addresses):
        raise InvalidInput("repository_url must not lead into a private network.", field="repository_url")
    listed = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return (("http.curloptResolve", f"{url.host}:{port}:{listed}"), ("http.followRedirects", "false"))


async def refuse_link_local(url: RepositoryUrl) -> None:
    """InvalidInput when the host is in 169.254.0.0/16 or fe80::/10, where clouds keep their machines' credentials."""
    try:
        addresses = await _resolved(url, url.port or 443)
    except RepositoryFailed:
        return  # git says so itself, when it tries
    if any(_plain(address).is_link_local for address in addresses):
        raise InvalidInput("repository_url must not lead to a link-local address.", field="repository_url")


async def _resolved(url: RepositoryUrl, port: int) -> list[str]:
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise RepositoryFailed("The host of repository_url cannot be found.") from error
    return sorted({str(entry[4][0]).partition("%")[0] for entry in found})


def _is_public(address: str) -> bool:
    ip = _plain(address)
    return ip.is_global and not ip.is_multicast


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address)
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
