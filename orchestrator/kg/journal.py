"""What changed in a graph since its snapshot was written: records at the end of one file, each whole or not there.

    <folder>/snapshots/<id>/journal    changes of the project's graph and of views of it, in order

The indexer appends, one process at a time; query servers and export read. A record that a crash cut off is not read,
and overwritten by the next. It knows nothing of RDF beyond names and text.
"""

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson

from orchestrator.core.errors import TooLarge

JOURNAL = "journal"
MAIN = ""
_HEAD = struct.Struct("!II")
_LARGEST = 1 << 30


@dataclass(frozen=True, slots=True)
class Delta:
    """A step of one view from one set of graphs to the next: names that go, graphs that come (N-Quads by name).

    The view "" is the project's own. Another view begins as a copy of it, at its first record, and stays as it is when
    the project's own changes; ``ended`` says that nobody asks it any more.
    """

    removed: tuple[str, ...] = ()
    added: Mapping[str, str] = field(default_factory=dict)
    view: str = MAIN
    ended: bool = False


def append(snapshot: Path, delta: Delta, written: Callable[[], None] | None = None) -> int:
    """Make a change durable; returns the length of the journal, which is where the next record begins.

    ``written`` is called when others can read the record, while the disk is still to be waited for.
    """
    body = orjson.dumps([delta.view, list(delta.removed), dict(delta.added), delta.ended])
    if len(body) > _LARGEST:
        raise TooLarge("a change of the graph is too large for its journal", details={"bytes": len(body)})
    with (snapshot / JOURNAL).open("ab+") as file:
        file.truncate(_whole_length(file))
        file.write(_HEAD.pack(len(body), zlib.crc32(body)) + body)
        file.flush()
        if written is not None:
            written()
        os.fsync(file.fileno())
        return file.tell()


def read(snapshot: Path, offset: int = 0) -> tuple[list[Delta], int]:
    """The whole records from ``offset`` on, and where the next one will begin."""
    try:
        with (snapshot / JOURNAL).open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    found: list[Delta] = []
    at = 0
    while (body := _record(data, at)) is not None:
        view, removed, added, ended = orjson.loads(body)
        found.append(Delta(tuple(removed), added, view, ended))
        at += _HEAD.size + len(body)
    return found, offset + at


def length(snapshot: Path) -> int:
    """Bytes in the journal, for who wants to know whether it grew."""
    try:
        return (snapshot / JOURNAL).stat().st_size
    except FileNotFoundError:
        return 0


def _record(data: bytes, at: int) -> bytes | None:
    """The record that begins at ``at``; None where there is none, or not all of it."""
    if len(data) < at + _HEAD.size:
        return None
    size, check = _HEAD.unpack_from(data, at)
    body = data[at + _HEAD.size : at + _HEAD.size + size]
    return body if len(body) == size and zlib.crc32(body) == check else None


def _whole_length(file: BinaryIO) -> int:
    """Where the last whole record ends. Only heads are read: what lies between them was checked when it was written."""
    end = file.seek(0, os.SEEK_END)
    at = 0
    while at + _HEAD.size <= end:
        file.seek(at)
        size, check = _HEAD.unpack(file.read(_HEAD.size))
        following = at + _HEAD.size + size
        if following >= end and (following > end or zlib.crc32(file.read(size)) != check):
            break
        at = following
    return at
