"""A small MCP server without the SDK that breaks what the first argument says. Run as a program by the tests.

It speaks the legacy era over stdio. Extra arguments belong to the behaviour.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

TOOL = {"name": "poke", "description": "Does what the server was told to do.", "inputSchema": {"type": "object"}}


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request: dict, result: object) -> None:
    say({"jsonrpc": "2.0", "id": request["id"], "result": result})


def text(words: str) -> dict:
    return {"content": [{"type": "text", "text": words}], "isError": False}


def tool() -> dict:
    if MODE == "lies":
        return TOOL | {"outputSchema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}
    if MODE == "odd":
        return TOOL | {"x-vendor": {"a": [1]}, "inputSchema": {"type": "object", "$defs": {"T": {"$anchor": "t"}}}}
    if MODE == "schema-bomb":
        deep = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
        return TOOL | {"inputSchema": {"type": "object", "$ref": "#/$defs/a0", "$defs": deep | {"a40": {}}}}
    return TOOL


def die(_request: dict) -> None:
    sys.stderr.write(f"fatal: out of luck, key={os.environ.get('API_KEY')}\n")
    sys.stderr.flush()
    os._exit(3)


def flood(_request: dict) -> None:
    while True:
        sys.stdout.write("x" * 65536)


def wait_for_cancel(request: dict) -> None:
    with open(sys.argv[2], "w") as file:
        file.write("called")
    for line in sys.stdin:
        heard = json.loads(line)
        if heard["method"] == "notifications/cancelled":
            with open(sys.argv[2], "w") as file:
                file.write(json.dumps(heard["params"]["requestId"] == request["id"]))
            return


def change_list(request: dict) -> None:
    TOOL["name"] = "poked"
    say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    answer(request, text("changed"))


ASKS = {
    "resultType": "input_required",
    "requestState": "s",
    "inputRequests": {
        "name": {
            "method": "elicitation/create",
            "params": {"mode": "form", "message": "Who?", "requestedSchema": {"type": "object", "properties": {}}},
        }
    },
}
ROOTS: list[dict] = []


def tell_roots(request: dict) -> None:
    answer(request, text(json.dumps(ROOTS[0]) if ROOTS else "nobody said"))


def failed(words: str) -> dict:
    return text(words) | {"isError": True}


def write(path: str) -> dict:
    try:
        with open(path, "w") as file:
            file.write("written")
    except OSError as error:
        return failed(str(error))
    return text("written")


def fetch() -> dict:
    try:
        socket.create_connection(("192.0.2.1", 80), 2)
    except OSError as error:
        return failed(str(error))
    return text("fetched")


CALLS = {
    "asks-roots-at-once": tell_roots,
    "dies-mid-call": die,
    "hangs": lambda _request: time.sleep(3600),
    "huge": lambda request: answer(request, text("x" * (10 * 1024 * 1024))),
    "flood": flood,
    "no-object": lambda request: answer(request, ["x"]),
    "no-error": lambda request: say({"jsonrpc": "2.0", "id": request["id"], "error": "no"}),
    "lies": lambda request: answer(request, text("lie") | {"structuredContent": {"n": "one"}}),
    "not-the-protocol": lambda request: answer(request, {"content": "a text where a list belongs"}),
    "not-the-newer-protocol": lambda request: answer(request, {"content": "a text", "resultType": "complete"}),
    "input-required": lambda request: answer(request, ASKS),
    "writes": lambda request: answer(request, write(sys.argv[2])),
    "fetches": lambda request: answer(request, fetch()),
    "refuses-network": lambda request: say(
        {
            "jsonrpc": "2.0",
            "id": request["id"],
            "error": {"code": -32603, "message": "Failed to fetch https://example.org: connection issue"},
        }
    ),
    "environment": lambda request: answer(request, text(json.dumps(dict(os.environ)))),
    "waits-for-cancel": wait_for_cancel,
    "lists-change": change_list,
}


def call(request: dict) -> None:
    def fine(request: dict) -> None:
        answer(request, text("ok") | {"x-unknown": 1, "_meta": {"pid": os.getpid()}})

    CALLS.get(MODE, fine)(request)


def greet(request: dict) -> None:
    version = "9999-01-01" if MODE == "unknown-version" else "2025-11-25"
    info = {"name": "hostile", "version": "0"}
    answer(request, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})


HINTS = {"resultType": "complete", "ttlMs": 0, "cacheScope": "public"}
NEWER = ("input-required", "not-the-newer-protocol")
MODERN = HINTS | {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize":
            greet(request)
            if MODE == "dies-after-greeting":
                os._exit(4)
        elif method == "notifications/initialized" and MODE == "asks-roots-at-once":
            say({"jsonrpc": "2.0", "id": "roots", "method": "roots/list"})
        elif method is None and request.get("id") == "roots":
            ROOTS.append(request.get("result") or request.get("error"))
        elif method == "server/discover" and MODE in NEWER:
            answer(request, MODERN)
        elif method == "tools/list":
            pages = {"tools": [tool()]} | ({"nextCursor": "again"} if MODE == "endless-list" else {})
            answer(request, pages | (HINTS if MODE in NEWER else {}))
        elif method == "tools/call":
            call(request)
        elif "id" in request:
            say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "Method not found"}})


MODE = sys.argv[1]

if __name__ == "__main__":
    if MODE == "dies-at-start":
        sys.stderr.write(f"Traceback: no module named luck, key={os.environ.get('API_KEY')}\n")
        sys.exit(1)
    elif MODE == "silent":
        time.sleep(3600)
    elif MODE == "rubbish":
        sys.stdout.write("Starting up, please wait ...\n{not json\n")
        sys.stdout.flush()
        time.sleep(3600)
    elif MODE == "rubbish-then-fine":
        sys.stdout.write("Welcome to my server!\n")
    elif MODE == "rubbish-forever":
        while True:
            sys.stdout.write("la la la\n")
    elif MODE == "slow-start":
        time.sleep(0.6)
    elif MODE == "has-children":
        child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(3600)"])
        with open(sys.argv[2], "w") as file:
            file.write(str(child.pid))
    elif MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        serve()
        time.sleep(3600)
    serve()
