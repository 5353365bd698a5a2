"""GitHub for one user at a time: repositories, branches, commits, pull requests. Injected where code becomes a PR.

The only place that imports PyGithub. The library blocks, so each operation runs in a thread with a time limit; it never
retries or sleeps by itself. Typed values in and out; foreign errors become ours. Logging users in is not done here.
"""

import base64
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import requests
from github import Auth, BadAttributeException, Github, GithubException, InputGitTreeElement
from github.AuthenticatedUser import AuthenticatedUser
from github.PullRequest import PullRequest as GithubPullRequest
from github.Repository import Repository as GithubRepository

from orchestrator.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OrchestratorError,
    ProviderFailed,
    RateLimited,
    TooLarge,
)
from orchestrator.services.blocking import BlockingCalls
from orchestrator.services.github_types import (
    Branch,
    Commit,
    FileEdit,
    GitHubUser,
    PullRequest,
    PullRequestSpec,
    Repository,
    RepoSpec,
)

__all__ = [
    "Branch",
    "Commit",
    "FileEdit",
    "GitHubAccount",
    "GitHubService",
    "GitHubUser",
    "PullRequest",
    "PullRequestSpec",
    "RepoSpec",
    "Repository",
]

T = TypeVar("T")

MAX_COMMIT_FILES, MAX_COMMIT_BYTES = 1000, 40 * 1024 * 1024
_FULL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_BRANCH = re.compile(r"(?!/)(?!.*(?:\.\.|//|@\{|\.lock$|[/.]$))[A-Za-z0-9._/+@#-]{1,200}")
_SOCKET_SECONDS = 15


class GitHubService:
    """GitHub at one API address; shared by all users, closed with the service."""

    def __init__(self, api_url: str = "https://api.github.com", *, timeout: float = 30.0) -> None:
        """``timeout`` in seconds covers one operation, however many requests it takes."""
        self._api_url = api_url.rstrip("/")
        self._timeout = timeout
        self._calls = BlockingCalls("GitHub")

    def for_token(self, token: str) -> "GitHubAccount":
        """The operations, done as the user of this token."""
        if not token or not token.isascii() or not token.isprintable():
            raise NotAuthenticated("No usable GitHub token is linked to this account.", hint="Link GitHub again.")
        return GitHubAccount(self._api_url, token, self._calls, self._timeout)

    def close(self) -> None:
        """Take no more calls."""
        self._calls.close()


class GitHubAccount:
    """GitHub as one user."""

    def __init__(self, api_url: str, token: str, calls: BlockingCalls, timeout: float) -> None:
        self._api_url, self._token, self._calls, self._timeout = api_url, token, calls, timeout

    async def get_user(self) -> GitHubUser:
        """Who the token belongs to."""
        return await self._do(lambda github: _user(_me(github)))

    async def list_repositories(self, *, limit: int = 100) -> tuple[Repository, ...]:
        """Repositories the user may read, the last changed first."""

        def ask(github: Github) -> tuple[Repository, ...]:
            return tuple(map(_repository, islice(_me(github).get_repos(sort="updated"), limit)))

        return await self._do(ask)

    async def create_repository(self, spec: RepoSpec) -> Repository:
        """Make a repository; InvalidInput when the name is taken."""
        if not re.fullmatch(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}", spec.name):
            raise InvalidInput("A repository's name has letters, digits, '.', '-' and '_'.", field="name")

        def make(github: Github) -> Repository:
            owner = github.get_organization(spec.organization) if spec.organization else _me(github)
            made = owner.create_repo(
                spec.name, description=spec.description, private=spec.private, auto_init=spec.auto_init
            )
            return _repository(made)

        return await self._do(make)

    async def get_repository(self, full_name: str) -> Repository:
        """One repository by ``owner/name``."""
        return await self._in(full_name, _repository)

    async def list_branches(self, full_name: str, *, limit: int = 300) -> tuple[Branch, ...]:
        """The repository's branches by name."""

        def ask(repository: GithubRepository) -> tuple[Branch, ...]:
            branches = islice(repository.get_branches(), limit)
            return tuple(
                Branch(_told(found.name), _told(found.commit).sha, bool(found.protected)) for found in branches
            )

        return await self._in(full_name, ask)

    async def create_branch(self, full_name: str, name: str, *, start: str | None = None) -> Branch:
        """Make a branch at a branch or commit, by default where the default branch stands; Conflict when it exists."""
        _check_branch(name, "name")

        def make(repository: GithubRepository) -> Branch:
            commit = _commit_of(repository, start or repository.default_branch)
            made = repository.create_git_ref(f"refs/heads/{name}", commit)
            return Branch(name, _told(made.object).sha)

        return await self._in(full_name, make)

    async def commit_files(self, full_name: str, branch: str, message: str, edits: Sequence[FileEdit]) -> Commit:
        """Put several files into one commit at the end of a branch; Conflict when the branch moved meanwhile."""
        _check_branch(branch, "branch")
        _check_edits(message, edits)
        return await self._in(full_name, lambda repository: _commit(repository, branch, message, edits))

    async def open_pull_request(self, full_name: str, spec: PullRequestSpec) -> PullRequest:
        """Open a pull request; InvalidInput when there is one already or the branches do not differ."""
        if not spec.title.strip():
            raise InvalidInput("A pull request needs a title.", field="title")
        _check_branch(spec.base, "base")
        _check_branch(spec.head.split(":", 1)[-1], "head")

        def make(repository: GithubRepository) -> PullRequest:
            opened = repository.create_pull(spec.base, spec.head, title=spec.title, body=spec.body, draft=spec.draft)
            return _pull_request(opened)

        return await self._in(full_name, make)

    async def get_pull_request(self, full_name: str, number: int) -> PullRequest:
        """One pull request by its number."""
        return await self._in(full_name, lambda repository: _pull_request(repository.get_pull(number)))

    async def _in(self, full_name: str, call: Callable[[GithubRepository], T]) -> T:
        if not _FULL_NAME.fullmatch(full_name):
            raise InvalidInput("A repository is named as owner/name.", field="repository")
        return await self._do(lambda github: call(github.get_repo(full_name)))

    async def _do(self, call: Callable[[Github], T]) -> T:
        def work() -> T:
            client = Github(
                auth=Auth.Token(self._token),
                base_url=self._api_url,
                timeout=_SOCKET_SECONDS,
                per_page=100,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=None,
                lazy=True,
            )
            with client:
                return call(client)

        try:
            return await self._calls.run(work, self._timeout)
        except GithubException as error:
            raise _translated(error) from error
        except (requests.RequestException, BadAttributeException, ValueError) as error:
            raise ProviderFailed("GitHub could not be reached or gave an unreadable answer.") from error


def _me(github: Github) -> AuthenticatedUser:
    user = github.get_user()
    assert isinstance(user, AuthenticatedUser)
    return user


def _told(value: T | None) -> T:
    """A value GitHub must have given; the library leaves None where the answer was not what it should be."""
    if value is None:
        raise ValueError("a part of the answer is missing")
    return value


def _user(user: AuthenticatedUser) -> GitHubUser:
    who = (_told(user.id), _told(user.login))
    return GitHubUser(*who, user.name, user.email, user.avatar_url or "", user.html_url or "")


def _repository(found: GithubRepository) -> Repository:
    permissions = found.permissions
    return Repository(
        id=_told(found.id),
        full_name=_told(found.full_name),
        owner=_told(found.owner).login,
        name=_told(found.name),
        description=found.description or "",
        private=bool(found.private),
        default_branch=_told(found.default_branch),
        clone_url=_told(found.clone_url),
        html_url=_told(found.html_url),
        can_push=bool(permissions and permissions.push),
    )


def _pull_request(found: GithubPullRequest) -> PullRequest:
    return PullRequest(
        number=_told(found.number),
        title=_told(found.title),
        body=found.body or "",
        state=_told(found.state),
        merged=bool(found.merged),
        draft=bool(found.draft),
        head=_told(found.head).ref,
        head_commit=_told(found.head).sha,
        base=_told(found.base).ref,
        html_url=_told(found.html_url),
        mergeable=found.mergeable,
    )


def _commit_of(repository: GithubRepository, start: str) -> str:
    if re.fullmatch(r"[0-9a-f]{40}", start):
        return start
    _check_branch(start, "start")
    return _told(repository.get_git_ref(f"heads/{start}").object).sha


def _commit(repository: GithubRepository, branch: str, message: str, edits: Iterable[FileEdit]) -> Commit:
    ref = repository.get_git_ref(f"heads/{branch}")
    parent = repository.get_git_commit(_told(ref.object).sha)
    elements = [_element(repository, edit) for edit in edits]
    tree = repository.create_git_tree(elements, parent.tree)
    made = repository.create_git_commit(message, tree, [parent])
    try:
        ref.edit(made.sha, force=False)
    except GithubException as error:
        if error.status == 422:
            raise Conflict("The branch moved while the commit was made.", field="branch") from error
        raise
    return Commit(_told(made.sha), made.html_url)


def _element(repository: GithubRepository, edit: FileEdit) -> InputGitTreeElement:
    mode = "100755" if edit.executable else "100644"
    if edit.content is None:
        return InputGitTreeElement(edit.path, mode, "blob", sha=None)
    try:
        return InputGitTreeElement(edit.path, mode, "blob", content=edit.content.decode())
    except UnicodeDecodeError:
        # A tree takes text alone; other bytes need a blob of their own first.
        blob = repository.create_git_blob(base64.b64encode(edit.content).decode(), "base64")
        return InputGitTreeElement(edit.path, mode, "blob", sha=blob.sha)


def _check_branch(name: str, field: str) -> None:
    if not _BRANCH.fullmatch(name):
        raise InvalidInput("This is not a name for a branch.", field=field)


def _check_edits(message: str, edits: Sequence[FileEdit]) -> None:
    if not message.strip():
        raise InvalidInput("A commit needs a message.", field="message")
    if not 1 <= len(edits) <= MAX_COMMIT_FILES:
        raise InvalidInput(f"A commit changes between 1 and {MAX_COMMIT_FILES} files.", field="files")
    for edit in edits:
        parts = edit.path.split("/")
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in edit.path:
            raise InvalidInput("A file of the commit has a path that is not allowed.", field="files")
    if sum(len(edit.content or b"") for edit in edits) > MAX_COMMIT_BYTES:
        raise TooLarge(f"A commit holds at most {MAX_COMMIT_BYTES} bytes.", field="files")


def _translated(error: GithubException) -> OrchestratorError:
    status, said = error.status, _message(error.data)
    headers = {str(name).lower(): str(value) for name, value in (error.headers or {}).items()}
    if status == 429 or (status == 403 and _is_rate_limit(said, headers)):
        wait = _retry_after(headers)
        return RateLimited(f"GitHub allows no more requests for {wait} s.", details={"retry_after": wait})
    if status == 401:
        return NotAuthenticated("GitHub does not accept the token.", hint="Link the GitHub account again.")
    if status == 403:
        return Forbidden(f"GitHub does not allow this: {said}")
    if status in (404, 410, 451):
        return NotFound("GitHub has no such thing, or hides it from this account.")
    if status == 409 or (status == 422 and "already exists" in said and "Reference" in said):
        return Conflict(f"GitHub refuses: {said}")
    if status in (400, 413, 422):
        return InvalidInput(f"GitHub refuses: {said}")
    return ProviderFailed(f"GitHub answered with status {status}.", details={"status": status})


def _message(data: object) -> str:
    """What GitHub says went wrong, its list of errors included, in one line of bounded length."""
    if not isinstance(data, Mapping):
        return "no reason given"
    errors: Any = data.get("errors")
    parts = [str(data.get("message") or "no reason given")]
    for item in errors if isinstance(errors, list) else ():
        known = item if isinstance(item, Mapping) else {"message": item}
        text = known.get("message") or " ".join(str(known[key]) for key in ("field", "code") if key in known)
        parts.append(str(text))
    return "; ".join(part for part in parts if part)[:500]


def _is_rate_limit(said: str, headers: Mapping[str, str]) -> bool:
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0" or "rate limit" in said.lower()


def _retry_after(headers: Mapping[str, str]) -> int:
    if (seconds := headers.get("retry-after", "")).isdigit():
        return max(1, int(seconds))
    if (reset := headers.get("x-ratelimit-reset", "")).isdigit():
        return max(1, int(reset) - int(time.time()))
    return 60
