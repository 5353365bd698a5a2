"""Clients that describe themselves: the client id is an https address, and the document there says who it is.

Used by ``oauth_clients`` (Client ID Metadata Documents). Strangers choose what is fetched, so it is bounded: public
addresses only, called as they were looked up, no redirect, ten kilobytes, five seconds, so many fetches a minute. A
document is kept as long as its headers say, within limits; a refusal for a minute. Nothing of it is shown unfiltered.
"""

import asyncio
import re
import ssl
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx2
import orjson

from orchestrator.core.bodies import whole
from orchestrator.core.errors import InvalidInput, OAuthRefused
from orchestrator.core.redirect_uris import LONGEST, is_usable, matches, shown_name
from orchestrator.services.limits import AttemptLimit
from orchestrator.services.public_urls import checked_addresses

_SECONDS, _CONNECT_SECONDS = 5.0, 1.5
_MOST_ADDRESSES = 3
_MOST_BYTES = 10 * 1024
_MOST_KEPT = 500
_MOST_REDIRECTS = 30
_AT_ONCE = 8
_REFUSED_SECONDS = 60.0
_SHORTEST, _USUAL, _LONGEST = 60.0, 300.0, 24 * 3600.0
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])")
_ADDRESS = re.compile(r"https://[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Client:
    """A program that asks for access. ``host`` vouches for its name; empty where nobody does."""

    id: str
    name: str
    host: str
    redirect_uris: tuple[str, ...]
    refreshable: bool

    def accepts(self, redirect_uri: str) -> bool:
        """Whether a browser may be sent there for this client."""
        return any(matches(registered, redirect_uri) for registered in self.redirect_uris)


def is_document_address(client_id: str) -> bool:
    """Whether a client id is the address of a document."""
    return client_id.startswith("https:")


class ClientDocuments:
    """The documents of clients, where they are ``wanted``; with ``allow_private`` from inside our own network, too."""

    def __init__(self, *, allow_private: bool, wanted: bool = True) -> None:
        self._wanted = wanted
        self._allow_private = allow_private
        self._kept: OrderedDict[str, tuple[Client | OAuthRefused, float]] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[Client]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._by_place = AttemptLimit(30, 60.0)
        self._by_all = AttemptLimit(300, 60.0)

    async def find(self, client_id: str, *, place: str) -> Client:
        """The client at this address; OAuthRefused when there is none that can be trusted to be one."""
        if not self._wanted:
            raise _refused("this service reads no documents of clients; have the program register instead")
        kept = self._kept.get(client_id)
        if kept is not None and kept[1] > time.monotonic():
            if isinstance(kept[0], Client):
                return kept[0]
            raise OAuthRefused(kept[0].message, field="client_id", details=kept[0].details)
        _require_address(client_id)
        task = self._fetching.get(client_id)
        if task is None:
            self._by_place.attempt(place)
            self._by_all.attempt("all")
            task = self._fetching[client_id] = asyncio.create_task(self._read(client_id), name="client document")
            task.add_done_callback(lambda done: self._fetched(client_id, done))
        # Shielded: whoever asked first may leave without failing the others.
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fetched(self, client_id: str, done: "asyncio.Task[Client]") -> None:
        self._fetching.pop(client_id, None)
        error = None if done.cancelled() else done.exception()
        if isinstance(error, OAuthRefused):
            self._keep(client_id, error, _REFUSED_SECONDS)

    def _keep(self, client_id: str, what: Client | OAuthRefused, seconds: float) -> None:
        self._kept[client_id] = (what, time.monotonic() + seconds)
        self._kept.move_to_end(client_id)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    async def _read(self, client_id: str) -> Client:
        try:
            async with asyncio.timeout(_SECONDS), self._turns:
                body, caching = await self._fetch(client_id)
        except InvalidInput as error:
            raise _refused(error.message) from error
        except TimeoutError as error:
            raise _refused("its document did not come in time") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError, ValueError) as error:
            raise _refused("its document could not be fetched") from error
        client = _client_of(client_id, body)
        self._keep(client_id, client, _seconds_of(caching))
        return client

    async def _fetch(self, client_id: str) -> tuple[bytes, str]:
        addresses = await checked_addresses(client_id, "client_id", allow_private=self._allow_private)
        *others, last = addresses[:_MOST_ADDRESSES]
        for address in others:
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return await self._fetch_from(address, client_id)
        return await self._fetch_from(last, client_id)

    async def _fetch_from(self, address: str, client_id: str) -> tuple[bytes, str]:
        parts = urlsplit(client_id)
        headers = {
            "Host": parts.netloc,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "orchestrator",
        }
        # The name is for the certificate only; what is called is what was checked.
        timeout = httpx2.Timeout(_SECONDS, connect=_CONNECT_SECONDS).as_dict()
        target = httpx2.URL(client_id).copy_with(host=address)
        known = {"sni_hostname": parts.hostname, "timeout": timeout}
        request = httpx2.Request("GET", target, headers=headers, extensions=known)
        tls = await asyncio.to_thread(lambda: self._tls)
        # A connection of its own: one that is kept would answer for another name at the same address.
        async with httpx2.AsyncHTTPTransport(verify=tls, trust_env=False) as transport:
            answer = await transport.handle_async_request(request)
            try:
                return await _body_of(answer), answer.headers.get("cache-control", "")
            finally:
                await answer.aclose()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Loading the certificates takes tens of milliseconds: once, in a thread.
        return ssl.create_default_context()


async def _body_of(answer: httpx2.Response) -> bytes:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status_code != 200:
        raise _refused(f"its document was answered with status {answer.status_code}")
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise _refused("its document is not JSON")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise _refused("its document came in an encoding that was not asked for")
    body = await whole(answer.aiter_raw(), _MOST_BYTES)
    if body is None:
        raise _refused(f"its document is over {_MOST_BYTES} bytes")
    return body


def _client_of(client_id: str, body: bytes) -> Client:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _refused("its document is not JSON") from error
    if not isinstance(said, dict) or said.get("client_id") != client_id:
        raise _refused("its document names another client_id than its own address")
    if "client_secret" in said or said.get("token_endpoint_auth_method", "none") != "none":
        raise _refused("its document asks for a way to authenticate that is not offered here; `none` with PKCE is")
    uris = said.get("redirect_uris")
    if not isinstance(uris, list) or len(uris) > _MOST_REDIRECTS:
        raise _refused(f"its document must name redirect_uris, {_MOST_REDIRECTS} at most")
    usable = tuple(uri for uri in uris if isinstance(uri, str) and is_usable(uri))
    if not usable:
        raise _refused("its document names no usable redirect_uri")
    host = urlsplit(client_id).netloc
    return Client(client_id, shown_name(said.get("client_name")) or host, host, usable, may_refresh(said))


def may_refresh(metadata: dict[str, Any]) -> bool:
    """Whether a client wants refresh tokens; one that does not say how it works is given them."""
    types = metadata.get("grant_types")
    return not isinstance(types, list) or not types or "refresh_token" in types


def _seconds_of(caching: str) -> float:
    found = _MAX_AGE.search(caching.lower())
    if "no-store" in caching.lower() or "no-cache" in caching.lower():
        return _SHORTEST
    return min(max(float(found[1]), _SHORTEST), _LONGEST) if found else _USUAL


def _require_address(client_id: str) -> None:
    if len(client_id) > LONGEST or not _ADDRESS.fullmatch(client_id) or not _is_plain(urlsplit(client_id)):
        raise _refused("a client_id that is an address must be https, with a path, and without user, fragment and dots")


def _is_plain(parts: SplitResult) -> bool:
    try:
        parts.port  # noqa: B018 - raises for one that is no number
    except ValueError:
        return False
    segments = parts.path.split("/")
    plain = parts.path not in ("", "/") and not parts.fragment and "@" not in parts.netloc
    return bool(parts.hostname) and plain and not {".", ".."} & {part.lower().replace("%2e", ".") for part in segments}


def _refused(why: str) -> OAuthRefused:
    return OAuthRefused(f"this client cannot be used: {why}", field="client_id", details={"error": "invalid_client"})
