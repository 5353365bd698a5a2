"""The quickest stdio server there is: it imports nothing but sys, and answers what a session needs. Legacy era.

``hang`` is a tool that never answers; ``quick`` answers at once. With the argument ``silent`` it ignores what it does
not know, with ``refuses`` it answers every call with an error of the protocol.
"""

import sys


def answer(request: bytes, result: bytes) -> None:
    number = request.partition(b'"id":')[2].partition(b",")[0].partition(b"}")[0]
    sys.stdout.buffer.write(b'{"jsonrpc":"2.0","id":' + number + b"," + result + b"}\n")
    sys.stdout.buffer.flush()


TOOL = b'{"name":"%s","inputSchema":{"type":"object"}}'
for line in sys.stdin.buffer:
    if b'"initialize"' in line:
        info = b'"capabilities":{"tools":{}},"serverInfo":{"name":"quick","version":"1"}'
        answer(line, b'"result":{"protocolVersion":"2025-11-25",' + info + b"}")
    elif b'"tools/list"' in line:
        answer(line, b'"result":{"tools":[' + TOOL % b"quick" + b"," + TOOL % b"hang" + b"]}")
    elif b'"tools/call"' in line:
        if b'"hang"' not in line:
            answer(line, b'"result":{"content":[{"type":"text","text":"ok"}]}')
    elif b'"id"' in line and "silent" not in sys.argv:
        answer(line, b'"error":{"code":-32601,"message":"Method not found"}')
