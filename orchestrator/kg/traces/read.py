"""Reads what a traced program wrote. Every line is checked: it comes from wherever tests ran, so it may say anything.

A trace is text, one record a line, fields separated by one space, numbers counted from 1 in the order of their records:

    trace 1 python 3.11 1790000000    begins a process's trace: format, language, its version, seconds since 1970
    f <git blob id> <path>            a file below the root, in the version that ran
    c <file> <line> <f|b> <name>      code: a function, or the body (b) of a module or class; line 0: known by name only
    e <caller> <callee> <line>        a call between two codes; the line is the caller's
    t <code>                          from here on this test runs; 0: none
    v <code> <code> …                 these began to run, in the present test or outside of any

Several traces may stand one behind the other. Zeros at the end are what a process reserved and did not use.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from orchestrator.core.errors import InvalidInput, TooLarge

MAX_BYTES = 256 * 1024 * 1024
MAX_FILES = 4096
_MOST_CALLS = 1_000_000
_MOST_COVERED = 4_000_000
_LONGEST = 4096
_BLOB = re.compile(r"[0-9a-f]{40}")
_HEAD = re.compile(r"trace 1 [a-z]{1,20} [0-9.]{1,20} [0-9]{1,12}")


class Version(NamedTuple):
    """A file by its path below the root and the git blob id of its content."""

    path: str
    blob: str


class Code(NamedTuple):
    """A piece of code that ran: a function, or the ``body`` of a module or class. Line 0: known by its name only."""

    file: Version
    line: int
    body: bool
    name: str


@dataclass(slots=True)
class Trace:
    """What was seen: calls with the line of the first one, and code by test (None: outside of tests).

    ``dropped`` counts records that were no records, or too many.
    """

    calls: dict[tuple[Code, Code], int] = field(default_factory=dict)
    covered: dict[Code | None, set[Code]] = field(default_factory=dict)
    dropped: int = 0
    pairs: int = 0


def read_folder(folder: Path) -> Trace:
    """All traces below a folder, as one. Raises TooLarge; a file that cannot be read is no trace."""
    trace = Trace()
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".trace" and not path.is_symlink())
    if len(paths) > MAX_FILES or sum(path.stat().st_size for path in paths) > MAX_BYTES:
        raise TooLarge("the traces are too large", field="traces")
    for path in paths:
        add_text(trace, path.read_bytes())
    return trace


def read_bytes(data: bytes) -> Trace:
    """One trace, or several behind each other. Raises TooLarge, and InvalidInput where there is none."""
    if len(data) > MAX_BYTES:
        raise TooLarge("the traces are too large", field="traces")
    if data and not data.startswith(b"trace 1 "):
        raise InvalidInput("not a trace", field="traces", hint="it begins with the line: trace 1 …")
    trace = Trace()
    add_text(trace, data)
    return trace


def add_text(trace: Trace, data: bytes) -> None:
    """Add what a file holds. A last line without its end is what a killed process was writing, and is left out."""
    reader = _Reader(trace)
    for line in _lines(data):
        reader.take(line)


def _lines(data: bytes) -> Iterator[str]:
    whole, _, torn = data.rstrip(b"\0").rpartition(b"\n")
    for line in whole.split(b"\n"):
        if line and len(line) < _LONGEST * 64:
            yield line.decode("utf-8", "replace")
    if torn.startswith(b"v "):  # lists grow while a test runs: all of it but the number that may be torn
        yield torn.rpartition(b" ")[0].decode("ascii", "replace")


class _Reader:
    """The state of reading one trace: what numbers stand for."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._files: list[Version | None] = []
        self._codes: list[Code | None] = []
        self._test: Code | None = None

    def take(self, line: str) -> None:
        """One record."""
        kind, _, rest = line.partition(" ")
        try:
            if kind == "v":
                self._covered(map(int, rest.split()))
            elif kind == "e":
                caller, callee, at = rest.split(" ")
                self._called(self._code(int(caller)), self._code(int(callee)), int(at))
            elif kind == "t":
                self._test = self._code(int(rest)) if rest != "0" else None
            elif kind == "c":
                self._codes.append(self._new_code(*rest.split(" ", 3)))
            elif kind == "f":
                self._files.append(_version(*rest.split(" ", 1)))
            elif _HEAD.fullmatch(line):
                self._files, self._codes, self._test = [], [], None
            else:
                self._trace.dropped += 1
        except (ValueError, TypeError, IndexError):
            self._trace.dropped += 1

    def _covered(self, numbers: Iterable[int]) -> None:
        codes = self._trace.covered.setdefault(self._test, set())
        for number in numbers:
            code = self._code(number)
            if code is None or code in codes:
                continue
            if self._trace.pairs >= _MOST_COVERED:
                self._trace.dropped += 1
                continue
            codes.add(code)
            self._trace.pairs += 1

    def _called(self, caller: Code | None, callee: Code | None, line: int) -> None:
        if caller is None or callee is None:
            return
        if len(self._trace.calls) >= _MOST_CALLS or line < 0:
            self._trace.dropped += 1
            return
        self._trace.calls.setdefault((caller, callee), line)

    def _code(self, number: int) -> Code | None:
        if number < 1:
            raise ValueError(number)
        return self._codes[number - 1]

    def _new_code(self, file: str, line: str, kind: str, name: str) -> Code | None:
        """Code of a file that was dropped is dropped too, but keeps its number."""
        found = self._files[int(file) - 1] if int(file) > 0 else None
        if found is None or not 0 <= int(line) < 10_000_000 or not _is_plain(name):
            return None
        return Code(found, int(line), kind == "b", name)


def _version(blob: str, path: str) -> Version | None:
    parts = path.split("/")
    if not _BLOB.fullmatch(blob) or not _is_plain(path) or "\\" in path or not all(parts) or {".", ".."} & {*parts}:
        return None
    return Version(path, blob)


def _is_plain(text: str) -> bool:
    return 0 < len(text) < _LONGEST and text.isprintable()
