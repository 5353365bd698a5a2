"""Pieces of work done in several processes by turns: one for each processor. Used by the build's process.

The others are forked for one list of pieces and end with it. Each takes the next piece and hands back bytes through a
file of its own; no object crosses the border. What one leaves undone when it dies, the first one does. The caller must
have one thread only.
"""

import fcntl
import os
import signal
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

Piece = TypeVar("Piece")
Done = TypeVar("Done")
# More of them are of little use: what one process finds out once for all takes a fifth of a build.
_MOST = 8
_NUMBER = struct.Struct("<I")
# Who did it, which piece it was, and how many bytes tell what came out.
_TOLD = struct.Struct("<IIQ")
_PIPE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Work(Generic[Piece, Done]):
    """Pieces, what is to be done with each, and how what comes out of it crosses to the first process."""

    pieces: Sequence[Piece]
    do: Callable[[Piece], Done]
    encode: Callable[[Done], bytes]
    decode: Callable[[bytes], Done]


class Spread(Protocol):
    """Does all of a work: each piece with what came out of it, in the order in which they are done."""

    def __call__(self, work: Work[Piece, Done]) -> Iterator[tuple[Piece, Done]]:
        """Do it."""
        ...


class Beside(Protocol):
    """Has another process begin a work at once; yields what comes out of it, for who asks when he has time."""

    def __call__(self, work: Work[Piece, Done]) -> AbstractContextManager[Iterator[tuple[Piece, Done]]]:
        """Begin it."""
        ...


def alone(work: Work[Piece, Done]) -> Iterator[tuple[Piece, Done]]:
    """In this process, one after the other."""
    return ((piece, work.do(piece)) for piece in work.pieces)


def processors() -> int:
    """How many processes a build may use."""
    return min(len(os.sched_getaffinity(0)), _MOST) if sys.platform == "linux" else 1


def side_by_side(work: Work[Piece, Done], processes: int, folder: Path) -> Iterator[tuple[Piece, Done]]:
    """Each piece with what came out of it, in the order in which they are done.

    ``folder`` takes what the others hand back, in files without a name.
    """
    if processes < 2 or len(work.pieces) < 2:
        yield from alone(work)
        return
    with ExitStack() as held:
        yield from _begun(work, processes - 1, folder, held)


@contextmanager
def beside(work: Work[Piece, Done], folder: Path) -> Iterator[Iterator[tuple[Piece, Done]]]:
    """A work that one other process begins now; this one helps with what is left once it asks for the first piece."""
    with ExitStack() as held:
        yield _begun(work, 1, folder, held)


def _begun(work: Work[Piece, Done], others: int, folder: Path, held: ExitStack) -> Iterator[tuple[Piece, Done]]:
    """Fork the others; what they and this process do comes in the order in which it is done."""
    tickets = _tickets(len(work.pieces))
    held.callback(os.close, tickets)
    source, target = os.pipe()
    held.callback(os.close, source)
    boxes = [held.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(others)]  # noqa: SIM115 - held closes
    for number, box in enumerate(boxes):
        child = os.fork()
        if not child:
            _serve(work, tickets, target, box.fileno(), number)
        held.callback(_end, child)
    os.close(target)
    return _gathered(work, tickets, _Inbox(source, boxes))


def _gathered(work: Work[Piece, Done], tickets: int, inbox: "_Inbox") -> Iterator[tuple[Piece, Done]]:
    """Take pieces until there are none, and what comes from the others in between and in the end."""
    missing = dict.fromkeys(range(len(work.pieces)))
    for number in _taken(tickets):
        del missing[number]
        yield work.pieces[number], work.do(work.pieces[number])
        for other, written in inbox.arrived(wait=False):
            del missing[other]
            yield work.pieces[other], work.decode(written)
    while not inbox.ended:
        for other, written in inbox.arrived(wait=True):
            del missing[other]
            yield work.pieces[other], work.decode(written)
    # Somebody died: nothing is lost but time.
    for number in missing:
        yield work.pieces[number], work.do(work.pieces[number])


class _Inbox:
    """What the other processes have done so far."""

    def __init__(self, source: int, boxes: Sequence[IO[bytes]]) -> None:
        self._source = source
        self._boxes = boxes
        self._read = [0] * len(boxes)
        self._told = b""
        self.ended = False

    def arrived(self, *, wait: bool) -> Iterator[tuple[int, bytes]]:
        """The numbers of pieces that are complete by now, with what came out of them."""
        os.set_blocking(self._source, wait)
        with suppress(BlockingIOError):
            told = os.read(self._source, _PIPE_BYTES)
            self.ended = not told
            self._told += told
        whole = len(self._told) - len(self._told) % _TOLD.size
        told, self._told = self._told[:whole], self._told[whole:]
        for who, number, length in _TOLD.iter_unpack(told):
            yield number, os.pread(self._boxes[who].fileno(), length, self._read[who])
            self._read[who] += length


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


def _taken(tickets: int) -> Iterator[int]:
    while ticket := os.read(tickets, _NUMBER.size):
        yield _NUMBER.unpack(ticket)[0]


def _serve(work: Work[Piece, Done], tickets: int, target: int, box: int, who: int) -> None:
    """Another process: nothing of the first one's must end with it."""
    code = 1
    try:
        _let_go_of_all_but(tickets, target, box)
        for number in _taken(tickets):
            written = work.encode(work.do(work.pieces[number]))
            _write(box, written)
            os.write(target, _TOLD.pack(who, number, len(written)))
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


def _end(child: int) -> None:
    """A process that has nothing left to do, or whose work nobody wants any more."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _write(target: int, written: bytes) -> None:
    rest = memoryview(written)
    while rest:
        rest = rest[os.write(target, rest) :]
