"""What the suite starts as the client under test: it only tells the test, which has our calling side loaded already.

``knock.py SOCKET URL``, the scenario in the environment. Standard library only: it is started fifty times.
"""

import json
import os
import socket
import sys

path, url = sys.argv[1:3]
names = ("SCENARIO", "PROTOCOL_VERSION", "CONTEXT")
told = {name.lower(): os.environ.get(f"MCP_CONFORMANCE_{name}") for name in names}
with socket.socket(socket.AF_UNIX) as line:
    line.connect(path)
    line.sendall(json.dumps(told | {"url": url}).encode() + b"\n")
    with line.makefile() as answers:
        answer = answers.readline()
if answer.strip() != "done":
    sys.exit(answer.strip() or "no answer")
