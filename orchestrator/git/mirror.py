"""Bare mirrors: the service's own copy of each project's repository. Used by the project service, jobs and worktrees.

The remote's branches live under refs/remotes/origin and what it points HEAD at under refs/orchestrator/head, so that
fetching never touches the branches of running tasks under refs/heads. Makes no work trees and pushes nothing.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from orchestrator.core.errors import Conflict, InvalidInput, NotFound, RepositoryFailed, TooLarge
from orchestrator.git import tree
from orchestrator.git.address import pinned_settings, refuse_link_local
from orchestrator.git.credential import Credential, Login, login_for
from orchestrator.git.local import remove_tree
from orchestrator.git.lock import held
from orchestrator.git.program import run_git
from orchestrator.git.progress import OnProgress, watch
from orchestrator.git.templates import Author, import_stream
from orchestrator.git.tree import HEAD_REF, FileEntry
from orchestrator.git.url import parse_repository_url

Settings = tuple[tuple[str, str], ...]

_HEADS = "refs/remotes/origin/"
# A local repository may belong to another user; upload-pack forgets our configuration, so it is told again.
_UPLOAD_PACK = "git -c safe.directory=* upload-pack"


@dataclass(frozen=True, slots=True)
class MirrorInfo:
    """What a mirror stands on. ``default_branch`` is ``HEAD`` when the source has no branch checked out."""

    project_id: UUID
    path: Path
    head: str
    default_branch: str


@dataclass(frozen=True, slots=True)
class _Source:
    location: str
    login: Login | None
    settings: Settings
    on_progress: OnProgress | None
    timeout: float

    @property
    def is_local(self) -> bool:
        return self.location.startswith("/")

    @property
    def field(self) -> str:
        return "path" if self.is_local else "repository_url"


class Mirrors:
    """All mirrors below one folder; safe to use from several processes at once."""

    def __init__(
        self, root: Path, *, max_bytes: int = 8 * 1024**3, allow_ssh: bool = True, allow_private_hosts: bool = True
    ) -> None:
        """``max_bytes`` limits what one fetch may receive."""
        self.root = Path(os.path.abspath(root))
        self._max_bytes = max_bytes
        self._allow_ssh = allow_ssh
        self._allow_private_hosts = allow_private_hosts

    def path(self, project_id: UUID) -> Path:
        """Where the mirror is or would be."""
        return self.root / f"{project_id}.git"

    def lock_path(self, project_id: UUID, purpose: str) -> Path:
        """The file that is locked while somebody changes this part of the project."""
        return self.root / ".locks" / f"{project_id}.{purpose}"

    def require(self, project_id: UUID) -> Path:
        """Where the mirror is; NotFound when there is none."""
        path = self.path(project_id)
        if not path.is_dir():
            raise NotFound("The project has no repository here.", field="project_id")
        return path

    async def create(
        self,
        project_id: UUID,
        source: str,
        *,
        credential: Credential | None = None,
        on_progress: OnProgress | None = None,
        timeout: float = 900.0,
    ) -> MirrorInfo:
        """Copy a remote repository. All or nothing: a failed or cancelled copy leaves nothing behind."""
        origin = await self._remote(source, credential, on_progress, timeout)
        return await self._build(project_id, lambda path: self._copy(path, origin))

    async def create_from_path(
        self,
        project_id: UUID,
        path: Path,
        *,
        roots: Sequence[Path] = (),
        on_progress: OnProgress | None = None,
        timeout: float = 900.0,
    ) -> MirrorInfo:
        """Copy the commits of a local repository. With ``roots``, its git folder must lie below one of them too."""
        await _check_local(path, roots)
        origin = _Source(str(path), None, (), on_progress, timeout)
        return await self._build(project_id, lambda temporary: self._copy(temporary, origin))

    async def create_from_template(self, project_id: UUID, files: Mapping[str, str], author: Author) -> MirrorInfo:
        """Make a repository with one commit that holds these files (path to text)."""
        stream = import_stream(files, author, f"{_HEADS}main", HEAD_REF)

        async def fill(path: Path) -> None:
            await run_git("init", "--bare", "--quiet", "--template=", str(path))
            await run_git("fast-import", "--quiet", "--date-format=now", cwd=path, stdin=stream)
            await run_git("symbolic-ref", f"{_HEADS}HEAD", f"{_HEADS}main", cwd=path)

        return await self._build(project_id, fill)

    async def fetch(
        self,
        project_id: UUID,
        *,
        credential: Credential | None = None,
        on_progress: OnProgress | None = None,
        timeout: float = 900.0,
    ) -> MirrorInfo:
        """Bring the mirror up to date with its source; one made from a template has none and stays as it is."""
        async with held(self.lock_path(project_id, "mirror")):
            path = self.require(project_id)
            location = (await run_git("config", "--get", "remote.origin.url", cwd=path, accept=(0, 1))).text
            if location:
                await self._synchronise(path, await self._source_of(location, credential, on_progress, timeout))
            return await self.info(project_id)

    async def info(self, project_id: UUID) -> MirrorInfo:
        """What the mirror stands on now."""
        head = await self.head(project_id)
        return MirrorInfo(project_id, self.path(project_id), head, await self.default_branch(project_id))

    async def head(self, project_id: UUID, ref: str | None = None) -> str:
        """The commit of a branch, tag or commit id; without ``ref``, of what the source points HEAD at."""
        return await tree.resolve(self.require(project_id), ref)

    async def default_branch(self, project_id: UUID) -> str:
        """The branch the source points HEAD at; ``HEAD`` when it points at a bare commit."""
        args = ("symbolic-ref", "--quiet", f"{_HEADS}HEAD")
        done = await run_git(*args, cwd=self.require(project_id), accept=(0, 1))
        return done.text.removeprefix(_HEADS) or "HEAD"

    async def branches(self, project_id: UUID) -> Mapping[str, str]:
        """The source's branches with their commits, by name."""
        args = ("for-each-ref", "--format=%(refname) %(objectname)", _HEADS)
        lines = (await run_git(*args, cwd=self.require(project_id))).text.splitlines()
        pairs = (line.removeprefix(_HEADS).rsplit(" ", 1) for line in lines)
        return {name: commit for name, commit in pairs if name != "HEAD"}

    async def list_files(self, project_id: UUID, commit: str) -> tuple[FileEntry, ...]:
        """All files of a commit, with sizes."""
        return await tree.list_files(self.require(project_id), commit)

    async def read_file(self, project_id: UUID, commit: str, path: str, max_bytes: int = 1024 * 1024) -> bytes:
        """The bytes of one file of a commit; TooLarge over ``max_bytes``."""
        return await tree.read_file(self.require(project_id), commit, path, max_bytes)

    async def delete(self, project_id: UUID) -> None:
        """Remove the mirror; quiet when there is none. Its worktrees are removed by Worktrees."""
        async with held(self.lock_path(project_id, "mirror")) as hold:
            await self._sweep(project_id)
            path = self.path(project_id)
            if path.is_dir():
                doomed = self._temporary(project_id)
                path.rename(doomed)
                await remove_tree(doomed)
            hold.end_for_good()

    async def _source_of(
        self, location: str, credential: Credential | None, on_progress: OnProgress | None, timeout: float
    ) -> _Source:
        if not location.startswith("/"):
            return await self._remote(location, credential, on_progress, timeout)
        if await asyncio.to_thread(os.path.realpath, location) != location:
            raise RepositoryFailed("The local repository has been moved behind a symbolic link.")
        return _Source(location, None, (), on_progress, timeout)

    async def _remote(
        self, source: str, credential: Credential | None, on_progress: OnProgress | None, timeout: float
    ) -> _Source:
        url = parse_repository_url(source, allow_ssh=self._allow_ssh)
        login = login_for(credential, url)
        if self._allow_private_hosts:
            await refuse_link_local(url)
        settings = () if self._allow_private_hosts else await pinned_settings(url)
        return _Source(url.text, login, settings, on_progress, timeout)

    async def _build(self, project_id: UUID, fill: Callable[[Path], Awaitable[None]]) -> MirrorInfo:
        async with held(self.lock_path(project_id, "mirror")):
            if self.path(project_id).exists():
                raise Conflict("The project has a repository already.", field="project_id")
            await self._sweep(project_id)
            temporary = self._temporary(project_id)
            try:
                await fill(temporary)
                temporary.rename(self.path(project_id))
            finally:
                await remove_tree(temporary)
            return await self.info(project_id)

    def _temporary(self, project_id: UUID) -> Path:
        return self.root / f".{project_id}.{secrets.token_hex(6)}.tmp"

    async def _sweep(self, project_id: UUID) -> None:
        """Remove what a killed process left; the lock is held, so nobody works on it."""
        for left in self.root.glob(f".{project_id}.*.tmp"):
            await remove_tree(left)

    async def _copy(self, path: Path, source: _Source) -> None:
        await run_git("init", "--bare", "--quiet", "--template=", str(path))
        await run_git("config", "remote.origin.url", source.location, cwd=path)
        await self._synchronise(path, source)

    async def _synchronise(self, path: Path, source: _Source) -> None:
        remote = [f"--upload-pack={_UPLOAD_PACK}"] if source.is_local else []
        asked = ("ls-remote", "--symref", *remote, "origin", "HEAD", "refs/heads/*")
        listing = await run_git(
            *asked,
            cwd=path,
            timeout=min(60.0, source.timeout),
            login=source.login,
            settings=source.settings,
            allow_file=source.is_local,
        )
        target, branch = _remote_head(listing.text, source.field)
        wanted = (f"+{target}:{HEAD_REF}", f"+refs/heads/*:{_HEADS}*", "+refs/tags/*:refs/tags/*")
        await run_git(
            # --update-shallow: git refuses what comes from a shallow repository otherwise.
            *("fetch", "--progress", "--prune", "--update-shallow", "--no-tags", "--no-write-fetch-head"),
            *(*remote, "origin", *wanted),
            cwd=path,
            timeout=source.timeout,
            login=source.login,
            settings=source.settings,
            allow_file=source.is_local,
            on_line=watch(source.on_progress, self._too_many_bytes),
        )
        if branch == "HEAD":
            await run_git("symbolic-ref", "--delete", f"{_HEADS}HEAD", cwd=path, accept=(0, 1, 128))
        else:
            await run_git("symbolic-ref", f"{_HEADS}HEAD", _HEADS + branch, cwd=path)

    def _too_many_bytes(self, received: int) -> None:
        if received > self._max_bytes:
            raise TooLarge(f"The repository sends more than {self._max_bytes} bytes.", field="repository_url")


def _remote_head(listing: str, field: str) -> tuple[str, str]:
    """What to fetch as the head, and the branch it is: the one HEAD names, else main, master or the first there is."""
    pairs = [line.split("\t", 1) for line in listing.splitlines() if "\t" in line]
    symbolic = next((left for left, name in pairs if name == "HEAD" and left.startswith("ref: ")), None)
    names = [name.removeprefix("refs/heads/") for _, name in pairs if name.startswith("refs/heads/")]
    if any(name == "HEAD" and not left.startswith("ref: ") for left, name in pairs):
        branch = symbolic.removeprefix("ref: refs/heads/") if symbolic else "HEAD"
        return "HEAD", branch if branch in names else "HEAD"
    if not names:
        raise InvalidInput("The repository has no commit yet; push one first.", field=field)
    branch = next((name for name in ("main", "master") if name in names), names[0])
    return f"refs/heads/{branch}", branch


async def _check_local(path: Path, roots: Sequence[Path]) -> None:
    """The path must be the top folder of a repository whose git folders do not lead out of the roots."""
    plain = {"GIT_CEILING_DIRECTORIES": str(path.parent)}
    args = ("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
    done = await run_git(*args, cwd=path, env=plain, accept=(0, 128))
    if done.exit_code:
        raise InvalidInput(
            "The folder is not a git repository.",
            field="path",
            hint="Give its top folder, or run `git init` in it and commit once.",
        )
    folders = [Path(line) for line in done.text.splitlines()]
    if roots:
        await asyncio.to_thread(_check_folders, folders, roots)


def _check_folders(folders: Sequence[Path], roots: Sequence[Path]) -> None:
    alternates = folders[-1] / "objects" / "info" / "alternates"
    borrowed: list[Path] = []
    if alternates.is_file():
        lines = alternates.read_text("utf-8", "replace").splitlines()
        borrowed = [alternates.parent.parent / line for line in lines if line and not line.startswith("#")]
    allowed = [os.path.realpath(root) for root in roots]
    for folder in (*folders, *borrowed):
        if not any(Path(os.path.realpath(folder)).is_relative_to(root) for root in allowed):
            raise InvalidInput("The repository keeps its data outside the allowed folders.", field="path")
