"""An OpenAI-compatible chat completions endpoint whose answers a test writes beforehand, one per request.

Speaks the streaming and the plain form, as asked. ``say``, ``call`` and ``cut_off`` plan answers; ``fail_next`` and
``hold`` come from the server underneath. ``asked`` holds the bodies of the requests.
"""

import json
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from tests.fakes.server import Failure, FakeServer, Reply, Request, Route

_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
_EVENTS = {"Content-Type": "text/event-stream"}


class FakeOpenAI(FakeServer):
    """The endpoint; its base URL is ``base_url``."""

    def __init__(self, *, api_key: str = "") -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []
        self.arrived = threading.Event()
        self.usage: dict[str, int] | None = _USAGE
        self._key = api_key
        self._script: deque[dict[str, Any]] = deque()

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def routes(self) -> Sequence[Route]:
        return [("POST", r"/v1/chat/completions", self._complete)]

    def say(self, text: str) -> None:
        """Answer with text."""
        self._script.append({"role": "assistant", "content": text})

    def call(self, *calls: tuple[str, Any], text: str | None = None) -> None:
        """Answer with tool calls, each a name and its arguments; a str is sent as it is."""
        number = len(self._script)
        made = [
            {
                "id": f"call_{number}_{index}",
                "type": "function",
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for index, (name, given) in enumerate(calls)
        ]
        self._script.append({"role": "assistant", "content": text, "tool_calls": made})

    def cut_off(self, text: str) -> None:
        """Begin an answer and end the stream in the middle of it."""
        self._script.append({"role": "assistant", "content": text, "cut_off": True})

    def answer(self, request: Request) -> Reply:
        self.arrived.set()
        return super().answer(request)

    def _complete(self, request: Request) -> Reply:
        if self._key and request.token != self._key:
            said = f"Incorrect API key provided: {request.token}."
            raise Failure(401, {"error": {"message": said, "type": "invalid_request_error", "code": "invalid_api_key"}})
        body = request.json()
        self.asked.append(body)
        if not self._script:
            raise Failure(
                400, {"error": {"message": "the test has planned no answer", "type": "invalid_request_error"}}
            )
        message = self._script.popleft()
        return self._streamed(body, message) if body.get("stream") else self._plain(body, message)

    def _plain(self, body: dict[str, Any], message: dict[str, Any]) -> Reply:
        choice = {"index": 0, "message": message, "finish_reason": _reason(message)}
        return Reply(200, _head(body, "chat.completion") | {"choices": [choice], "usage": self.usage})

    def _streamed(self, body: dict[str, Any], message: dict[str, Any]) -> Reply:
        head = _head(body, "chat.completion.chunk")
        chunks = [
            head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in _deltas(message)
        ]
        if message.get("cut_off"):
            half = json.dumps(chunks[-1])[:40]
            return Reply(200, _lines(chunks[:-1]) + f"data: {half}".encode(), _EVENTS)
        chunks.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": _reason(message)}]})
        if self.usage:
            chunks.append(head | {"choices": [], "usage": self.usage})
        return Reply(200, _lines(chunks) + b"data: [DONE]\n\n", _EVENTS)


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def _reason(message: dict[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _deltas(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The message in pieces: text word by word, the arguments of a tool call in two halves."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    text = message.get("content") or ""
    deltas += [{"content": piece} for piece in text.replace(" ", " \0").split("\0") if piece]
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        begun = {**call, "index": index, "function": {**call["function"], "arguments": arguments[:half]}}
        rest = {"index": index, "function": {"arguments": arguments[half:]}}
        deltas += [{"tool_calls": [begun]}, {"tool_calls": [rest]}]
    return deltas


def _lines(chunks: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks)
