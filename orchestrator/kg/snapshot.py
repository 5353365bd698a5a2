"""Durable snapshots of a graph: whole folders, switched by renaming one small pointer file.

    <folder>/current                    the id of the snapshot that queries see
    <folder>/snapshots/<id>/graph.nq    the triples, one named graph per file version
    <folder>/snapshots/<id>/names.txt   the names of these graphs
    <folder>/snapshots/<id>/facts.bin   extracted facts by content, so unchanged files are not parsed again
    <folder>/snapshots/<id>/report.json what the build did and skipped

Used by the build (writes), the query side and export (read). A build that dies leaves the old snapshot current.
"""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from orchestrator.core.errors import Conflict, InvalidInput, NotFound

GRAPH, NAMES, FACTS, REPORT = "graph.nq", "names.txt", "facts.bin", "report.json"
_KEPT = 2
_DRAFT = ".building-"
_VIEWS = "views"
# A process of a build that was killed a moment ago may still be on its way out.
_DYING_SECONDS = 0.5
_ID = re.compile(r"[0-9A-Za-z-]{1,80}")


def view_folder(folder: Path, view: str) -> Path:
    """How a view of a graph is named wherever a graph's folder is asked for. Raises InvalidInput for a bad name."""
    if not _ID.fullmatch(view):
        raise InvalidInput(f"not a name for a view: {view[:100]!r}", field="view")
    return folder / _VIEWS / view


def split_view(folder: Path) -> tuple[Path, str]:
    """A graph's folder and the view that is meant; the view is "" for the project's own."""
    if folder.parent.name == _VIEWS and _ID.fullmatch(folder.name):
        return folder.parent.parent, folder.name
    return folder, ""


def current_snapshot(folder: Path) -> str | None:
    """The id of the snapshot that queries see, or None before the first build."""
    folder, _ = split_view(folder)
    try:
        name = (folder / "current").read_text("ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return name if _ID.fullmatch(name) else None


def snapshot_folder(folder: Path, snapshot: str) -> Path:
    """Where a snapshot lies."""
    folder, _ = split_view(folder)
    return folder / "snapshots" / snapshot


def current_folder(folder: Path) -> Path:
    """Where the current snapshot lies. Raises NotFound before the first build."""
    snapshot = current_snapshot(folder)
    if snapshot is None:
        raise NotFound("this project has no knowledge graph yet", hint="generate it first")
    return snapshot_folder(folder, snapshot)


def draft_of(folder: Path) -> str | None:
    """The id of the snapshot that is being written, or was when its process died; None where there is none."""
    drafts = sorted(path.name.removeprefix(_DRAFT) for path in (folder / "snapshots").glob(f"{_DRAFT}*"))
    return drafts[-1] if drafts else None


def draft_folder(folder: Path, snapshot: str) -> Path:
    """Where a snapshot lies until it is whole."""
    return folder / "snapshots" / f"{_DRAFT}{snapshot}"


def is_written_to(folder: Path) -> bool:
    """Whether somebody writes a snapshot now."""
    try:
        with (folder / "build.lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


@contextmanager
def new_snapshot(folder: Path, commit: str) -> Iterator[tuple[str, Path]]:
    """Fill the yielded folder; on a normal exit it becomes current, on an exception it is removed.

    Raises Conflict while another build writes below the same folder.
    """
    (folder / "snapshots").mkdir(parents=True, exist_ok=True)
    with _build_lock(folder):
        for left_over in (folder / "snapshots").glob(f"{_DRAFT}*"):
            shutil.rmtree(left_over)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        snapshot = f"{stamp}-{re.sub('[^0-9A-Za-z]', '', commit)[:12] or 'worktree'}"
        draft = draft_folder(folder, snapshot)
        draft.mkdir()
        try:
            yield snapshot, draft
            _publish(folder, snapshot, draft)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        _drop_old(folder, snapshot)


def _publish(folder: Path, snapshot: str, draft: Path) -> None:
    """Make the draft durable, then current."""
    for path in draft.iterdir():
        _sync(path)
    _sync(draft)
    draft.rename(snapshot_folder(folder, snapshot))
    _sync(folder / "snapshots")
    pointer = folder / "current.new"
    pointer.write_text(snapshot, "ascii")
    _sync(pointer)
    pointer.rename(folder / "current")
    _sync(folder)


def _drop_old(folder: Path, current: str) -> None:
    """Keep the newest snapshots only; the one before stays for queries that have just looked up the pointer."""
    others = sorted(path for path in (folder / "snapshots").iterdir() if path.name != current)
    for path in others[: len(others) - (_KEPT - 1)]:
        shutil.rmtree(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _build_lock(folder: Path) -> Iterator[None]:
    """One build at a time per folder, also across processes; the kernel frees the lock of a killed build."""
    with (folder / "build.lock").open("w") as handle:
        end = time.monotonic() + _DYING_SECONDS
        while not _taken(handle):
            if time.monotonic() >= end:
                raise Conflict("another build of this graph is running")
            time.sleep(0.02)
        yield


def _taken(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
