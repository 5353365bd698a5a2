"""Pushes a commit of a mirror to a branch elsewhere, never by force. Used by the merge queue and by ``diff``.

Into a repository on this machine no hook of it runs, and a work tree that stands on the branch follows only when it is
clean. Conflict when the branch moved on, or the other side refuses; ``details.output`` has its words.
"""

import re
from pathlib import Path

from orchestrator.core.errors import Conflict, InvalidInput, RepositoryFailed
from orchestrator.git.credential import Credential, login_for
from orchestrator.git.program import run_git
from orchestrator.git.url import parse_repository_url

_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_RECEIVE = "git -c safe.directory=* -c core.hooksPath=/dev/null -c core.fsmonitor=false -c receive.autogc=false"


async def push_commit(
    git_dir: Path,
    remote_url: str,
    source: str,
    branch: str,
    *,
    credential: Credential | None = None,
    timeout: float = 120.0,
) -> None:
    """Push ``source``, a commit or a ref, to a branch of a remote repository."""
    await _push(git_dir, parse_repository_url(remote_url).text, source, branch, timeout, credential)


async def push_to_path(git_dir: Path, path: Path, source: str, branch: str, *, timeout: float = 120.0) -> None:
    """The same into a local repository the caller has checked to be allowed."""
    await _push(git_dir, str(path), source, branch, timeout, receive=f"{_RECEIVE} receive-pack")


async def push_to_work_tree(git_dir: Path, path: Path, source: str, branch: str, *, timeout: float = 120.0) -> None:
    """The same; where the branch is checked out and its work tree is clean, the files follow."""
    receive = f"{_RECEIVE} -c receive.denyCurrentBranch=updateInstead receive-pack"
    await _push(git_dir, str(path), source, branch, timeout, receive=receive)


async def _push(
    git_dir: Path,
    location: str,
    source: str,
    branch: str,
    timeout: float,
    credential: Credential | None = None,
    receive: str = "",
) -> None:
    if not _BRANCH.fullmatch(branch) or ".." in branch or branch.endswith((".lock", "/", ".")):
        raise InvalidInput("This is not a name for a branch.", field="remote_branch")
    local = location.startswith("/")
    done = await run_git(
        *("push", "--porcelain", "--no-verify", *([f"--receive-pack={receive}"] if receive else []), location),
        f"{source}:refs/heads/{branch}",
        cwd=git_dir,
        timeout=timeout,
        login=None if local else login_for(credential, parse_repository_url(location)),
        allow_file=local,
        accept=(0, 1),
    )
    if done.exit_code:
        # Which side refuses, and why, stands in git's answer; the words of the other side are in its errors.
        said = [line.strip()[:300] for line in (*done.text.splitlines(), *done.errors.splitlines()) if line.strip()]
        details = {"output": said[-12:]}
        if any("rejected" in line or "failed to push" in line for line in said):
            raise Conflict("The remote branch has moved on or refuses the push.", details=details)
        raise RepositoryFailed("git push failed.", details=details)
