"""A small HTTP server on loopback with planned answers: what scripted providers are made of, here and in tests.

A server lists its routes; each handler gets a Request and returns a Reply. The next answers may be made to fail or held
back, and what was asked can be read. It is no part of the service, and knows no provider.
"""

import base64
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    groups: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"null")

    def form(self) -> dict[str, str]:
        """The body as fields of a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def token(self) -> str:
        """What stands in the Authorization header after ``token`` or ``Bearer``."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value if kind.lower() in ("token", "bearer") else ""

    @property
    def basic(self) -> tuple[str, str] | None:
        """User name and password of the Authorization header."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        name, _, password = base64.b64decode(value).decode().partition(":")
        return unquote(name), unquote(password)


@dataclass(frozen=True)
class Reply:
    """What is answered; a body that is no bytes is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Route = tuple[str, str, Callable[[Request], Reply]]


class Failure(Exception):
    """A handler may raise its reply."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.reply = Reply(status, body, headers or {})


class ScriptedServer:
    """Runs from ``with`` to its end on a free port; ``url`` says where."""

    def __init__(self, *, port: int = 0) -> None:
        self.requests: list[Request] = []
        self._planned: deque[Reply] = deque()
        self._open = threading.Event()
        self._open.set()
        self.lock = threading.RLock()
        self._routes = [(method, re.compile(pattern), handler) for method, pattern, handler in self.routes()]
        self._server = _Server(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def routes(self) -> Sequence[Route]:
        """What it answers: method, pattern of the path, handler."""
        raise NotImplementedError

    def not_found(self) -> Reply:
        """The answer to what no route knows."""
        return Reply(404, {"message": "Not Found"})

    def fail_next(
        self, status: int, body: Any = None, headers: Mapping[str, str] | None = None, times: int = 1
    ) -> None:
        """The next requests get this answer instead of a real one."""
        self._planned.extend([Reply(status, body or {}, headers or {})] * times)

    def hold(self) -> None:
        """Answer nobody until ``release``."""
        self._open.clear()

    def release(self) -> None:
        """Answer again."""
        self._open.set()

    def answer(self, request: Request) -> Reply:
        """The planned reply, or the handler's."""
        self._open.wait(30)
        with self.lock:
            self.requests.append(request)
            if self._planned:
                return self._planned.popleft()
            for method, pattern, handler in self._routes:
                match = pattern.fullmatch(request.path)
                if match and method in (request.method, "*"):
                    groups = {name: unquote(value or "") for name, value in match.groupdict().items()}
                    return _handled(handler, Request(**{**request.__dict__, "groups": groups}))
        return self.not_found()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                body = self.rfile.read(length)
                reply = server.answer(Request(self.command, parts.path, query, headers, body))
                content = reply.bytes()
                self.send_response(reply.status)
                sent = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(content))}
                for name, value in (sent | dict(reply.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: whoever wants to know reads ``requests``."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that clients keep open would make the end of a test wait for them.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is part of what is tested."""


def _handled(handler: Callable[[Request], Reply], request: Request) -> Reply:
    try:
        return handler(request)
    except Failure as failure:
        return failure.reply
