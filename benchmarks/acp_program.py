"""An agent for the benchmark: speaks the Agent Client Protocol with the standard library alone, does as its prompt
says in JSON. It takes half a second to be ready, as programs of this kind do, and nearly no memory: what is measured
beside that is ours. Started by path, with nothing of the service in sight.
"""

import json
import sys
import time
from typing import Any

_READY_SECONDS = 0.45
"""With the interpreter's own start, some half a second."""


def _send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def _say(session: str, text: str) -> None:
    update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
    _send({"method": "session/update", "params": {"sessionId": session, "update": update}})


def _prompted(asked: dict[str, Any]) -> dict[str, Any]:
    for step in json.loads(asked["prompt"][0]["text"]):
        if "say" in step:
            _say(asked["sessionId"], step["say"])
        time.sleep(step.get("wait", 0))
    return {"stopReason": "end_turn"}


_ANSWERS = {
    "initialize": lambda _: {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []},
    "session/new": lambda _: {"sessionId": "one"},
    "session/prompt": _prompted,
}


def main() -> None:
    """Answer until stdin is closed."""
    time.sleep(_READY_SECONDS)
    for line in sys.stdin:
        request = json.loads(line)
        answer = _ANSWERS.get(request.get("method"))
        if answer is not None and "id" in request:
            _send({"id": request["id"], "result": answer(request["params"])})


if __name__ == "__main__":
    main()
