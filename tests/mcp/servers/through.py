"""Stands for a server over stdio that is forked from a process which has its imports: ``through.py SOCKET FILE …``.

Whoever starts it sees a program that lives and dies with the server: its standard streams are handed over, and it waits
until the server has ended. Killed, it takes the server along. See ``tests/launches.py``.
"""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    told = {"program": sys.argv[2], "arguments": sys.argv[3:], "environment": dict(os.environ), "folder": os.getcwd()}
    line = json.dumps(told).encode() + b"\n"
    socket.send_fds(connection, [line[:1]], [0, 1, 2])
    connection.sendall(line[1:])
    for stream in (0, 1, 2):
        os.close(stream)  # they are the server's: it alone decides when they end
    connection.recv(1)
