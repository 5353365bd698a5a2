"""A real MCP server of the SDK that wants tokens of an authorization server, with its checks of audience and scope on.

Its tools: ``whoami`` tells whose token it was called with, ``write`` wants the scope ``write``.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
import orjson
import uvicorn
from mcp.server import Server
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from pydantic import AnyHttpUrl

from tests.fakes.authorization import FakeAuthorization


class Verifier:
    """Knows the tokens that the authorization server issued."""

    def __init__(self, place: FakeAuthorization) -> None:
        self.place = place

    async def verify_token(self, token: str) -> AccessToken | None:
        issued = self.place.tokens.get(token)
        if issued is None:
            return None
        return AccessToken(
            token=token, client_id=issued.client_id, scopes=list(issued.scopes), expires_at=int(issued.expires_at),
            resource=issued.resource, subject=issued.subject,
        )  # fmt: skip


async def _tools(ctx: Any, _: Any) -> types.ListToolsResult:
    token = get_access_token()
    names = ["whoami", "write", f"of_{token.subject if token else 'nobody'}"]
    return types.ListToolsResult(tools=[types.Tool(name=name, input_schema={"type": "object"}) for name in names])


async def _call(ctx: Any, params: Any) -> types.CallToolResult:
    token = get_access_token()
    text = f"{params.name} by {token.subject if token else 'nobody'}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


class WantsWrite:
    """Answers 403 insufficient_scope to calls of ``write`` whose token does not allow it; notes every token seen."""

    def __init__(self, app: Any, place: FakeAuthorization, seen: list[str]) -> None:
        self.app, self.place, self.seen = app, place, seen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        self.seen.append(token)
        issued = self.place.tokens.get(token)
        if scope["type"] != "http" or issued is None or "write" in issued.scopes or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if b'"tools/call"' in body and b'"write"' in body:
            told = b'Bearer error="insufficient_scope", scope="write"'
            await send({"type": "http.response.start", "status": 403, "headers": [(b"www-authenticate", told)]})
            await send({"type": "http.response.body", "body": b""})
            return
        whole = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Any:
            return next(whole, None) or await receive()

        await self.app(scope, again, send)


class Protected:
    """One server; ``place`` may be changed for another authorization server while it runs."""

    def __init__(self, place: FakeAuthorization, url: str) -> None:
        self.url, self.seen, self.verifier = url, [], Verifier(place)
        self.described: dict[str, Any] = {}
        server: Server[Any] = Server("protected", version="1", on_list_tools=_tools, on_call_tool=_call)
        settings = AuthSettings(
            issuer_url=AnyHttpUrl(place.url), resource_server_url=AnyHttpUrl(url), required_scopes=["read"],
            validate_token_resource=True,
        )  # fmt: skip
        app = server.streamable_http_app(auth=settings, token_verifier=self.verifier)
        self.app = self._describing(WantsWrite(app, place, self.seen))

    def _describing(self, app: Any) -> Any:
        """Its metadata are what a test says, where a test says something."""

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not self.described or "oauth-protected-resource" not in scope["path"]:
                await app(scope, receive, send)
                return
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": orjson.dumps(self.described)})

        return answer


@asynccontextmanager
async def protected_by(place: FakeAuthorization) -> AsyncIterator[Protected]:
    """Serve one for the length of a block."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        made = Protected(place, f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")
        config = uvicorn.Config(made.app, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody when it listens
                await asyncio.sleep(0.01)
        yield made
        server.should_exit = True
        await running
