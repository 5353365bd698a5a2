"""The quickest MCP server over streamable HTTP: ``quick_http.py PORT``, standard library only, a thread a connection.

``/legacy`` keeps sessions and a stream of events for each, ``/modern`` neither; ``quick`` answers at once, ``hang``
never. ``/open`` tells how many sessions and connections there are. It prints a line when it listens.
"""

import json
import socket
import sys
import threading

HINTS = {"resultType": "complete", "ttlMs": 0, "cacheScope": "public"}
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("quick", "hang")]
SESSIONS: set[str] = set()
OPEN: set[socket.socket] = set()


def serve(line: socket.socket) -> None:
    OPEN.add(line)
    try:
        while request := read(line):
            if not answer(line, *request):
                break
    except OSError:
        pass  # the client is gone
    OPEN.discard(line)
    line.close()


def read(line: socket.socket) -> tuple[str, str, dict[str, str], bytes] | None:
    """Method, path, headers and body of the next request."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := line.recv(65536)):
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += line.recv(65536)
    method, path, _ = first.split(" ")
    return method, path, headers, body


def answer(line: socket.socket, method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the connection goes on."""
    session = headers.get("mcp-session-id", "")
    if path == "/open":
        say(line, {"sessions": len(SESSIONS), "connections": len(OPEN) - 1})
    elif method == "DELETE":
        SESSIONS.discard(session)
        say(line, {})
    elif method == "GET" and path == "/legacy":
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: here\n\n")
        line.recv(1)
        return False
    elif method == "GET":
        say(line, {}, status="405 Method Not Allowed")
    else:
        return post(line, json.loads(body), modern=path == "/modern")
    return True


def post(line: socket.socket, message: dict, *, modern: bool) -> bool:
    asked, known = message.get("method"), HINTS if modern else {}
    if "id" not in message:
        line.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    elif asked == "server/discover" and modern:
        offer = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
        say(line, {"jsonrpc": "2.0", "id": message["id"], "result": {**HINTS, **offer}})
    elif asked == "initialize" and not modern:
        SESSIONS.add(key := f"s{threading.get_native_id()}-{message['id']}-{id(line)}")
        info = {"capabilities": {"tools": {}}, "serverInfo": {"name": "quick", "version": "1"}}
        result = {"protocolVersion": "2025-11-25", **info}
        say(line, {"jsonrpc": "2.0", "id": message["id"], "result": result}, session=key)
    elif asked == "tools/list":
        say(line, {"jsonrpc": "2.0", "id": message["id"], "result": {**known, "tools": TOOLS}})
    elif asked == "tools/call" and message["params"]["name"] == "hang":
        line.recv(1)
        return False
    elif asked == "tools/call":
        result = {"content": [{"type": "text", "text": "ok"}]} | ({"resultType": "complete"} if modern else {})
        say(line, {"jsonrpc": "2.0", "id": message["id"], "result": result})
    else:
        say(line, {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "Method not found"}},
            status="200 OK" if modern else "400 Bad Request")  # fmt: skip
    return True


def say(line: socket.socket, what: dict, *, status: str = "200 OK", session: str = "") -> None:
    body = json.dumps(what).encode()
    named = f"Mcp-Session-Id: {session}\r\n" if session else ""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{named}Content-Length: {len(body)}\r\n\r\n"
    line.sendall(head.encode() + body)


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
