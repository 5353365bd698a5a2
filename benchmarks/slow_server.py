"""A stdio MCP server of the older era without costly imports, ready after some seconds: ``slow_server.py 1.5``.

It answers what a list needs and nothing else.
"""

import json
import sys
import time

_TOOLS = [{"name": "wait", "description": "Nothing.", "inputSchema": {"type": "object"}}]


def answer(message: dict[str, object]) -> dict[str, object]:
    """The answer to one request."""
    if message["method"] == "initialize":
        told = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "slow", "version": "1"}}  # fmt: skip
        return {"result": told}
    if message["method"] == "tools/list":
        return {"result": {"tools": _TOOLS}}
    return {"error": {"code": -32601, "message": "Method not found"}}


if __name__ == "__main__":
    time.sleep(float(sys.argv[1]))
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer(message)}), flush=True)
