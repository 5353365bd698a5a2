"""An OpenAI-compatible chat completions endpoint whose answers are written beforehand, one per request.

For tests, the demo and trying a deployment: ``python -m orchestrator.agents.scripted.model_server`` serves one, and
LLM_BASE_URL points at it. Streaming and plain, as asked; ``say``, ``call`` and ``cut_off`` plan answers, ``fail_next``
and ``hold`` come from the server underneath. It is no part of the service.
"""

import argparse
import json
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.agents.scripted.http_server import Failure, Reply, Request, Route, ScriptedServer

_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
_EVENTS = {"Content-Type": "text/event-stream"}


class ScriptedModel(ScriptedServer):
    """The endpoint; its base URL is ``base_url``. Without a planned answer it repeats what it was told, or refuses."""

    def __init__(self, *, api_key: str = "", port: int = 0, strict: bool = True) -> None:
        super().__init__(port=port)
        self._strict = strict
        self.asked: list[dict[str, Any]] = []
        self.arrived = threading.Event()
        self.usage: dict[str, int] | None = _USAGE
        self._key = api_key
        self._script: deque[dict[str, Any]] = deque()

    @property
    def base_url(self) -> str:
        """What LLM_BASE_URL is to be."""
        return f"{self.url}/v1"

    def routes(self) -> Sequence[Route]:
        """One route."""
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

    def refuse(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        """Answer with an error, when it is its turn."""
        self._script.append({"refused": Failure(status, body or {}, headers)})

    def answer(self, request: Request) -> Reply:
        """Note that somebody asked, and answer."""
        self.arrived.set()
        return super().answer(request)

    def _complete(self, request: Request) -> Reply:
        if self._key and request.token != self._key:
            said = f"Incorrect API key provided: {request.token}."
            raise Failure(401, {"error": {"message": said, "type": "invalid_request_error", "code": "invalid_api_key"}})
        body = request.json()
        self.asked.append(body)
        if not self._script and not self._strict:
            self.say(f"You said: {_last_words(body)}")
        if not self._script:
            raise Failure(400, {"error": {"message": "no answer is planned", "type": "invalid_request_error"}})
        message = self._script.popleft()
        if "refused" in message:
            raise message["refused"]
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


def _last_words(body: dict[str, Any]) -> str:
    said = [message.get("content") for message in body.get("messages", ()) if message.get("role") == "user"]
    return str(said[-1])[:2000] if said else ""


def _plan(model: ScriptedModel, answers: Sequence[Any]) -> None:
    """Answers of a file: a text each, or a list of tool calls with name and arguments."""
    for answer in answers:
        if isinstance(answer, str):
            model.say(answer)
        else:
            model.call(*((call["name"], call.get("arguments", {})) for call in answer))


def main() -> None:
    """Serve until somebody stops it."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible endpoint with planned answers.")
    parser.add_argument("--port", type=int, default=0, help="port on loopback; default: a free one")
    parser.add_argument("--script", type=Path, help="JSON file: a list of texts, or of lists of tool calls")
    given = parser.parse_args()
    with ScriptedModel(port=given.port, strict=False) as model:
        if given.script is not None:
            _plan(model, json.loads(given.script.read_text()))
        sys.stdout.write(f"LLM_BASE_URL={model.base_url} LLM_MODEL=scripted\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
