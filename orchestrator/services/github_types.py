"""What goes into GitHubService and comes out of it: plain frozen values, no behaviour and no PyGithub.

Import them from ``github_service``; they stand apart to keep that file short.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GitHubUser:
    """Who a token belongs to."""

    id: int
    login: str
    name: str | None
    email: str | None
    avatar_url: str
    html_url: str


@dataclass(frozen=True, slots=True)
class RepoSpec:
    """A repository to create: in ``organization``, or in the user's own account without one."""

    name: str
    description: str = ""
    private: bool = True
    auto_init: bool = True
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as the token sees it; ``can_push`` says whether the token may write to it."""

    id: int
    full_name: str
    owner: str
    name: str
    description: str
    private: bool
    default_branch: str
    clone_url: str
    html_url: str
    can_push: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch and the commit it stands on."""

    name: str
    commit: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class FileEdit:
    """A file to write in a commit; ``content`` None deletes it."""

    path: str
    content: bytes | None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit GitHub made."""

    sha: str
    html_url: str


@dataclass(frozen=True, slots=True)
class PullRequestSpec:
    """A pull request to open, from branch ``head`` (``owner:branch`` for a fork) into ``base``."""

    title: str
    head: str
    base: str
    body: str = ""
    draft: bool = False


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request; ``state`` is open or closed, ``mergeable`` None while GitHub has not found out."""

    number: int
    title: str
    body: str
    state: str
    merged: bool
    draft: bool
    head: str
    head_commit: str
    base: str
    html_url: str
    mergeable: bool | None
