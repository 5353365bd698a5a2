"""What a commit is: who, when, which files, which lines. Read by ``git``, made into triples by ``kg``.

It stands here because those two know nothing of each other. Plain data; nothing is computed.
"""

from dataclasses import dataclass
from typing import NamedTuple


class TouchedFile(NamedTuple):
    """A file a commit changed. ``path`` is its name after the commit, ``old_path`` before it if it was renamed.

    ``added`` and ``removed`` count lines, 0 for a binary file. ``status`` is git's letter: A, M, D, R, C or T.
    """

    path: str
    old_path: str
    status: str
    added: int
    removed: int


class Hunk(NamedTuple):
    """A run of changed lines, without context: lines from 1, on the side before and the side after."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int


class FilePatch(NamedTuple):
    """The changed lines of one file; a path is empty on the side where the file is not."""

    old_path: str
    path: str
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as its log tells it. ``at`` is the author's time, ISO 8601 with an offset. Merges list no files."""

    id: str
    parents: tuple[str, ...]
    author: str
    email: str
    at: str
    subject: str
    files: tuple[TouchedFile, ...]


@dataclass(frozen=True, slots=True)
class CommitPatch:
    """The changed lines of one commit of the main line, against its first parent."""

    commit: str
    files: tuple[FilePatch, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The newest commits of a branch, newest first, and the patches of those on its main line.

    ``cut`` says why older ones are missing ("" if none are): ``commits``, ``seconds``, ``bytes`` or ``shallow``.
    """

    head: str
    commits: tuple[Commit, ...]
    cut: str
    patches: tuple[CommitPatch, ...]
    patches_cut: str
