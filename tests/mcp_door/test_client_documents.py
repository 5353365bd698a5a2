"""Clients that describe themselves by a document: what is fetched, from where, how much of it, and what is believed."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.errors import OAuthRefused, RateLimited
from orchestrator.services.client_documents import ClientDocuments
from tests.mcp_door.browser import DocumentHost, document_host


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DocumentHost]:
    with document_host(tmp_path) as host:
        monkeypatch.setenv("SSL_CERT_FILE", str(host.trusted))
        yield host


@pytest.fixture
async def documents() -> AsyncIterator[ClientDocuments]:
    documents = ClientDocuments(allow_private=True)
    yield documents
    await documents.aclose()


async def refusal(documents: ClientDocuments, client_id: str) -> str:
    with pytest.raises(OAuthRefused) as caught:
        await documents.find(client_id, place="test")
    assert caught.value.details == {"error": "invalid_client"}
    return caught.value.message


async def test_a_document_says_who_its_client_is(documents: ClientDocuments, host: DocumentHost) -> None:
    client = await documents.find(host.client_id, place="test")
    assert (client.name, client.host) == ("Claude Code", host.url.removeprefix("https://"))
    assert client.accepts("http://localhost:55611/callback")
    assert not client.accepts("http://localhost:55611/other")
    (request,) = host.requests
    assert request.headers["host"] == host.url.removeprefix("https://")


async def test_a_service_without_a_way_to_the_internet_reads_none_and_says_what_to_do(host: DocumentHost) -> None:
    message = await refusal(ClientDocuments(wanted=False, allow_private=True), host.client_id)
    assert "register instead" in message
    assert host.requests == []


async def test_a_host_with_several_addresses_is_reached_at_the_one_that_answers(
    documents: ClientDocuments, host: DocumentHost
) -> None:
    host.client_id = host.client_id.replace("127.0.0.1", "localhost")
    assert (await documents.find(host.client_id, place="test")).id == host.client_id


@pytest.mark.parametrize(
    "client_id",
    [
        "https://127.0.0.1/client.json", "https://localhost/client.json", "https://10.0.0.1/client.json",
        "https://192.168.1.1/c", "https://[::1]/c", "https://[fd00::1]/c", "https://[::ffff:127.0.0.1]/c",
        "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/c", "https://0.0.0.0/c",
    ],
)  # fmt: skip
async def test_no_document_is_fetched_from_inside_the_network(client_id: str) -> None:
    message = await refusal(ClientDocuments(allow_private=False), client_id)
    assert "not allowed" in message or "never allowed" in message


async def test_link_local_addresses_are_refused_whatever_is_allowed(documents: ClientDocuments) -> None:
    assert "never allowed" in await refusal(documents, "https://169.254.169.254/latest/meta-data")


@pytest.mark.parametrize(
    "client_id",
    [
        "https://a.example", "https://a.example/", "https://u:p@a.example/c", "https://a.example/c#x", "https:///c",
        "https://a.example/a/../c", "https://a.example/%2e%2e/c", "https://a.example:x/c", "https://a.example/\u202e",
        "https://a.example/" + "x" * 500,
    ],
)  # fmt: skip
async def test_an_address_that_is_no_plain_one_is_not_even_looked_up(
    documents: ClientDocuments, client_id: str
) -> None:
    assert "must be https" in await refusal(documents, client_id)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"client_id": "https://other.example/client.json"}, "another client_id"),
        ({"redirect_uris": []}, "no usable redirect_uri"),
        ({"redirect_uris": ["http://evil.example/"]}, "no usable redirect_uri"),
        ({"redirect_uris": "https://a.example"}, "must name redirect_uris"),
        ({"client_secret": "x"}, "authenticate"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "authenticate"),
        ({"client_name": "x" * 11_000}, "over 10240 bytes"),
    ],
)
async def test_a_document_that_does_not_fit_is_not_believed(
    documents: ClientDocuments, host: DocumentHost, said: dict[str, Any], why: str
) -> None:
    host.said = said
    assert why in await refusal(documents, host.client_id)


@pytest.mark.parametrize(
    ("status", "headers", "why"),
    [
        (302, {"Location": "https://169.254.169.254/"}, "status 302"),
        (404, {}, "status 404"),
        (200, {"Content-Type": "text/html"}, "not JSON"),
        (200, {"Content-Encoding": "gzip"}, "encoding"),
        (200, {}, "another client_id"),
    ],
)
async def test_no_redirect_is_followed_and_nothing_but_plain_json_is_read(
    documents: ClientDocuments, host: DocumentHost, status: int, headers: dict[str, str], why: str
) -> None:
    host.fail_next(status, {}, headers)
    assert why in await refusal(documents, host.client_id)
    assert len(host.requests) == 1


async def test_a_host_that_hangs_is_given_up(documents: ClientDocuments, host: DocumentHost) -> None:
    host.hold()
    began = time.monotonic()
    assert "in time" in await refusal(documents, host.client_id)
    assert time.monotonic() - began < 10


async def test_a_host_without_a_certificate_that_fits_is_not_believed(
    host: DocumentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    message = await refusal(ClientDocuments(allow_private=True), host.client_id)
    assert "could not be fetched" in message
    assert host.requests == []


@pytest.mark.parametrize(("caching", "fetches"), [("max-age=600", 1), ("", 1), ("no-store", 1), ("max-age=0", 1)])
async def test_a_document_is_kept_so_that_nobody_can_make_us_fetch_it_all_the_time(
    documents: ClientDocuments, host: DocumentHost, caching: str, fetches: int
) -> None:
    host.headers = {"Cache-Control": caching}
    for _ in range(3):
        await documents.find(host.client_id, place="test")
    assert len(host.requests) == fetches


async def test_a_refusal_is_kept_for_a_while_too(documents: ClientDocuments, host: DocumentHost) -> None:
    host.said = {"redirect_uris": []}
    for _ in range(3):
        await refusal(documents, host.client_id)
    assert len(host.requests) == 1


async def test_one_place_makes_us_fetch_so_often_only(documents: ClientDocuments) -> None:
    for number in range(30):
        await refusal(documents, f"https://169.254.169.254/{number}")
    with pytest.raises(RateLimited):
        await documents.find("https://169.254.169.254/more", place="test")
    assert "never allowed" in str(await _elsewhere(documents))


async def _elsewhere(documents: ClientDocuments) -> OAuthRefused:
    with pytest.raises(OAuthRefused) as caught:
        await documents.find("https://169.254.169.254/elsewhere", place="elsewhere")
    return caught.value
