"""GitHubService against GitHub on loopback, through the real PyGithub."""

import base64
import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from orchestrator.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OrchestratorError,
    ProviderFailed,
    RateLimited,
    TimedOut,
)
from orchestrator.services.github_service import (
    FileEdit,
    GitHubAccount,
    GitHubService,
    PullRequestSpec,
    RepoSpec,
)
from tests.fakes.github import FakeGitHub


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as fake:
        yield fake


@pytest.fixture
def service(github: FakeGitHub) -> Iterator[GitHubService]:
    service = GitHubService(github.url, timeout=10)
    yield service
    service.close()


@pytest.fixture
def ada(github: FakeGitHub, service: GitHubService) -> GitHubAccount:
    return service.for_token(github.add_user("ada", emails=["ada@example.org"], name="Ada L"))


async def test_a_token_names_its_user(ada: GitHubAccount) -> None:
    user = await ada.get_user()
    assert (user.login, user.name, user.email) == ("ada", "Ada L", None)


async def test_a_change_travels_from_branch_to_pull_request(github: FakeGitHub, ada: GitHubAccount) -> None:
    repo = await ada.create_repository(RepoSpec("demo", description="A demo"))
    assert (repo.full_name, repo.private, repo.default_branch, repo.can_push) == ("ada/demo", True, "main", True)
    branch = await ada.create_branch("ada/demo", "fix/one")
    edits = [
        FileEdit("README.md", None),
        FileEdit("src/a.py", b"print()\n"),
        FileEdit("run.sh", b"#!/bin/sh\n", executable=True),
        FileEdit("logo.png", b"\x89PNG\xff"),
    ]
    commit = await ada.commit_files("ada/demo", "fix/one", "Fix it", edits)
    files = github.repos["ada/demo"].files("fix/one")
    assert files == {"src/a.py": b"print()\n", "run.sh": b"#!/bin/sh\n", "logo.png": b"\x89PNG\xff"}
    assert commit.sha != branch.commit
    pull = await ada.open_pull_request("ada/demo", PullRequestSpec("Fix", "fix/one", "main", body="Because."))
    assert (pull.number, pull.head_commit, pull.base, pull.state) == (1, commit.sha, "main", "open")
    assert await ada.get_pull_request("ada/demo", 1) == pull
    names = [found.name for found in await ada.list_branches("ada/demo")]
    assert names == ["fix/one", "main"]


async def test_lists_are_read_to_the_last_page_or_the_limit(github: FakeGitHub, ada: GitHubAccount) -> None:
    for number in range(130):
        github.add_repo("ada", f"repo-{number}")
    assert len(await ada.list_repositories(limit=500)) == 130
    assert len(await ada.list_repositories(limit=7)) == 7


async def test_an_organisation_gets_its_own_repository(github: FakeGitHub, ada: GitHubAccount) -> None:
    assert (await ada.create_repository(RepoSpec("tool", organization="acme"))).full_name == "acme/tool"


@pytest.mark.parametrize(
    ("status", "headers", "message", "expected"),
    [
        (401, {}, "Bad credentials", NotAuthenticated),
        (403, {}, "Resource not accessible by integration", Forbidden),
        (403, {"Retry-After": "17"}, "You have exceeded a secondary rate limit", RateLimited),
        (429, {"Retry-After": "17"}, "Slow down", RateLimited),
        (404, {}, "Not Found", NotFound),
        (409, {}, "Git Repository is empty.", Conflict),
        (422, {}, "Validation Failed", InvalidInput),
        (500, {}, "Oops", ProviderFailed),
        (503, {}, "Unavailable", ProviderFailed),
    ],
)
async def test_an_answer_of_github_becomes_an_error_of_ours_after_one_request(
    github: FakeGitHub,
    ada: GitHubAccount,
    status: int,
    headers: dict[str, str],
    message: str,
    expected: type[OrchestratorError],
) -> None:
    github.fail_next(status, {"message": message}, headers)
    with pytest.raises(expected) as caught:
        await ada.get_user()
    assert type(caught.value) is expected
    assert len(github.requests) == 1
    assert caught.value.__cause__ is not None
    if expected is RateLimited:
        assert caught.value.details == {"retry_after": 17}


async def test_a_used_up_quota_says_when_to_come_back(github: FakeGitHub, ada: GitHubAccount) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
    github.fail_next(403, {"message": "API rate limit exceeded for user"}, headers)
    with pytest.raises(RateLimited) as caught:
        await ada.list_repositories()
    assert caught.value.details == {"retry_after": 1}


async def test_rubbish_and_silence_are_provider_failures(github: FakeGitHub, ada: GitHubAccount) -> None:
    github.fail_next(200, b"<html>not json</html>", {"Content-Type": "text/html"})
    with pytest.raises(ProviderFailed):
        await ada.get_user()
    dead = GitHubService("http://127.0.0.1:9", timeout=10)
    with pytest.raises(ProviderFailed):
        await dead.for_token("x").get_user()
    dead.close()


async def test_a_slow_github_is_given_up(github: FakeGitHub) -> None:
    service = GitHubService(github.url, timeout=0.2)
    github.hold()
    with pytest.raises(TimedOut):
        await service.for_token(github.add_user("slow")).get_user()
    github.release()
    service.close()


async def test_refusals_name_what_github_said(github: FakeGitHub, ada: GitHubAccount) -> None:
    github.add_repo("ada", "demo")
    with pytest.raises(InvalidInput, match="name already exists"):
        await ada.create_repository(RepoSpec("demo"))
    with pytest.raises(InvalidInput, match="No commits between"):
        await ada.open_pull_request("ada/demo", PullRequestSpec("x", "main", "main"))
    with pytest.raises(Conflict, match="already exists"):
        await ada.create_branch("ada/demo", "main")
    with pytest.raises(NotFound):
        await ada.get_pull_request("ada/demo", 9)


async def test_a_branch_that_moved_meanwhile_is_a_conflict(github: FakeGitHub, ada: GitHubAccount) -> None:
    repo = github.add_repo("ada", "demo")
    tip = repo.refs["refs/heads/main"]
    real = github._create_commit  # the other writer comes between the new commit and the move of the branch

    def race(request: object) -> object:
        reply = real(request)  # type: ignore[arg-type]
        repo.commits["f" * 40] = {"message": "other", "tree": repo.commits[tip]["tree"], "parents": [tip]}
        repo.refs["refs/heads/main"] = "f" * 40
        return reply

    github._routes = [(m, p, race if h == real else h) for m, p, h in github._routes]  # type: ignore[misc]
    with pytest.raises(Conflict, match="moved"):
        await ada.commit_files("ada/demo", "main", "m", [FileEdit("a", b"1")])


@pytest.mark.parametrize("name", ["demo", "a/b/c", "../x", "a/..", "a b/c", "-a/b", "a/b?x=1", "a/b\n"])
async def test_a_wrong_repository_name_never_reaches_github(github: FakeGitHub, ada: GitHubAccount, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await ada.get_repository(name)
    assert caught.value.field == "repository"
    assert github.requests == []


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", ".git/config", "a/.GIT/hooks/x", ""])
async def test_a_hostile_path_never_reaches_github(github: FakeGitHub, ada: GitHubAccount, path: str) -> None:
    with pytest.raises(InvalidInput):
        await ada.commit_files("ada/demo", "main", "m", [FileEdit(path, b"")])
    assert github.requests == []


async def test_a_token_is_never_in_an_error(github: FakeGitHub, service: GitHubService) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        await service.for_token("gho_secret").get_user()
    assert "gho_secret" not in repr(caught.value) + repr(caught.value.__cause__)
    with pytest.raises(NotAuthenticated):
        service.for_token("with\nnewline")


async def test_the_fakes_login_checks_state_pkce_and_one_time_codes(github: FakeGitHub) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": github.oauth.client_id,
        "redirect_uri": "http://127.0.0.1/callback",
        "state": "s1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.get(f"{github.url}/login/oauth/authorize", params=asked)
        answer = parse_qs(urlsplit(reply.headers["location"]).query)
        assert answer["state"] == ["s1"]
        proof = {
            "client_id": github.oauth.client_id,
            "client_secret": github.oauth.client_secret,
            "code": answer["code"][0],
        }
        tokens = f"{github.url}/login/oauth/access_token"
        wrong = (await client.post(tokens, data=proof | {"code_verifier": "x"})).json()
        assert wrong["error"] == "bad_verification_code"
        reply = await client.get(f"{github.url}/login/oauth/authorize", params=asked)
        proof["code"] = parse_qs(urlsplit(reply.headers["location"]).query)["code"][0]
        right = (await client.post(tokens, data=proof | {"code_verifier": verifier})).json()
        emails = await client.get(
            f"{github.url}/user/emails", headers={"Authorization": f"Bearer {right['access_token']}"}
        )
        assert emails.json()[0]["verified"] is True
        again = (await client.post(tokens, data=proof | {"code_verifier": verifier})).json()
        assert again["error"] == "bad_verification_code"
