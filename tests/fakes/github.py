"""GitHub on loopback: OAuth login, users, repositories, git data and pull requests, as its API description says.

    with FakeGitHub() as github:
        token = github.add_user("ada", emails=["ada@example.org"])
        GitHubService(github.url).for_token(token)

For OAuth: ``github.oauth.client_id``, ``.client_secret`` and ``.login_as``; the settings' github_url and github_api_url
are both ``github.url``. Git itself is not served.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.agents.scripted.http_server import Failure, Reply, Request, Route, ScriptedServer
from tests.fakes.oauth import OAuth

_REPO = r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)"


@dataclass
class FakeUser:
    id: int
    login: str
    name: str | None
    email: str | None
    emails: list[dict[str, Any]]


@dataclass
class FakeRepo:
    id: int
    owner: str
    name: str
    private: bool
    description: str
    default_branch: str = "main"
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)
    trees: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)

    def files(self, branch: str) -> dict[str, bytes]:
        """What a branch holds, by path."""
        tree = self.trees[self.commits[self.refs[f"refs/heads/{branch}"]]["tree"]]
        return {path: content for path, (_, content) in tree.items()}


class FakeGitHub(ScriptedServer):
    """GitHub's web site and API at one address."""

    def __init__(self) -> None:
        self.users: dict[str, FakeUser] = {}
        self.tokens: dict[str, str] = {}
        self.scopes: dict[str, str] = {}
        self.repos: dict[str, FakeRepo] = {}
        self.oauth = OAuth(self._issue)
        super().__init__()

    def add_user(
        self,
        login: str,
        *,
        emails: Sequence[str] = (),
        unverified: Sequence[str] = (),
        name: str | None = None,
        public_email: str | None = None,
    ) -> str:
        """A user with verified and unverified addresses, the first verified one primary; returns a token of theirs."""
        listed = [
            {"email": email, "primary": email == emails[0], "verified": True, "visibility": None} for email in emails
        ] + [
            {"email": email, "primary": not emails and number == 0, "verified": False, "visibility": None}
            for number, email in enumerate(unverified)
        ]
        self.users[login] = FakeUser(1000 + len(self.users), login, name, public_email, listed)
        return self._issue(login, "repo user:email")

    def add_repo(
        self, owner: str, name: str, *, private: bool = False, files: dict[str, bytes] | None = None
    ) -> FakeRepo:
        """A repository with one commit on main."""
        repo = FakeRepo(5000 + len(self.repos), owner, name, private, "")
        self.repos[f"{owner}/{name}"] = repo
        tree = _tree(repo, {path: ("100644", content) for path, content in (files or {"README.md": b"# x\n"}).items()})
        repo.refs["refs/heads/main"] = _commit(repo, {"message": "First commit", "tree": tree, "parents": []})
        return repo

    def routes(self) -> Sequence[Route]:
        return (
            ("GET", r"/login/oauth/authorize", self.oauth.authorize),
            ("POST", r"/login/oauth/access_token", self._access_token),
            ("GET", r"/user", self._get_user),
            ("GET", r"/user/emails", lambda request: Reply(200, self._me(request).emails)),
            ("GET", r"/user/repos", self._list_repos),
            ("POST", r"/user/repos", lambda request: self._create_repo(request, self._me(request).login)),
            ("POST", r"/orgs/(?P<org>[^/]+)/repos", lambda request: self._create_repo(request, request.groups["org"])),
            ("GET", _REPO, lambda request: Reply(200, self._repo_json(request, self._repo(request)))),
            ("GET", _REPO + r"/branches", self._list_branches),
            ("GET", _REPO + r"/git/ref/(?P<ref>.+)", self._get_ref),
            ("POST", _REPO + r"/git/refs", self._create_ref),
            ("PATCH", _REPO + r"/git/refs/(?P<ref>.+)", self._update_ref),
            ("GET", _REPO + r"/git/commits/(?P<sha>[0-9a-f]+)", self._get_commit),
            ("POST", _REPO + r"/git/commits", self._create_commit),
            ("POST", _REPO + r"/git/trees", self._create_tree),
            ("POST", _REPO + r"/git/blobs", self._create_blob),
            ("POST", _REPO + r"/pulls", self._create_pull),
            ("GET", _REPO + r"/pulls/(?P<number>\d+)", self._get_pull),
        )

    def _issue(self, login: str, scope: str) -> str:
        token = f"gho_{secrets.token_hex(18)}"
        self.tokens[token], self.scopes[token] = login, scope
        return token

    def _access_token(self, request: Request) -> Reply:
        outcome = self.oauth.exchange(request)
        if isinstance(outcome, str):
            # GitHub answers 200 here and says what is wrong in the body.
            return Reply(200, {"error": outcome, "error_description": "The exchange failed.", "error_uri": self.url})
        return Reply(200, {"access_token": outcome[0], "token_type": "bearer", "scope": outcome[1].replace(" ", ",")})

    def _me(self, request: Request) -> FakeUser:
        if request.token not in self.tokens:
            raise Failure(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"})
        return self.users[self.tokens[request.token]]

    def _get_user(self, request: Request) -> Reply:
        me = self._me(request)
        body = _owner(self.url, me.login, me.id) | {
            "name": me.name,
            "email": me.email,
            "created_at": "2020-01-01T00:00:00Z",
        }
        return Reply(200, body, {"X-OAuth-Scopes": self.scopes[request.token].replace(" ", ", ")})

    def _repo(self, request: Request, *, write: bool = False) -> FakeRepo:
        me = self._me(request)
        repo = self.repos.get(f"{request.groups['owner']}/{request.groups['name']}")
        if repo is None or (repo.private and repo.owner != me.login):
            raise Failure(404, {"message": "Not Found"})
        if write and repo.owner != me.login and repo.owner in self.users:
            raise Failure(403, {"message": "Must have push access to repository"})
        return repo

    def _repo_json(self, request: Request, repo: FakeRepo) -> dict[str, Any]:
        owner, full = self.users.get(repo.owner), f"{repo.owner}/{repo.name}"
        mine = repo.owner == self._me(request).login or owner is None
        return {
            "id": repo.id,
            "node_id": str(repo.id),
            "name": repo.name,
            "full_name": full,
            "owner": _owner(self.url, repo.owner, owner.id if owner else 1),
            "private": repo.private,
            "description": repo.description or None,
            "fork": False,
            "url": f"{self.url}/repos/{full}",
            "html_url": f"{self.url}/{full}",
            "clone_url": f"{self.url}/{full}.git",
            "ssh_url": f"git@127.0.0.1:{full}.git",
            "default_branch": repo.default_branch,
            "visibility": "private" if repo.private else "public",
            "permissions": {"admin": mine, "maintain": mine, "push": mine, "triage": mine, "pull": True},
        }

    def _list_repos(self, request: Request) -> Reply:
        me = self._me(request)
        mine = [repo for repo in self.repos.values() if repo.owner == me.login]
        return self._page(request, [self._repo_json(request, repo) for repo in mine])

    def _page(self, request: Request, items: list[Any]) -> Reply:
        size, number = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
        more = len(items) > size * number
        link = f'<{self.url}{request.path}?per_page={size}&page={number + 1}>; rel="next"'
        return Reply(200, items[size * (number - 1) : size * number], {"Link": link} if more else {})

    def _create_repo(self, request: Request, owner: str) -> Reply:
        self._me(request)
        asked = request.json()
        if f"{owner}/{asked['name']}" in self.repos:
            taken = {"resource": "Repository", "code": "custom", "field": "name"}
            said = "name already exists on this account"
            raise Failure(422, {"message": "Repository creation failed.", "errors": [taken | {"message": said}]})
        repo = self.add_repo(owner, asked["name"], private=asked.get("private", False))
        repo.description = asked.get("description") or ""
        if not asked.get("auto_init"):
            repo.refs.clear()
        return Reply(201, self._repo_json(request, repo))

    def _list_branches(self, request: Request) -> Reply:
        repo = self._repo(request)
        branches = [
            {"name": ref.removeprefix("refs/heads/"), "commit": {"sha": sha, "url": self.url}, "protected": False}
            for ref, sha in sorted(repo.refs.items())
            if ref.startswith("refs/heads/")
        ]
        return self._page(request, branches)

    def _ref_json(self, repo: FakeRepo, ref: str) -> dict[str, Any]:
        base = f"{self.url}/repos/{repo.owner}/{repo.name}/git"
        sha = repo.refs[ref]
        return {
            "ref": ref,
            "node_id": ref,
            "url": f"{base}/{ref}",
            "object": {"type": "commit", "sha": sha, "url": f"{base}/commits/{sha}"},
        }

    def _get_ref(self, request: Request) -> Reply:
        repo, ref = self._repo(request), f"refs/{request.groups['ref']}"
        if not repo.refs:
            raise Failure(409, {"message": "Git Repository is empty."})
        if ref not in repo.refs:
            raise Failure(404, {"message": "Not Found"})
        return Reply(200, self._ref_json(repo, ref))

    def _create_ref(self, request: Request) -> Reply:
        repo, asked = self._repo(request, write=True), request.json()
        if asked["ref"] in repo.refs:
            raise Failure(422, {"message": "Reference already exists"})
        if asked["sha"] not in repo.commits:
            raise Failure(422, {"message": "Object does not exist"})
        repo.refs[asked["ref"]] = asked["sha"]
        return Reply(201, self._ref_json(repo, asked["ref"]))

    def _update_ref(self, request: Request) -> Reply:
        repo, ref, asked = self._repo(request, write=True), f"refs/{request.groups['ref']}", request.json()
        if ref not in repo.refs:
            raise Failure(422, {"message": "Reference does not exist"})
        if not asked.get("force") and not _descends(repo, asked["sha"], repo.refs[ref]):
            raise Failure(422, {"message": "Update is not a fast forward"})
        repo.refs[ref] = asked["sha"]
        return Reply(200, self._ref_json(repo, ref))

    def _commit_json(self, repo: FakeRepo, sha: str) -> dict[str, Any]:
        commit, base = repo.commits[sha], f"{self.url}/repos/{repo.owner}/{repo.name}/git"
        return {
            "sha": sha,
            "url": f"{base}/commits/{sha}",
            "html_url": f"{self.url}/{repo.owner}/{repo.name}/commit/{sha}",
            "message": commit["message"],
            "tree": {"sha": commit["tree"], "url": f"{base}/trees/{commit['tree']}"},
            "parents": [{"sha": parent, "url": f"{base}/commits/{parent}"} for parent in commit["parents"]],
        }

    def _get_commit(self, request: Request) -> Reply:
        repo = self._repo(request)
        if request.groups["sha"] not in repo.commits:
            raise Failure(404, {"message": "Not Found"})
        return Reply(200, self._commit_json(repo, request.groups["sha"]))

    def _create_commit(self, request: Request) -> Reply:
        repo, asked = self._repo(request, write=True), request.json()
        if asked["tree"] not in repo.trees:
            raise Failure(422, {"message": "Tree SHA does not exist"})
        made = {"message": asked["message"], "tree": asked["tree"], "parents": asked.get("parents", [])}
        return Reply(201, self._commit_json(repo, _commit(repo, made)))

    def _create_tree(self, request: Request) -> Reply:
        repo, asked = self._repo(request, write=True), request.json()
        files = dict(repo.trees.get(asked.get("base_tree", ""), {}))
        for entry in asked["tree"]:
            if "content" in entry:
                files[entry["path"]] = (entry["mode"], entry["content"].encode())
            elif entry["sha"] is None:
                files.pop(entry["path"], None)
            elif entry["sha"] in repo.blobs:
                files[entry["path"]] = (entry["mode"], repo.blobs[entry["sha"]])
            else:
                raise Failure(422, {"message": "tree.sha is not a valid blob"})
        sha = _tree(repo, files)
        url = f"{self.url}/repos/{repo.owner}/{repo.name}/git/trees/{sha}"
        return Reply(201, {"sha": sha, "url": url, "tree": [], "truncated": False})

    def _create_blob(self, request: Request) -> Reply:
        repo, asked = self._repo(request, write=True), request.json()
        content = base64.b64decode(asked["content"]) if asked["encoding"] == "base64" else asked["content"].encode()
        sha = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        repo.blobs[sha] = content
        return Reply(201, {"sha": sha, "url": f"{self.url}/repos/{repo.owner}/{repo.name}/git/blobs/{sha}"})

    def _create_pull(self, request: Request) -> Reply:
        repo, asked = self._repo(request), request.json()
        head, base = (f"refs/heads/{asked[side].split(':')[-1]}" for side in ("head", "base"))
        for side, ref in (("head", head), ("base", base)):
            if ref not in repo.refs:
                wrong = {"resource": "PullRequest", "field": side, "code": "invalid"}
                raise Failure(422, {"message": "Validation Failed", "errors": [wrong]})
        said = f"No commits between {asked['base']} and {asked['head']}" if repo.refs[head] == repo.refs[base] else None
        if any(pull["head"]["ref"] == head.removeprefix("refs/heads/") for pull in repo.pulls):
            said = f"A pull request already exists for {repo.owner}:{asked['head']}."
        if said:
            wrong = {"resource": "PullRequest", "code": "custom", "message": said}
            raise Failure(422, {"message": "Validation Failed", "errors": [wrong]})
        repo.pulls.append(self._pull_json(repo, asked, head, base))
        return Reply(201, repo.pulls[-1])

    def _pull_json(self, repo: FakeRepo, asked: dict[str, Any], head: str, base: str) -> dict[str, Any]:
        number, full = len(repo.pulls) + 1, f"{repo.owner}/{repo.name}"
        return {
            "id": 9000 + number,
            "number": number,
            "title": asked["title"],
            "body": asked.get("body") or None,
            "state": "open",
            "merged": False,
            "draft": asked.get("draft", False),
            "mergeable": True,
            "url": f"{self.url}/repos/{full}/pulls/{number}",
            "html_url": f"{self.url}/{full}/pull/{number}",
            "head": {"ref": head.removeprefix("refs/heads/"), "sha": repo.refs[head], "label": asked["head"]},
            "base": {"ref": base.removeprefix("refs/heads/"), "sha": repo.refs[base], "label": asked["base"]},
        }

    def _get_pull(self, request: Request) -> Reply:
        repo, number = self._repo(request), int(request.groups["number"])
        if not 1 <= number <= len(repo.pulls):
            raise Failure(404, {"message": "Not Found"})
        return Reply(200, repo.pulls[number - 1])


def _owner(url: str, login: str, number: int) -> dict[str, Any]:
    return {
        "login": login,
        "id": number,
        "node_id": str(number),
        "avatar_url": f"{url}/avatars/{number}",
        "url": f"{url}/users/{login}",
        "html_url": f"{url}/{login}",
        "type": "User",
    }


def _tree(repo: FakeRepo, files: dict[str, tuple[str, bytes]]) -> str:
    listed = [f"{mode} {path} {hashlib.sha1(content).hexdigest()}" for path, (mode, content) in sorted(files.items())]
    sha = hashlib.sha1(("tree" + "\n".join(listed)).encode()).hexdigest()
    repo.trees[sha] = files
    return sha


def _commit(repo: FakeRepo, commit: dict[str, Any]) -> str:
    sha = hashlib.sha1(json.dumps([commit, len(repo.commits)]).encode()).hexdigest()
    repo.commits[sha] = commit
    return sha


def _descends(repo: FakeRepo, commit: str, ancestor: str) -> bool:
    seen, left = set(), [commit]
    while left:
        current = left.pop()
        if current == ancestor:
            return True
        if current not in seen:
            seen.add(current)
            left += repo.commits.get(current, {}).get("parents", [])
    return False
