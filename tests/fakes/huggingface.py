"""Hugging Face on loopback: OAuth login, whoami, Spaces, repositories, commits and file downloads, as its client asks.

    with FakeHuggingFace() as hub:
        token = hub.add_user("ada", email="ada@example.org")
        HFService(hub.url).for_token(token)

Files are committed as regular ones; the upload protocols of large files are not served.
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

_ID = r"(?P<id>[^/]+/[^/]+)"
_TYPE = r"(?P<type>model|dataset|space)s"


@dataclass
class FakeHubUser:
    name: str
    full_name: str
    email: str | None
    email_verified: bool
    organizations: Sequence[str]


@dataclass
class FakeHubRepo:
    id: str
    type: str
    private: bool
    sdk: str | None = None
    stage: str = "RUNNING"
    host: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    sha: str = "0" * 40
    tags: Sequence[str] = ()

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]


class FakeHuggingFace(ScriptedServer):
    """The Hub's site and API at one address."""

    def __init__(self) -> None:
        self.users: dict[str, FakeHubUser] = {}
        self.tokens: dict[str, str] = {}
        self.repos: dict[tuple[str, str], FakeHubRepo] = {}
        self.oauth = OAuth(self._issue)
        super().__init__()

    def add_user(
        self, name: str, *, email: str | None = None, email_verified: bool = True, organizations: Sequence[str] = ()
    ) -> str:
        """A user; returns a token of theirs."""
        self.users[name] = FakeHubUser(name, name.title(), email, email_verified, organizations)
        return self._issue(name, "openid profile email")

    def add_repo(
        self,
        repo_id: str,
        repo_type: str,
        *,
        private: bool = False,
        sdk: str | None = None,
        stage: str = "RUNNING",
        host: str | None = None,
        tags: Sequence[str] = (),
    ) -> FakeHubRepo:
        """An empty repository; a Space runs, at ``host`` where one is given (empty: it has no application)."""
        repo = self.repos[repo_type, repo_id] = FakeHubRepo(repo_id, repo_type, private, sdk, stage, host, tags=tags)
        return repo

    def routes(self) -> Sequence[Route]:
        resolve = rf"/(?:(?P<type>dataset|space)s/)?{_ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
        return (
            ("GET", r"/oauth/authorize", self.oauth.authorize),
            ("POST", r"/oauth/token", self._token),
            ("GET", r"/oauth/userinfo", self._userinfo),
            ("GET", r"/\.well-known/openid-configuration", self._discovery),
            ("GET", r"/api/whoami-v2", self._whoami),
            ("GET", r"/api/spaces", self._list_spaces),
            ("POST", r"/api/repos/create", self._create),
            ("POST", r"/api/validate-yaml", lambda _: Reply(200, {"errors": [], "warnings": []})),
            ("POST", rf"/api/{_TYPE}/{_ID}/preupload/(?P<revision>[^/]+)", self._preupload),
            ("POST", rf"/api/{_TYPE}/{_ID}/commit/(?P<revision>[^/]+)", self._commit),
            ("GET", rf"/api/{_TYPE}/{_ID}(?:/revision/(?P<revision>[^/]+))?", self._info),
            ("GET", rf"/api/{_TYPE}/{_ID}/tree/(?P<revision>[^/]+)(?P<path>.*)", self._list_tree),
            ("HEAD", resolve, self._resolve),
            ("GET", resolve, self._resolve),
        )

    def not_found(self) -> Reply:
        return Reply(404, {"error": "Not Found"})

    def _issue(self, name: str, scope: str) -> str:
        token = f"hf_{secrets.token_hex(17)}"
        self.tokens[token] = name
        return token

    def _token(self, request: Request) -> Reply:
        outcome = self.oauth.exchange(request)
        if isinstance(outcome, str):
            wrong = "invalid_client" if outcome == "incorrect_client_credentials" else "invalid_grant"
            return Reply(400, {"error": wrong, "error_description": outcome})
        answer = {"access_token": outcome[0], "token_type": "bearer", "expires_in": 28800, "scope": outcome[1]}
        return Reply(200, answer)

    def _discovery(self, request: Request) -> Reply:
        return Reply(
            200,
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/oauth/authorize",
                "token_endpoint": f"{self.url}/oauth/token",
                "userinfo_endpoint": f"{self.url}/oauth/userinfo",
                "code_challenge_methods_supported": ["S256"],
                "response_types_supported": ["code"],
                "scopes_supported": ["openid", "profile", "email", "read-repos", "write-repos"],
            },
        )

    def _me(self, request: Request) -> FakeHubUser:
        if request.token not in self.tokens:
            said = "Invalid credentials in Authorization header"
            raise Failure(401, {"error": said}, {"X-Error-Message": said})
        return self.users[self.tokens[request.token]]

    def _userinfo(self, request: Request) -> Reply:
        me = self._me(request)
        answer = {"sub": hashlib.sha1(me.name.encode()).hexdigest()[:24], "name": me.full_name, "isPro": False}
        names = {
            "preferred_username": me.name,
            "profile": f"{self.url}/{me.name}",
            "picture": f"{self.url}/{me.name}.png",
        }
        return Reply(200, answer | names | {"email": me.email, "email_verified": me.email_verified})

    def _whoami(self, request: Request) -> Reply:
        me = self._me(request)
        organizations = [{"type": "org", "name": name, "fullname": name.title()} for name in me.organizations]
        answer = {"type": "user", "id": me.name, "name": me.name, "fullname": me.full_name, "isPro": False}
        return Reply(200, answer | {"email": me.email, "emailVerified": me.email_verified, "orgs": organizations})

    def _repo(self, request: Request, *, write: bool = False) -> FakeHubRepo:
        me = self._me(request)
        repo = self.repos.get((request.groups.get("type") or "model", request.groups["id"]))
        mine = repo is not None and (repo.owner == me.name or repo.owner in me.organizations)
        if repo is None or (repo.private and not mine):
            raise Failure(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if write and not mine:
            raise Failure(403, {"error": "You have no write access"}, {"X-Error-Message": "You have no write access"})
        return repo

    def _describe(self, repo: FakeHubRepo) -> dict[str, Any]:
        answer = {
            "_id": hashlib.sha1(repo.id.encode()).hexdigest()[:24],
            "id": repo.id,
            "author": repo.owner,
            "private": repo.private,
            "sha": repo.sha,
            "likes": 0,
            "tags": list(repo.tags),
            "siblings": [{"rfilename": path} for path in sorted(repo.files)],
        }
        if repo.type == "space":
            answer |= {
                "sdk": repo.sdk,
                "subdomain": repo.id.replace("/", "-") if repo.host is None else None,
                "host": repo.host,
                "runtime": {"stage": repo.stage, "hardware": {"current": "cpu-basic", "requested": "cpu-basic"}},
            }
        return answer

    def _list_spaces(self, request: Request) -> Reply:
        me, author = self._me(request), request.query.get("author")
        spaces = [repo for (kind, _), repo in sorted(self.repos.items()) if kind == "space" and repo.owner == author]
        if tag := request.query.get("filter"):
            spaces = [repo for repo in spaces if tag in repo.tags]
        mine = (me.name, *me.organizations)
        return Reply(200, [self._describe(repo) for repo in spaces if not repo.private or repo.owner in mine])

    def _create(self, request: Request) -> Reply:
        me, asked = self._me(request), request.json()
        kind = asked.get("type", "model")
        repo_id = f"{asked.get('organization') or me.name}/{asked['name']}"
        url = f"{self.url}/{'' if kind == 'model' else kind + 's/'}{repo_id}"
        if (kind, repo_id) in self.repos:
            raise Failure(409, {"error": "You already created this repo", "url": url})
        self.add_repo(repo_id, kind, private=asked.get("visibility") == "private", sdk=asked.get("sdk"))
        return Reply(200, {"url": url, "name": repo_id, "id": repo_id})

    def _info(self, request: Request) -> Reply:
        return Reply(200, self._describe(self._repo(request)))

    def _list_tree(self, request: Request) -> Reply:
        repo = self._repo(request)
        files = [
            {"type": "file", "path": path, "size": len(content), "oid": _blob(content)}
            for path, content in sorted(repo.files.items())
        ]
        return Reply(200, files)

    def _preupload(self, request: Request) -> Reply:
        repo = self._repo(request, write=True)
        files = [
            {
                "path": found["path"],
                "uploadMode": "regular",
                "shouldIgnore": False,
                "oid": _blob(repo.files[found["path"]]) if found["path"] in repo.files else None,
            }
            for found in request.json()["files"]
        ]
        return Reply(200, {"files": files})

    def _commit(self, request: Request) -> Reply:
        repo = self._repo(request, write=True)
        for line in request.body.decode().splitlines():
            step = json.loads(line)
            if step["key"] == "file":
                repo.files[step["value"]["path"]] = base64.b64decode(step["value"]["content"])
            elif step["key"] == "deletedFile":
                repo.files.pop(step["value"]["path"], None)
        repo.sha = hashlib.sha1(secrets.token_bytes(8)).hexdigest()
        url = f"{self.url}/{repo.type}s/{repo.id}/commit/{repo.sha}"
        return Reply(200, {"success": True, "commitOid": repo.sha, "commitUrl": url, "hookOutput": ""})

    def _resolve(self, request: Request) -> Reply:
        repo, path = self._repo(request), request.groups["path"]
        if request.groups["revision"] not in ("main", repo.sha):
            raise Failure(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        if path not in repo.files:
            raise Failure(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        content = repo.files[path]
        headers = {"ETag": f'"{_blob(content)}"', "X-Repo-Commit": repo.sha, "Content-Type": "application/octet-stream"}
        return Reply(200, content, headers)


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
