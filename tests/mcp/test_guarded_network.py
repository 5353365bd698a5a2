"""Addresses are checked where connections are made: a name that leads elsewhere by then reaches nothing."""

import ipaddress
import socket
from typing import Any
from uuid import uuid4

import httpcore2
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.addresses import why_refused
from orchestrator.core.errors import ServerUnreachable
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.guarded_network import GuardedNetwork, guarded_http
from orchestrator.mcp.pool import ServerPool

_REFUSED = (
    "169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
    "fd00:ec2::254", "100.100.100.200",
)  # fmt: skip
_PRIVATE = ("127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd12::1", "::ffff:10.0.0.1", "0.0.0.0", "100.64.0.1")


@pytest.mark.parametrize("address", _REFUSED)
def test_link_local_in_any_clothes_is_refused_always(address: str) -> None:
    assert "never allowed" in (why_refused([ipaddress.ip_address(address)], allow_private=True) or "")


@pytest.mark.parametrize("address", _PRIVATE)
def test_private_addresses_are_refused_where_the_settings_say_so(address: str) -> None:
    found = [ipaddress.ip_address("1.1.1.1"), ipaddress.ip_address(address)]
    assert why_refused(found, allow_private=True) is None
    assert "not allowed here" in (why_refused(found, allow_private=False) or "")


@given(st.ip_addresses(v=4, network="169.254.0.0/16"), st.lists(st.ip_addresses(v=4), max_size=3))
def test_one_forbidden_address_among_others_is_enough(bad: Any, others: list[Any]) -> None:
    assert why_refused([*others, bad], allow_private=True) is not None


async def test_a_name_that_leads_elsewhere_when_the_connection_is_made_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a rebinding name server does: another answer at the second question."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]

        async def answer(*_: object, **__: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        network = GuardedNetwork(allow_private=False)
        monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", answer)
        with pytest.raises(httpcore2.ConnectError, match="not allowed here"):
            await network.connect_tcp("public.example", port)
        stream = await GuardedNetwork(allow_private=True).connect_tcp("public.example", port)
        await stream.aclose()


async def test_the_transport_to_servers_goes_through_the_guard() -> None:
    transport = guarded_http("http://169.254.169.254/", limits=httpx2.Limits(), allow_private=True)
    async with httpx2.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx2.ConnectError, match="never allowed"):
            await client.get("http://169.254.169.254/latest/meta-data/")


async def test_a_pool_that_may_not_reach_private_addresses_says_why(make_pool: Any) -> None:
    pool: ServerPool = make_pool(allow_private_urls=False)
    there = ServerDefinition.build(
        id=uuid4(), name="inside", transport="streamable_http", url="http://127.0.0.1:9/mcp"
    )  # fmt: skip
    with pytest.raises(ServerUnreachable, match="not allowed here"):
        await pool.list_tools(there)
