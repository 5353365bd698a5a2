"""Read and extract the files of a tree in two processes, where there are two processors. Used by the build's process.

The second one is forked, takes pieces of the list by turns with the first, and hands contents back as bytes: no object
crosses the border. What it leaves undone, the first one does. The caller must have one thread only.
"""

import fcntl
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from orchestrator.kg.facts import FileFacts
from orchestrator.kg.indexing.reading import read_contents
from orchestrator.kg.indexing.tree_state import Content

Found = tuple[str, Content, bool]
# Fewer files are read before a second process has begun.
_LEAST = 200
_PIECE = 16
_NUMBER = struct.Struct("<I")
_PIPE_BYTES = 1024 * 1024
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Found])


def read_in_two(root: Path, paths: Sequence[str], known: Mapping[str, FileFacts]) -> Iterator[Found]:
    """As ``read_contents``, in the order in which they are done; by one process where there are few."""
    if len(paths) < _LEAST:
        yield from read_contents(root, paths, known)
        return
    pieces = [paths[at : at + _PIECE] for at in range(0, len(paths), _PIECE)]
    tickets = _tickets(len(pieces))
    source, target = os.pipe()
    child = os.fork()
    if not child:
        os.close(source)
        _serve(root, pieces, known, tickets, target)
    os.close(target)
    fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    os.set_blocking(source, False)
    try:
        yield from _gather(root, pieces, known, tickets, source)
    finally:
        os.close(source)
        os.close(tickets)
        os.waitpid(child, 0)


def _gather(
    root: Path, pieces: Sequence[Sequence[str]], known: Mapping[str, FileFacts], tickets: int, source: int
) -> Iterator[Found]:
    """Take pieces until there are none, and what comes from the other process in between and in the end."""
    inbox = _Inbox(source)
    missing = {path for piece in pieces for path in piece}
    for piece in _taken(pieces, tickets):
        for found in (*read_contents(root, piece, known), *inbox.arrived()):
            missing.discard(found[0])
            yield found
    os.set_blocking(source, True)
    while not inbox.ended:
        for found in inbox.arrived():
            missing.discard(found[0])
            yield found
    # It died: nothing is lost but time.
    yield from read_contents(root, sorted(missing), known)


class _Inbox:
    """What the other process has written so far."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._bytes = bytearray()
        self.ended = False

    def arrived(self) -> list[Found]:
        """Contents that are complete by now."""
        with suppress(BlockingIOError):
            read = os.read(self._source, _PIPE_BYTES)
            self.ended = not read
            self._bytes += read
        found: list[Found] = []
        while len(self._bytes) >= _NUMBER.size:
            end = _NUMBER.size + _NUMBER.unpack_from(self._bytes)[0]
            if len(self._bytes) < end:
                break
            found += _DECODER.decode(self._bytes[_NUMBER.size : end])
            del self._bytes[:end]
        return found


def _tickets(count: int) -> int:
    """A pipe that holds the number of each piece once: whoever reads one has that piece to do."""
    source, target = os.pipe()
    fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    os.set_blocking(target, False)
    # What does not fit is the first one's in the end, as what a dead process leaves.
    with suppress(BlockingIOError):
        for number in range(count):
            os.write(target, _NUMBER.pack(number))
    os.close(target)
    return source


def _taken(pieces: Sequence[Sequence[str]], tickets: int) -> Iterator[Sequence[str]]:
    while ticket := os.read(tickets, _NUMBER.size):
        yield pieces[_NUMBER.unpack(ticket)[0]]


def _serve(
    root: Path, pieces: Sequence[Sequence[str]], known: Mapping[str, FileFacts], tickets: int, target: int
) -> None:
    """The second process: nothing of the first one's must end with it."""
    code = 1
    try:
        _let_go_of_all_but(tickets, target)
        for piece in _taken(pieces, tickets):
            written = _ENCODER.encode(list(read_contents(root, piece, known)))
            _write(target, _NUMBER.pack(len(written)) + written)
        code = 0
    finally:
        os._exit(code)


def _let_go_of_all_but(*kept: int) -> None:
    """Close what was inherited: the lock of a killed build would be held until this process has died, too."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with suppress(OSError):  # the listing's own
                os.close(descriptor)


def _write(target: int, written: bytes) -> None:
    rest = memoryview(written)
    while rest:
        rest = rest[os.write(target, rest) :]
