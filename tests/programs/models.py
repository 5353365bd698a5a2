"""One script of answers, told in the form of whichever vendor's API a program speaks. For the tests of programs.

Chat completions come from the scripted model of the service; Anthropic's messages, Gemini's contents and OpenAI's
responses are made of the same planned messages. What is asked without offering tools (a title for a session, a choice
of model) is no part of the script. It knows no program.
"""

import json
from collections.abc import Sequence
from typing import Any

from orchestrator.agents.scripted.http_server import Failure, Reply, Request, Route
from orchestrator.agents.scripted.model_server import ScriptedModel

_EVENTS = {"Content-Type": "text/event-stream"}
_ASIDE = {"role": "assistant", "content": '{"title": "A title", "model_choice": "flash", "reasoning": "short"}'}
_TOKENS = {"input_tokens": 10, "output_tokens": 5}


class ModelOfVendors(ScriptedModel):
    """Plan with ``say`` and ``call``; a call whose arguments are a str is free text where the vendor has such tools."""

    def routes(self) -> Sequence[Route]:
        """The doors of four vendors."""
        return [
            *super().routes(),
            ("POST", r"/v1/messages/count_tokens", lambda _: Reply(200, {"input_tokens": 10})),
            ("POST", r"/v1/messages", self._messages),
            ("POST", r"/v1beta/models/[^:]+:countTokens", lambda _: Reply(200, {"totalTokens": 10})),
            ("POST", r"/v1beta/models/[^:]+:(?P<how>streamGenerateContent|generateContent)", self._contents),
            ("POST", r"/v1/responses", self._responses),
            ("GET", r"/v1/models", lambda _: Reply(200, {"object": "list", "data": [], "models": []})),
        ]

    def heard(self) -> list[str]:
        """What it was asked when it was offered tools, each as one text."""
        return [json.dumps(body) for body in self.asked]

    def plan_anew(self) -> None:
        """Forget what is planned."""
        self._script.clear()

    def _complete(self, request: Request) -> Reply:
        body = request.json()
        if body.get("tools"):
            return super()._complete(request)
        return self._streamed(body, _ASIDE) if body.get("stream") else self._plain(body, _ASIDE)

    def _next(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        """The planned message; the program shows its key in every vendor's form."""
        if key != self._key:
            raise Failure(401, {"error": {"type": "authentication_error", "message": f"not the key: {key}"}})
        if not body.get("tools", "input" in body):  # Codex tells its tools within its input
            return _ASIDE
        self.asked.append(body)
        if not self._script:
            raise Failure(400, {"error": {"type": "invalid_request_error", "message": "no answer is planned"}})
        return self._script.popleft()

    def _messages(self, request: Request) -> Reply:
        """Anthropic's."""
        body = request.json()
        message = self._next(body, request.headers.get("x-api-key", ""))
        calls = _calls(message)
        blocks = [{"type": "tool_use", "id": f"toolu_{len(self.asked)}_{name}", "name": name, "input": given}
                  for name, given in calls]  # fmt: skip
        blocks = blocks or [{"type": "text", "text": message["content"]}]
        stop = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
        whole = {
            "id": f"msg_{len(self.asked)}", "type": "message", "role": "assistant", "model": body["model"],
            "content": [], "stop_reason": None, "stop_sequence": None,
            "usage": _TOKENS | {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
        }  # fmt: skip
        if not body.get("stream"):
            return Reply(200, whole | stop | {"content": blocks})
        told: list[dict[str, Any]] = [{"type": "message_start", "message": whole}]
        for index, block in enumerate(blocks):
            told += [one | {"index": index} for one in _block(block)]
        told += [{"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
        return Reply(200, _named(told), _EVENTS)

    def _contents(self, request: Request) -> Reply:
        """Gemini's."""
        message = self._next(request.json(), request.headers.get("x-goog-api-key", ""))
        parts = [{"functionCall": {"name": name, "args": given, "id": f"c{len(self.asked)}"}}
                 for name, given in _calls(message)]  # fmt: skip
        content = {"role": "model", "parts": parts or [{"text": message["content"]}]}
        used = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
        answer = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": used,
            "modelVersion": "scripted", "responseId": f"r{len(self.asked)}",
        }  # fmt: skip
        if request.groups["how"] == "generateContent":
            return Reply(200, answer)
        return Reply(200, f"data: {json.dumps(answer)}\r\n\r\n".encode(), _EVENTS)

    def _responses(self, request: Request) -> Reply:
        """OpenAI's responses, as Codex asks for them."""
        body = request.json()
        message = self._next(body, request.token)
        items = [_item(f"{len(self.asked)}_{index}", *call) for index, call in enumerate(_calls(message))]
        said = {"type": "output_text", "text": message["content"], "annotations": []}
        items = items or [{"type": "message", "id": f"m{len(self.asked)}", "role": "assistant", "content": [said]}]
        whole = {
            "id": f"resp_{len(self.asked)}", "object": "response", "created_at": 1, "model": body["model"],
            "status": "completed", "output": items, "usage": _TOKENS | {"total_tokens": 15},
        }  # fmt: skip
        told: list[dict[str, Any]] = [
            {"type": "response.created", "response": whole | {"status": "in_progress", "output": []}}
        ]
        for index, item in enumerate(items):
            told += [{"type": f"response.output_item.{when}", "output_index": index, "item": item}
                     for when in ("added", "done")]  # fmt: skip
        told.append({"type": "response.completed", "response": whole})
        return Reply(200, _named(told), _EVENTS)


def _calls(message: dict[str, Any]) -> list[tuple[str, Any]]:
    made = [call["function"] for call in message.get("tool_calls", ())]
    return [(one["name"], json.loads(one["arguments"])) for one in made]


def _block(block: dict[str, Any]) -> list[dict[str, Any]]:
    """One block of Anthropic's as it is streamed: its beginning without what comes piece by piece, and that."""
    if block["type"] == "text":
        start, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        start, delta = block | {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    return [
        {"type": "content_block_start", "content_block": start},
        {"type": "content_block_delta", "delta": delta},
        {"type": "content_block_stop"},
    ]


def _item(number: str, name: str, given: Any) -> dict[str, Any]:
    known = {"id": f"f{number}", "call_id": f"call{number}", "name": name, "status": "completed"}
    if isinstance(given, str):
        return known | {"type": "custom_tool_call", "input": given}
    return known | {"type": "function_call", "arguments": json.dumps(given)}


def _named(told: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in told)
