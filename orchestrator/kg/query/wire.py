"""Frames between the query client and the query server on one host: a length, a JSON head, and perhaps a body.

Both sides use it. It knows nothing of what the heads mean.
"""

import asyncio
import contextlib
import json
import socket
import struct
from typing import Any

MAX_REQUEST = 2 * 1024 * 1024
_SIZES = struct.Struct("!IQ")


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """One frame as bytes."""
    encoded = json.dumps(head).encode()
    return _SIZES.pack(len(encoded), len(body)) + encoded + body


def unpack(buffer: bytes | bytearray, most: int = MAX_REQUEST) -> tuple[dict[str, Any], bytes] | None:
    """The frame in ``buffer``, or None while it is incomplete. Raises ValueError when it can never be a request."""
    if len(buffer) < _SIZES.size:
        return None
    head_size, body_size = _SIZES.unpack_from(buffer)
    if head_size + body_size > most:
        raise ValueError("frame too large")
    end = _SIZES.size + head_size
    if len(buffer) < end + body_size:
        return None
    head = json.loads(bytes(buffer[_SIZES.size : end]))
    if not isinstance(head, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of error for every broken frame
    return head, bytes(buffer[end : end + body_size])


def send_at_once(connection: socket.socket, frame: bytes) -> None:
    """Send a small frame without ever waiting for somebody who does not read."""
    with contextlib.suppress(OSError):
        connection.send(frame, socket.MSG_DONTWAIT)


def has_hung_up(channel: socket.socket) -> bool:
    """Whether the other end was closed, and nothing is left to be read."""
    try:
        return channel.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
    except OSError:
        return False


async def write_request(writer: asyncio.StreamWriter, head: dict[str, Any]) -> None:
    """Send a request frame."""
    writer.write(pack(head))
    await writer.drain()


async def read_answer(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """Read one answer frame. Raises IncompleteReadError when the server ends before the frame does."""
    head_size, body_size = _SIZES.unpack(await reader.readexactly(_SIZES.size))
    head = json.loads(await reader.readexactly(head_size))
    return head, await reader.readexactly(body_size)
