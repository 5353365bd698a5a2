"""Work trees of a mirror: one of its own for each task that changes code, and shared checkouts for tools that read.

Used by jobs, agents and built-in tools. Changes are made under a lock per project, so two processes may race. A symlink
that leads out of a work tree is left out of it; shared checkouts hold links as plain files. Commits nothing.
"""

import asyncio
import os
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from orchestrator.core.errors import Conflict, InvalidInput, RepositoryFailed, TooLarge
from orchestrator.git.local import make_writable, remove_tree
from orchestrator.git.lock import Hold, held
from orchestrator.git.mirror import Mirrors
from orchestrator.git.program import run_git
from orchestrator.git.tree import FileEntry, check_commit

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|lock$|$)){0,99}")
_BRANCHES = "orchestrator/"
_BASE_FILE = "orchestrator-base"
_CHECKOUTS = ".checkouts"


@dataclass(frozen=True, slots=True)
class Worktree:
    """A work tree on its own branch; ``base_commit`` is where it began."""

    project_id: UUID
    name: str
    path: Path
    branch: str
    base_commit: str
    git_dir: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """Tells git where everything is, so that a ``.git`` file somebody rewrote is not believed."""
        return {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.path)}


class Worktrees:
    """All work trees below one folder; safe to use from several processes at once."""

    def __init__(
        self,
        root: Path,
        mirrors: Mirrors,
        *,
        max_tree_bytes: int = 4 * 1024**3,
        keep_checkouts: int = 4,
        checkout_grace: float = 3600.0,
    ) -> None:
        """A shared checkout goes when ``keep_checkouts`` newer ones exist and it was unused ``checkout_grace`` s."""
        self.root = Path(os.path.abspath(root))
        self._mirrors = mirrors
        self._max_tree_bytes = max_tree_bytes
        self._keep, self._grace = keep_checkouts, checkout_grace

    async def add(
        self,
        project_id: UUID,
        name: str,
        commit: str,
        *,
        start: str | None = None,
        branch: str | None = None,
        timeout: float = 120.0,
    ) -> Worktree:
        """A fresh work tree of a commit on branch ``orchestrator/<branch>``; Conflict when a name is taken.

        ``start`` is a later commit whose files it begins with; its base stays ``commit``. Its branch has its own name
        unless another is given.
        """
        path, _ = self._path(project_id, name), self._path(project_id, branch or name)
        mirror = self._mirrors.require(project_id)
        start = start or commit
        entries = await self._measured(project_id, start)
        async with self._held(project_id):
            place = mirror / "worktrees" / name
            worktree = Worktree(project_id, name, path, _BRANCHES + (branch or name), commit, place)
            if (worktree.git_dir / _BASE_FILE).exists() and path.exists():
                raise Conflict("A work tree of this name exists already.", field="name")
            # Half a work tree is what a killed process left, since the lock is held: the base file is written last.
            if path.exists() or worktree.git_dir.exists():
                await self._undo(mirror, worktree, delete_branch=path.exists())
            if await _branch_exists(mirror, worktree.branch):
                raise Conflict("An earlier work tree left a branch of this name.", field="name")
            try:
                await self._make(mirror, worktree, start, timeout)
                await _leave_out(worktree, await asyncio.to_thread(_take_escaping_links, path, entries))
                (worktree.git_dir / _BASE_FILE).write_text(f"{commit}\n{worktree.branch}")
            except BaseException:
                await asyncio.shield(self._undo(mirror, worktree, delete_branch=True))
                raise
            return worktree

    async def list(self, project_id: UUID) -> tuple[Worktree, ...]:
        """The project's work trees by name, whoever made them."""
        mirror = self._mirrors.require(project_id)
        return await asyncio.to_thread(self._found, project_id, mirror)

    async def get(self, project_id: UUID, name: str) -> Worktree | None:
        """One work tree by its name."""
        self._path(project_id, name)
        return next((found for found in await self.list(project_id) if found.name == name), None)

    async def remove(self, worktree: Worktree, *, delete_branch: bool = False) -> None:
        """Delete a work tree with what was not committed; its branch stays unless told otherwise. Quiet when gone."""
        async with self._held(worktree.project_id):
            await self._undo(self._mirrors.require(worktree.project_id), worktree, delete_branch)

    async def restore(self, worktree: Worktree) -> None:
        """Make the files as they were committed, whatever was done to them; what git ignores goes too."""
        try:
            await _restore(worktree)
        except RepositoryFailed:  # folders that were made read-only
            await asyncio.to_thread(make_writable, worktree.path)
            await _restore(worktree)

    async def delete(self, project_id: UUID) -> None:
        """Delete everything of a project here: its work trees and shared checkouts."""
        async with self._held(project_id) as hold:
            await remove_tree(self.root / str(project_id))
            mirror = self._mirrors.path(project_id)
            if mirror.is_dir():
                await run_git("worktree", "prune", "--expire", "now", cwd=mirror)
            hold.end_for_good()

    async def is_dirty(self, worktree: Worktree) -> bool:
        """Whether anything in it is not committed, new files included."""
        args = ("status", "--porcelain", "-z", "--untracked-files=normal")
        done = await run_git(*args, cwd=worktree.path, env=worktree.environment, max_output=4096, truncate=True)
        return bool(done.output)

    async def checkout(self, project_id: UUID, commit: str, *, timeout: float = 120.0) -> Path:
        """A folder with the files of a commit that many may read and nobody writes to; made once, then reused."""
        path = self.root / str(project_id) / _CHECKOUTS / check_commit(commit)
        if await asyncio.to_thread(_touch, path):
            return path
        mirror = self._mirrors.require(project_id)
        await self._measured(project_id, commit)
        async with self._held(project_id):
            if await asyncio.to_thread(_touch, path):
                return path
            await self._clean_checkouts(path.parent)
            await _fill_checkout(mirror, commit, path, timeout)
            return path

    def _path(self, project_id: UUID, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InvalidInput("A work tree's name has letters, digits, '-', '_' and single dots.", field="name")
        return self.root / str(project_id) / name

    def _held(self, project_id: UUID) -> AbstractAsyncContextManager[Hold]:
        return held(self._mirrors.lock_path(project_id, "worktrees"))

    async def _measured(self, project_id: UUID, commit: str) -> tuple[FileEntry, ...]:
        """The files of a commit, checked before they fill the disk: a tree can name one blob a million times."""
        entries = await self._mirrors.list_files(project_id, commit)
        if sum(entry.size for entry in entries) > self._max_tree_bytes:
            raise TooLarge(f"The commit's files take more than {self._max_tree_bytes} bytes.", field="commit")
        return entries

    async def _make(self, mirror: Path, worktree: Worktree, start: str, timeout: float) -> None:
        worktree.path.parent.mkdir(parents=True, exist_ok=True)
        place = ("-b", worktree.branch, str(worktree.path), check_commit(start))
        await run_git("worktree", "add", "--quiet", "--no-track", *place, cwd=mirror, timeout=timeout)
        if not worktree.git_dir.is_dir():
            raise RepositoryFailed("git put the work tree's data somewhere else.")

    async def _undo(self, mirror: Path, worktree: Worktree, delete_branch: bool) -> None:
        await remove_tree(worktree.path)
        await run_git("worktree", "prune", "--expire", "now", cwd=mirror)
        if delete_branch and await _branch_exists(mirror, worktree.branch):
            await run_git("update-ref", "-d", f"refs/heads/{worktree.branch}", cwd=mirror)

    def _found(self, project_id: UUID, mirror: Path) -> tuple[Worktree, ...]:
        found = []
        for base in sorted(mirror.glob(f"worktrees/*/{_BASE_FILE}")):
            name = base.parent.name
            path = self.root / str(project_id) / name
            if path.is_dir():
                commit, _, branch = base.read_text().partition("\n")  # older ones say their base only
                found.append(Worktree(project_id, name, path, branch or _BRANCHES + name, commit, base.parent))
        return tuple(found)

    async def _clean_checkouts(self, folder: Path) -> None:
        """Remove checkouts nobody used for a while, and what a killed process left half made."""
        old = await asyncio.to_thread(_outdated, folder, self._keep - 1, time.time() - self._grace)
        for path in old:
            doomed = path.with_name(f".{path.name.lstrip('.')[:40]}.{secrets.token_hex(4)}.old")
            path.rename(doomed)
            await remove_tree(doomed)


def in_use(worktree: Worktree, timeout: float = 120.0) -> AbstractAsyncContextManager[Hold]:
    """Says, while the block runs, that somebody works in the tree; TimedOut when somebody else does and goes on."""
    return held(worktree.git_dir / "in-use.lock", timeout)


async def _branch_exists(mirror: Path, branch: str) -> bool:
    args = ("show-ref", "--verify", "--quiet", f"refs/heads/{branch}")
    return (await run_git(*args, cwd=mirror, accept=(0, 1))).exit_code == 0


def _take_escaping_links(root: Path, entries: tuple[FileEntry, ...]) -> list[str]:
    """Take away the links that lead out of the tree; a tool that follows one would write to the machine's files."""
    base = os.path.realpath(root)
    links = [entry.path for entry in entries if entry.kind == "symlink"]
    escaping = [link for link in links if not Path(os.path.realpath(root / link)).is_relative_to(base)]
    for link in escaping:
        (root / link).unlink(missing_ok=True)
    return escaping


async def _leave_out(worktree: Worktree, paths: list[str]) -> None:
    """Tell git that these files are missing on purpose, so that no diff or commit deletes them."""
    if paths:
        asked = "\0".join(paths).encode() + b"\0"
        args = ("update-index", "--skip-worktree", "-z", "--stdin")
        await run_git(*args, cwd=worktree.path, env=worktree.environment, stdin=asked)


async def _restore(worktree: Worktree) -> None:
    env = worktree.environment
    await run_git("clean", "--quiet", "-ffdx", cwd=worktree.path, env=env)
    await run_git("checkout-index", "--all", "--force", "--index", "--quiet", cwd=worktree.path, env=env)


async def _fill_checkout(mirror: Path, commit: str, path: Path, timeout: float) -> None:
    temporary = path.with_name(f".{commit}.{secrets.token_hex(4)}.tmp")
    files, index = temporary / "files", temporary / "index"
    files.mkdir(parents=True)
    env = {"GIT_DIR": str(mirror), "GIT_WORK_TREE": str(files), "GIT_INDEX_FILE": str(index)}
    try:
        await run_git("read-tree", commit, cwd=files, env=env, timeout=timeout)
        plain = ("-c", "core.symlinks=false", "-c", "core.bare=false")
        await run_git(*plain, "checkout-index", "--all", "--force", "--quiet", cwd=files, env=env, timeout=timeout)
        await asyncio.to_thread(_make_read_only, files)
        files.rename(path)
    finally:
        await remove_tree(temporary)


def _make_read_only(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o444)


def _touch(path: Path) -> bool:
    """Whether the checkout is there; says too that it was just used."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _outdated(folder: Path, keep: int, before: float) -> list[Path]:
    if not folder.is_dir():
        return []
    left = [path for path in folder.iterdir() if path.name.startswith(".")]
    whole = sorted((path for path in folder.iterdir() if path not in left), key=lambda path: -path.stat().st_mtime)
    return left + [path for path in whole[max(keep, 0) :] if path.stat().st_mtime < before]
