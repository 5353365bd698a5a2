"""One MCP endpoint of the running service over HTTP: requests with the caller's token, answers message by message.

Used by the stdio door. A token of a stored log-in is renewed when it has expired; everything that breaks is an error of
ours. Nothing is sent again unless the service refused it unread. It knows no session and no era.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pydantic_core

from orchestrator import __version__
from orchestrator.cli.client.login_file import TOKEN, fixed_token, stored_login
from orchestrator.cli.client.problem import LOG_IN_HINT, START_HINT, is_here, problem_told
from orchestrator.cli.stdio.messages import one_line
from orchestrator.core.bodies import whole
from orchestrator.core.errors import NotAuthenticated, OrchestratorError, TimedOut, TooLarge, Unavailable

MOST_BYTES = 64 * 1024 * 1024
_MOST_EXPLANATION = 64 * 1024
_SILENCE_SECONDS = 60.0  # the service sends a sign of life every 15
_IDLE_SECONDS = 4.0  # shorter than the five after which the service hangs up

Told = tuple[bytes, dict[str, Any]]
"""A message of the service: as it came, in one line, and read."""


class McpHttp:
    """Requests to one address. Enter it inside a running event loop."""

    def __init__(self, service: str, path: str) -> None:
        self._service = service
        self._url = service + path
        self._token = ""
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(_SILENCE_SECONDS, connect=10.0, pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=_IDLE_SECONDS),
            headers={"User-Agent": f"orchestrator-stdio/{__version__}", "Accept-Encoding": "identity"},
            trust_env=not is_here(service),
            verify=_certificates(service),
        )

    async def __aenter__(self) -> "McpHttp":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    @asynccontextmanager
    async def send(
        self, method: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[httpx2.Response]:
        """One exchange, once more with a new token where the old one has expired. Raises OrchestratorError."""
        answer = None
        try:
            answer = await self._sent(method, headers, body)
            if answer.status_code == 401 and await self._renewed():
                await answer.aclose()
                answer = await self._sent(method, headers, body)
            yield answer
        except httpx2.HTTPError as error:
            raise self._broken(error) from error
        finally:
            if answer is not None:
                await answer.aclose()

    async def ask(self, headers: Mapping[str, str], body: bytes) -> tuple[dict[str, Any], Mapping[str, str]]:
        """What a request of our own is answered, and the headers it came with. Raises OrchestratorError."""
        async with self.send("POST", headers, body) as answer:
            async for _, wire in messages(answer):
                if "method" not in wire:
                    return wire, answer.headers
        raise Unavailable("The service hung up before it answered.")

    async def _sent(self, method: str, headers: Mapping[str, str], body: bytes | None) -> httpx2.Response:
        self._token = self._token or fixed_token() or str(stored_login(self._service)["access_token"])
        accept = "application/json, text/event-stream" if method == "POST" else "text/event-stream"
        kind = {"Content-Type": "application/json"} if body is not None else {}
        own = {"Accept": accept, "Authorization": f"Bearer {self._token}", **kind}
        request = self._http.build_request(method, self._url, headers={**own, **headers}, content=body)
        return await self._http.send(request, stream=True)

    async def _renewed(self) -> bool:
        """Whether there is another token now; what is in the environment is all there is."""
        used, self._token = self._token, ""
        if fixed_token():
            return False
        from orchestrator.cli.client.login import renew  # noqa: PLC0415  heavy: it sends by the commands' own client

        self._token = await renew(self._service, used)
        return True

    def _broken(self, error: httpx2.HTTPError) -> OrchestratorError:
        if isinstance(error, httpx2.TimeoutException) and not isinstance(error, httpx2.ConnectTimeout):
            return TimedOut(f"{self._service} did not answer in time.")
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Unavailable(f"No orchestrator answers at {self._service}.", hint=START_HINT)
        if isinstance(error, httpx2.SSEError):
            return TooLarge(f"The answer is larger than {MOST_BYTES} bytes.")
        return Unavailable(f"The connection to {self._service} broke ({type(error).__name__}).")


async def messages(answer: httpx2.Response) -> AsyncIterator[Told]:
    """What the service says in an answer, one or many. Raises the error it tells of where it is no message."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status_code in (202, 204):
        return  # taken, and nothing to say
    if kind == "text/event-stream":
        async for event in httpx2.EventSource(answer, MOST_BYTES):
            if event.event == "message" and event.data:
                yield _message(event.data.encode(), answer.status_code)
    elif kind == "application/json":
        yield _message(await _body(answer), answer.status_code)
    else:
        raise _refusal(answer.status_code, await _body(answer, _MOST_EXPLANATION))


def _message(body: bytes, status: int) -> Told:
    try:
        wire = pydantic_core.from_json(body)
    except ValueError as error:
        raise _refusal(status, body) from error
    if not isinstance(wire, dict) or wire.get("jsonrpc") != "2.0":
        raise _refusal(status, body)
    return one_line(body), wire


async def _body(answer: httpx2.Response, most: int = MOST_BYTES) -> bytes:
    body = await whole(answer.aiter_bytes(), most)
    if body is None:
        raise TooLarge(f"The answer is larger than {most} bytes.")
    return body


def _refusal(status: int, body: bytes) -> OrchestratorError:
    """Why there is no message; one who cannot log in from here is told which token was wrong."""
    if 300 <= status < 400:
        return Unavailable("The service is elsewhere: it answers with a redirect.", hint=START_HINT)
    error = problem_told(status, body)
    if isinstance(error, NotAuthenticated):
        whose = f"{TOKEN} is not accepted: {error.message}" if fixed_token() else error.message
        return NotAuthenticated(whose, hint=LOG_IN_HINT)
    return error


def _certificates(service: str) -> ssl.SSLContext:
    """Whom to trust; without TLS nobody is asked, and nothing is loaded."""
    if service.startswith("https://"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
