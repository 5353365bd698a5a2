"""Standard input and output as lines of a protocol: nothing else of this process can get in between.

Used by the stdio door of MCP. A thread each reads and writes, since both may be files, terminals or pipes that others
share, and must stay blocking. Whoever reads slowly is waited for, on both sides. It knows no protocol.
"""

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

from orchestrator.mcp.lines import LineSplitter, Oversized

_PIECE = 64 * 1024
_AHEAD = 4


class StandardStreams:
    """The two streams. Make it inside a running event loop, once; from then on ``print`` goes to standard error."""

    def __init__(self, max_line_bytes: int) -> None:
        self.gone = asyncio.Event()
        """Set when nobody reads what is written any more."""
        self._loop = asyncio.get_running_loop()
        self._splitter = LineSplitter(max_line_bytes)
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self._ahead = threading.Semaphore(_AHEAD)
        self._to_write: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        # Daemons: what blocks in the kernel must not keep the process.
        threading.Thread(target=self._read, name="stdin", daemon=True).start()
        threading.Thread(target=self._write, name="stdout", daemon=True).start()

    async def lines(self) -> AsyncIterator[bytes | Oversized]:
        """The lines, until the end of the input; the last one may lack its line break."""
        while piece := await self._pieces.get():
            self._ahead.release()
            for line in self._splitter.feed(piece):
                yield line
        if self._splitter.pending:
            for line in self._splitter.feed(b"\n"):
                yield line

    async def write(self, line: bytes) -> None:
        """Write a line, in turn; returns when the reader has taken it over, or is gone."""
        written = self._loop.create_future()
        self._to_write.put((line + b"\n", written))
        await written

    def _read(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants more
            while True:
                self._ahead.acquire()
                try:
                    piece = os.read(self._in, _PIECE)
                except OSError:
                    piece = b""  # a terminal or a socket that is gone
                self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
                if not piece:
                    return

    def _write(self) -> None:
        with suppress(RuntimeError):  # as above
            while True:
                data, written = self._to_write.get()
                try:
                    view = memoryview(data)
                    while view:
                        view = view[os.write(self._out, view) :]
                except OSError:
                    self._loop.call_soon_threadsafe(self.gone.set)
                self._loop.call_soon_threadsafe(_done, written)


def _done(written: "asyncio.Future[None]") -> None:
    if not written.done():
        written.set_result(None)
