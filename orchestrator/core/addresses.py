"""Which network addresses the service may reach on behalf of what users and servers name. Pure.

Used where an address is stored (``services.public_urls``) and again where a connection is made
(``mcp.guarded_network``): a name may lead elsewhere by then. Link-local addresses are refused always, since clouds keep
their machines' credentials there.
"""

import ipaddress
from collections.abc import Collection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA = frozenset({ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")})
"""Where clouds keep credentials outside the link-local ranges."""


def why_refused(found: Collection[Address], *, allow_private: bool) -> str | None:
    """Why none of these addresses of one name may be reached; None where all may."""
    seen = [_within(address) for address in found]
    if any(address.is_link_local or address in _METADATA for address in seen):
        return "link-local addresses (169.254.0.0/16, fe80::/10) are never allowed"
    if not allow_private and not (seen and all(address.is_global for address in seen)):
        return "addresses inside the service's own network are not allowed here"
    return None


def _within(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it, else the address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
