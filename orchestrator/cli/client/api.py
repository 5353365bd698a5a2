"""The HTTP client of one service and one caller; a problem document becomes the error it was on the other side.

Used by the client commands and the demo, which therefore see what any client sees. Event streams reconnect and go on
where they broke off. It keeps no log-in: ``client_login`` does.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from orchestrator import __version__
from orchestrator.cli.client.problem import START_HINT, is_here, problem_told
from orchestrator.core.errors import OrchestratorError, TimedOut, Unavailable

ENDED = frozenset({"completed", "failed", "cancelled"})
PREFIX = "/api/v1"
Renew = Callable[[str], Awaitable[str]]
Event = dict[str, Any]

_SECONDS = 120.0
_SILENCE_SECONDS = 45.0  # the service sends a sign of life every 15
_RECONNECTS = 8


class Api:
    """Calls under ``/api/v1``. ``renew`` gives a new token for one that has expired."""

    def __init__(self, url: str, token: str = "", renew: Renew | None = None) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._renew = renew
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(_SECONDS, connect=10.0),
            headers={"User-Agent": f"orchestrator-cli/{__version__}"},
            trust_env=not is_here(self.url),  # a proxy cannot reach this machine's own services
        )

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, /, **params: Any) -> Any:
        """The JSON at a path; parameters that are None are left out."""
        return _json(await self.send("GET", path, params=params))

    async def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """What a POST answers; None for an empty answer."""
        return _json(await self.send("POST", path, body=body, params=params))

    async def patch(self, path: str, body: Any) -> Any:
        """What a PATCH answers."""
        return _json(await self.send("PATCH", path, body=body))

    async def put(self, path: str, body: Any) -> Any:
        """What a PUT answers."""
        return _json(await self.send("PUT", path, body=body))

    async def delete(self, path: str) -> None:
        """Delete what is at a path."""
        await self.send("DELETE", path)

    async def every(self, path: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
        """The items of all pages of a list."""
        offset = 0
        while True:
            page = await self.get(path, limit=200, offset=offset, **params)
            for item in page["items"]:
                yield item
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One request, repeated once with a new token when the old one has expired. Raises what the problem says."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        for renewable in (self._renew is not None, False):
            try:
                answer = await self._http.request(
                    method, PREFIX + path, params=given, headers=self._headers(headers), **content
                )
            except httpx.HTTPError as error:
                raise _unreachable(error, self.url) from error
            if answer.status_code != 401 or not renewable:
                break
            await self._get_new_token()
        if not answer.is_success:
            raise problem_told(answer.status_code, answer.content)
        return answer

    async def follow(self, task_id: str, after: int = 0) -> AsyncIterator[Event]:
        """A task's events as they happen, each once, until the task has ended."""
        failures = 0
        while True:
            failures += 1
            try:
                async for event in self._stream(task_id, after):
                    after, failures = event["seq"], 0
                    yield event
                task = await self.get(f"/tasks/{task_id}")
                if task["state"] in ENDED and task["last_event"] <= after:
                    return
            except httpx.HTTPError as error:
                if failures > _RECONNECTS:
                    raise _unreachable(error, self.url) from error
            if failures > _RECONNECTS:
                raise Unavailable("The stream of events keeps ending before the task does.")
            await asyncio.sleep(min(5.0, 0.1 * 2**failures))

    async def _stream(self, task_id: str, after: int) -> AsyncIterator[Event]:
        headers = self._headers({"Accept": "text/event-stream", "Last-Event-ID": str(after)})
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=10.0)
        path = f"{PREFIX}/tasks/{task_id}/events"
        async with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.status_code == 401 and self._renew is not None:
                await self._get_new_token()
                return
            if not answer.is_success:
                raise problem_told(answer.status_code, await answer.aread())
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])

    async def _get_new_token(self) -> None:
        if self._renew is not None:
            self._token = await self._renew(self._token)

    def _headers(self, more: dict[str, str] | None) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return bearer | (more or {})


def _json(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError as error:
        raise Unavailable("What answers there is not an orchestrator: its answer is no JSON.") from error


def _unreachable(error: httpx.HTTPError, url: str) -> OrchestratorError:
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return TimedOut(f"{url} did not answer in time.")
    return Unavailable(f"No orchestrator answers at {url} ({type(error).__name__}).", hint=START_HINT)
