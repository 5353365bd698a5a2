"""A small MCP server without the SDK that gives back what it is given: tools of a file, results of its arguments.

Run as a program: ``mirror.py ERA FILE``. ``tools/list`` answers with the tools of the file; ``tools/call`` with the
object in the argument ``answer``, and the whole of what it was sent as structured content. Speaks one era over stdio.
"""

import json
import sys
from pathlib import Path

ERA, FILE = sys.argv[1], Path(sys.argv[2])
INFO = {"name": "mirror", "version": "0"}
MODERN = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def result_of(request: dict) -> dict | None:
    method = request["method"]
    if method == "initialize" and ERA == "legacy":
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": INFO}
    if method == "server/discover" and ERA == "modern":
        return MODERN | {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
    if method == "tools/list":
        return {"tools": json.loads(FILE.read_text())} | (MODERN if ERA == "modern" else {})
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
