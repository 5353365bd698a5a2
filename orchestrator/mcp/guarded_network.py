"""An HTTP transport that looks at every address it connects to: the guard against names that lead elsewhere by now.

Used by the transports to MCP servers and by ``oauth_client``. The name is looked up once, all its addresses are
checked, and the connection goes to one of those that were checked: no second lookup can answer differently. Behind a
proxy of the environment the proxy looks names up, and is the guard.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2
from httpcore2 import AsyncNetworkBackend, AsyncNetworkStream

from orchestrator.core.addresses import why_refused

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LOOKUP_SECONDS = 10.0


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """One context for all clients: making one costs about 20 ms."""
    return httpx2.create_ssl_context()


def guarded_http(url: str, *, limits: httpx2.Limits, allow_private: bool) -> httpx2.AsyncHTTPTransport:
    """The transport to a server, straight or through the proxy that the environment names for it."""
    proxy = proxy_for(httpx2.URL(url))
    transport = httpx2.AsyncHTTPTransport(verify=tls(), trust_env=False, limits=limits, proxy=proxy)
    if proxy is None:
        transport._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedNetwork(allow_private=allow_private),
        )
    return transport


def proxy_for(url: httpx2.URL) -> str | None:
    """The proxy that the environment names for this address."""
    if url.host in LOOPBACK or proxy_bypass(url.host):
        return None
    return getproxies().get(url.scheme)


async def allowed_addresses(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The addresses of a host, all of which may be reached. Raises OSError where one may not, or there is none."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOKUP_SECONDS):
            entries = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise OSError(f"the host was not found: {error}") from error
    found = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]
    if (why := why_refused(found, allow_private=allow_private)) is not None:
        raise OSError(why)
    return [str(address) for address in dict.fromkeys(found)]


class GuardedNetwork(AsyncNetworkBackend):
    """Connects to addresses that were checked, and to no others."""

    def __init__(self, *, allow_private: bool) -> None:
        self._inner = httpcore2.AnyIOBackend()
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first address of the host that answers; ConnectError where one of them is refused."""
        try:
            found = await allowed_addresses(host, port, allow_private=self._allow_private)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        failed: Exception = httpcore2.ConnectError("the host has no address")
        for address in found:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed
