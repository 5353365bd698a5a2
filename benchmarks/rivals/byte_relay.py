"""The floor of every gateway in Python: relays the body of a request over one pooled HTTP client, and knows nothing.

No log-in, no registry, no checks, no record, no protocol. ``byte_relay.py URL PORT``; measured beside the gateways.
"""

import sys
from typing import Any

import httpx2
import uvicorn

_TARGET, _PORT = sys.argv[1], int(sys.argv[2])
_KEPT = (b"content-type", b"accept", b"mcp-protocol-version", b"mcp-session-id", b"mcp-method", b"mcp-name")
_clients: list[httpx2.AsyncClient] = []


async def _lifespan(receive: Any, send: Any) -> None:
    async with httpx2.AsyncClient() as client:
        _clients.append(client)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def app(scope: Any, receive: Any, send: Any) -> None:
    """One request."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(name, value) for name, value in scope["headers"] if name in _KEPT]
    answer = await _clients[0].post(_TARGET, content=body, headers=headers)
    told = [(name, value) for name, value in answer.headers.raw if name.lower() in (b"content-type", b"mcp-session-id")]
    told.append((b"content-length", str(len(answer.content)).encode()))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": told})
    await send({"type": "http.response.body", "body": answer.content})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=_PORT, log_level="warning", access_log=False)
