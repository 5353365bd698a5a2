"""A small MCP server without the SDK that gives back what it is given: lists of a file, results of its arguments.

Run as a program: ``mirror.py ERA FILE``. The file holds tools, or an object with lists of every kind. ``tools/call``
answers with the object in the argument ``answer``, and the whole of what it was sent as structured content; prompts,
resources and completions with the object that is sent as text, and what was sent in ``_meta``. One era, over stdio.
"""

import json
import sys
from pathlib import Path

ERA, FILE = sys.argv[1], Path(sys.argv[2])
INFO = {"name": "mirror", "version": "0"}
LISTS = {
    "tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}  # fmt: skip
CAN = {"tools": {}, "prompts": {}, "resources": {}, "completions": {}}
TOLD = {
    "prompts/get": lambda params: params["arguments"]["answer"],
    "resources/read": lambda params: params["uri"].partition("://")[2],
    "completion/complete": lambda params: params["argument"]["value"],
}
"""Where the text of an answer stands."""
MODERN = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def result_of(request: dict) -> dict | None:
    method = request["method"]
    if method == "initialize" and ERA == "legacy":
        return {"protocolVersion": "2025-11-25", "capabilities": CAN, "serverInfo": INFO}
    if method == "server/discover" and ERA == "modern":
        return MODERN | {"supportedVersions": ["2026-07-28"], "capabilities": CAN}
    if method in LISTS:
        known = json.loads(FILE.read_text())
        kinds = {"tools": known} if isinstance(known, list) else known
        return {LISTS[method]: kinds.get(LISTS[method], [])} | (MODERN if ERA == "modern" else {})
    if method in TOLD:
        given = json.loads(bytes.fromhex(TOLD[method](request["params"])))
        meta = {**given.get("_meta", {}), "example.org/received": request["params"]}
        return {**(MODERN if ERA == "modern" else {}), **given, "_meta": meta}
    if method == "tools/call":
        given = request["params"]["arguments"]["answer"]
        complete = {"resultType": "complete"} if ERA == "modern" else {}
        return {"content": [], "structuredContent": {"received": request["params"]}, **given, **complete}
    return None


for line in sys.stdin.buffer:
    asked = json.loads(line)
    if "id" in asked:
        found = result_of(asked)
        error = {"error": {"code": -32601, "message": "Method not found"}}
        told = {"jsonrpc": "2.0", "id": asked["id"]} | ({"result": found} if found is not None else error)
        sys.stdout.buffer.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        sys.stdout.flush()
