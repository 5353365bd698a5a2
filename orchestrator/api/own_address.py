"""Under which names this service is reached, and the origin that one request used. For the MCP door and OAuth.

A client compares what our metadata says with the address it was given, so both must be the same: a person may type
``localhost`` where the settings say ``127.0.0.1``. Only names that are ours are repeated; any other is refused.
"""

from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from orchestrator.bootstrap import Container
from orchestrator.core.errors import Forbidden

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def own_hosts(container: Container) -> frozenset[str]:
    """Every host name that is this service."""
    named = urlsplit(container.settings.base_url).hostname
    return LOOPBACK | {container.settings.host} | ({named} if named else set())


@lru_cache(maxsize=256)
def hostname(address: str) -> str | None:
    """The host of an address; None when it is none."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def require_own_host(headers: Headers, hosts: frozenset[str]) -> str:
    """The host that a request was sent to; Forbidden under a name that somebody made up."""
    host = hostname(f"//{headers.get('host', '')}")
    if host is None or host not in hosts:
        raise Forbidden(f"this service is not known as {host!r}", field="Host", hint="set PUBLIC_URL to its address")
    return host


def own_origin(request: Request, container: Container) -> str:
    """Scheme, host and port as this client knows us, without a trailing slash."""
    host = require_own_host(request.headers, own_hosts(container))
    public = urlsplit(container.settings.base_url)
    if container.settings.public_url and host == public.hostname:
        return f"{public.scheme}://{public.netloc}"
    port = urlsplit(f"//{request.headers.get('host', '')}").port
    name = f"[{host}]" if ":" in host else host
    return f"{request.url.scheme}://{name}" + (f":{port}" if port is not None else "")
