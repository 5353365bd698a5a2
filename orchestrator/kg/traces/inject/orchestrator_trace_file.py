"""Writes down what ran and who called whom in a Python process: numbered files and code, each fact once.

Used by the tracer beside it. A file per process, through a memory map: a killed process loses nothing, closed
descriptors do not matter, and a write costs no system call. The format is told in ``orchestrator.kg.traces.read``.
"""

import mmap
import os
import sys
import time
from types import CodeType, FrameType
from typing import Any, Dict, Optional, Set, Tuple

MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 2048
MAX_CODES = 200_000
MAX_HASHED = 4 * 1024 * 1024
_LONGEST = 3000
_FIRST_CHUNK, _LARGEST_CHUNK = 64 * 1024, 1024 * 1024
_OPTIMIZED = 0x1  # functions have it, bodies of modules and classes have not
_NOT_OURS = ("/site-packages/", "/dist-packages/", "/node_modules/", "/.venv/", "/venv/", "/.tox/", "/.nox/")


class Full(Exception):
    """As much was written as one process may write."""


class TraceFile:
    """An append-only file of lines. A process that dies leaves what it wrote, then zeros."""

    def __init__(self, folder: str) -> None:
        if len(os.listdir(folder)) >= MAX_FILES:
            raise Full
        self._path = os.path.join(folder, "python-%d-%x.trace" % (os.getpid(), time.time_ns()))
        self._size = self._at = self._end = 0
        self._chunk = _FIRST_CHUNK
        self._map: Optional[mmap.mmap] = None
        self._open_list = False

    def line(self, text: str) -> None:
        """Append a line."""
        data = text.encode("utf-8", "backslashreplace") + b"\n"
        if self._open_list:
            data, self._open_list = b"\n" + data, False
        self._append(data)

    def listed(self, number: int) -> None:
        """Append a number to the list ``v`` that the file ends in, or begin one."""
        data = b" %d" % number
        if not self._open_list or self._at + len(data) >= self._end:
            data = b"v" + data
        self._append(data)
        self._open_list = True

    def _append(self, data: bytes) -> None:
        if self._at + len(data) >= self._end:  # a byte is left for the end of the line before
            self._grow()
        assert self._map is not None
        self._map[self._at : self._at + len(data)] = data
        self._at += len(data)

    def _grow(self) -> None:
        """Map a further piece. Zeros are written first: a full disk is then an error here, not a signal later."""
        if self._map is not None:
            self._map[self._at : self._end] = b"\n" * (self._end - self._at)
            self._map.close()
        if self._size + self._chunk > MAX_BYTES:
            raise Full
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, bytes(self._chunk))
            self._map = mmap.mmap(handle, self._chunk, offset=self._size)
        finally:
            os.close(handle)
        self._size += self._chunk
        self._at, self._end = 0, self._chunk
        self._chunk = min(2 * self._chunk, _LARGEST_CHUNK)


class Recorder:
    """Numbers the code of the tree, and writes each fact once: files, code, calls, and code that ran in a test.

    Not thread-safe: the tracers hold a lock around it.
    """

    def __init__(self, root: str, folder: str) -> None:
        self._roots = tuple({os.path.abspath(root) + os.sep, os.path.realpath(root) + os.sep})
        self._folder = folder
        self._out: Optional[TraceFile] = None
        self._codes: Dict[int, Tuple[CodeType, int]] = {}
        self._files: Dict[str, int] = {}
        self._names: Dict[Tuple[int, str], int] = {}
        self._numbered = self._numbered_files = 0
        self._edges: Set[Tuple[int, int]] = set()
        self._test = 0
        self.told = 0
        self._covered: Set[int] = set()

    def number(self, code: CodeType) -> int:
        """The number of a code object of the tree; 0 for other code. Known code is kept alive: its id is its key."""
        known = self._codes.get(id(code))
        if known is not None:
            return known[1]
        if len(self._codes) >= MAX_CODES:
            raise Full
        number = self._admit(code)
        self._codes[id(code)] = (code, number)
        return number

    def see(self, code: CodeType, back: Optional[FrameType], called: bool) -> int:
        """Code began to run (``called``) or went on: its number, 0 if it is not of the tree."""
        known = self._codes.get(id(code))
        number = known[1] if known is not None else self.number(code)
        if number:
            if number not in self._covered:
                self.ran(number)
            if called and back is not None:
                known = self._codes.get(id(back.f_code))
                caller = known[1] if known is not None else self.number(back.f_code)
                if caller and (caller, number) not in self._edges:
                    self.called(caller, number, back.f_lineno or 0)
        return number

    def ran(self, number: int) -> None:
        """A function began to run for the first time, in the present test or outside of any."""
        self._covered.add(number)
        self.told += 1
        self._file().listed(number)

    def called(self, caller: int, callee: int, line: int) -> None:
        """The first call from code of the tree to code of the tree; the line is the caller's."""
        self._edges.add((caller, callee))
        self.told += 1
        self._file().line("e %d %d %d" % (caller, callee, line))

    def begin_test(self, test: int) -> bool:
        """What runs from now on runs in this test (0: in none). False where it already did."""
        if test == self._test:
            return False
        self._test = test
        self._covered = set()
        self._file().line("t %d" % test)
        return True

    def named(self, path: str, name: str) -> int:
        """A number for something known by file and name only; 0 if the file is not of the tree."""
        file = self._file_number(path)
        if not file or not _is_plain(name):
            return 0
        number = self._names.get((file, name), 0)
        if not number:
            number = self._names[file, name] = self._write_code(file, 0, "f", name)
        return number

    def _admit(self, code: CodeType) -> int:
        name = getattr(code, "co_qualname", code.co_name)
        file = self._file_number(code.co_filename) if _is_plain(name) else 0
        if not file:
            return 0
        return self._write_code(file, code.co_firstlineno, "f" if code.co_flags & _OPTIMIZED else "b", name)

    def _write_code(self, file: int, line: int, kind: str, name: str) -> int:
        self._file().line("c %d %d %s %s" % (file, line, kind, name))
        self._numbered += 1
        return self._numbered

    def _file_number(self, name: str) -> int:
        number = self._files.get(name)
        if number is None:
            number = self._files[name] = self._admit_file(name)
        return number

    def _admit_file(self, name: str) -> int:
        path = name if os.path.isabs(name) else os.path.abspath(name)
        root = next((root for root in self._roots if path.startswith(root)), "")
        slashed = path.replace(os.sep, "/")
        if not root or any(part in slashed for part in _NOT_OURS) or not _is_plain(slashed):
            return 0
        blob = _blob(path)
        if not blob:
            return 0
        self._file().line("f %s %s" % (blob, slashed[len(root) :]))
        self._numbered_files += 1
        return self._numbered_files

    def _file(self) -> TraceFile:
        """The file, made when there is something to say: most processes of a test run never touch the tree."""
        if self._out is None:
            self._out = TraceFile(self._folder)
            self._out.line("trace 1 python %d.%d %d" % (*sys.version_info[:2], time.time()))
        return self._out


def _is_plain(text: str) -> bool:
    return 0 < len(text) < _LONGEST and text.isprintable()


def _blob(path: str) -> str:
    """The git blob id of a file as it is now, or nothing. Taken when its code is first seen to run."""
    try:
        if os.path.getsize(path) > MAX_HASHED:
            return ""
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError:
        return ""
    digest: str = _sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return digest


def _sha1(data: bytes) -> Any:
    try:
        # hashlib loads OpenSSL, which is slow and not needed in every child process
        from _sha1 import sha1
    except ImportError:
        # an interpreter that was built without it
        from hashlib import sha1
    return sha1(data)
