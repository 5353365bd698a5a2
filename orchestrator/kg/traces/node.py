"""Turns the coverage that Node wrote (``NODE_V8_COVERAGE``) into traces: which functions ran, by file and line.

Used where tests ran, while the files are as they were. V8 knows neither callers nor tests. A file that was translated
before it ran has other offsets than its source, and one that changed since has others too: both are left out.
"""

import bisect
import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_MAX_COVERAGE = 128 * 1024 * 1024
_MAX_SOURCE = 4 * 1024 * 1024
_MOST_FILES = 1024
_COVERAGE = re.compile(r"coverage-[0-9]+-[0-9]+-[0-9]+\.json")
_ACCESSOR = re.compile(r"(?:get|set|static) ")
_CONSTRUCTOR = "constructor".encode("utf-16-le")
_NAMELESS = "<anonymous>"


def convert_coverage(traces: Path, root: Path) -> int:
    """Write a trace beside every coverage file below ``traces``, and delete that; returns how many there were."""
    found = sorted(path for path in traces.iterdir() if _COVERAGE.fullmatch(path.name) and not path.is_symlink())
    for path in found[:_MOST_FILES]:
        lines = list(_lines(path, root.resolve())) if path.stat().st_size <= _MAX_COVERAGE else []
        if lines:
            path.with_suffix(".trace").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    for path in found:
        path.unlink()
    return len(found)


def _lines(coverage: Path, root: Path) -> Iterator[str]:
    """The records of one process."""
    try:
        told = json.loads(coverage.read_bytes())
        scripts = list(told["result"])
        translated = set(told.get("source-map-cache", ()))
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # a killed process left half a file, or somebody else wrote it
    written = coverage.stat().st_mtime
    yield f"trace 1 node 0 {int(time.time())}"
    files = codes = 0
    for script in scripts:
        path = _path(script, root) if isinstance(script, dict) and script.get("url") not in translated else None
        source = _source(root / path, written) if path is not None else None
        if source is None:
            continue
        files += 1
        blob = hashlib.sha1(b"blob %d\0" % len(source) + source, usedforsecurity=False).hexdigest()
        yield f"f {blob} {path}"
        for line, name in _functions(script, source):
            codes += 1
            yield f"c {files} {line} f {name}"
            yield f"v {codes}"


def _path(script: dict[str, Any], root: Path) -> str | None:
    """The path below the root of a script that is a file of the tree."""
    url = urlsplit(str(script.get("url", "")))
    if url.scheme != "file":
        return None
    path = Path(unquote(url.path))
    if not path.is_relative_to(root) or "node_modules" in path.parts or ".." in path.parts:
        return None
    name = path.relative_to(root).as_posix()
    return name if name.isprintable() else None


def _source(path: Path, written: float) -> bytes | None:
    """The text of a file that is not younger than its coverage."""
    try:
        status = path.lstat()
        if status.st_size > _MAX_SOURCE or status.st_mtime > written or path.is_symlink():
            return None
        return path.read_bytes()
    except OSError:
        return None


def _functions(script: dict[str, Any], source: bytes) -> Iterator[tuple[int, str]]:
    """Line and name of each function that ran; offsets count UTF-16 units."""
    units = source.decode("utf-8", "replace").encode("utf-16-le")
    ends = [match.start() // 2 for match in re.finditer(rb"\n\0", units) if match.start() % 2 == 0]
    functions = script.get("functions")
    for function in functions if isinstance(functions, list) else ():
        try:
            first = function["ranges"][0]
            start, count, name = int(first["startOffset"]), int(first["count"]), str(function["functionName"])
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            continue
        whole = start == 0 and not name  # the module itself
        if count > 0 and not whole:
            if units[2 * start : 2 * start + len(_CONSTRUCTOR)] == _CONSTRUCTOR:
                name = "constructor"  # to V8 it has the name of its class
            name = _ACCESSOR.sub("", name, count=1).rpartition(".")[2]
            plain = name.isprintable() and 0 < len(name) < 1000
            yield bisect.bisect_left(ends, start) + 1, name if plain else _NAMELESS
