"""A change of a project on GitHub is proven on the present base, pushed to a branch of its own, and offered."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import NotConfigured
from orchestrator.core.ids import new_id
from orchestrator.core.merging import MergeMethod, ReviewVerdict
from orchestrator.git.credential import Credential
from orchestrator.models import Identity, Membership, Project, RepositoryState, Role
from orchestrator.services.reviews import Review
from tests.fakes.github import FakeGitHub
from tests.git.http_server import PrivateGit, private_git
from tests.proof.conftest import Hand, RunAttempt, Writer, put, python
from tests.proof.test_merge_queue import git


@dataclass
class Hub:
    """GitHub's API, its git, and Ada's repository there."""

    api: FakeGitHub
    git: PrivateGit
    token: str
    bare: Path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    work, served = tmp_path / "work", tmp_path / "served"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "a.py").write_text("x = 1\n")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "one")
    (served / "ada").mkdir(parents=True)
    git(work, "clone", "-q", "--bare", str(work), str(served / "ada" / "app.git"))
    with FakeGitHub() as api:
        token = api.add_user("ada", emails=["ada@example.org"])
        api.add_repo("ada", "app")
        with private_git(served, "x-access-token", token) as server:
            yield Hub(api, server, token, served / "ada" / "app.git")


@pytest.fixture
async def container(settings: Settings, hub: Hub) -> AsyncIterator[Container]:
    known = {"github_url": hub.git.url, "github_api_url": hub.api.url}
    made = build_container(Settings(_env_file=None, **(settings.model_dump() | known)))
    yield made
    await made.close()


@pytest.fixture
async def project(container: Container, caller: Caller, hub: Hub) -> UUID:
    project_id, url = new_id(), f"{hub.git.url}/ada/app.git"
    info = await container.mirrors.create(project_id, url, credential=Credential.token(hub.token))
    async with container.database.session() as session:
        session.add(
            Project(id=project_id, owner_id=caller.user_id, name="app", repository_url=url, head_commit=info.head,
                    default_branch=info.default_branch, repository_state=RepositoryState.READY)
        )  # fmt: skip
        await session.flush()
        session.add(Membership(project_id=project_id, user_id=caller.user_id, role=Role.ADMIN))
    return project_id


async def link(container: Container, caller: Caller, token: str) -> None:
    sealed = container.secretbox.encrypt(token)
    async with container.database.session() as session:
        session.add(
            Identity(user_id=caller.user_id, provider="github", subject="1", access_token_encrypted=sealed, scopes=[])
        )


async def test_a_proven_change_becomes_a_pull_request_from_a_branch_of_its_own(
    container: Container, caller: Caller, project: UUID, hub: Hub, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    put(container, Writer({"a.py": "x = 2\n"}))
    task = await hand_in(project, [python("import a; assert a.x == 2", name="two")], title="Make it two")
    assert (await run_attempt(task))["state"] == "completed"
    await container.reviews.create(caller, task, Review(ReviewVerdict.APPROVE))
    with pytest.raises(NotConfigured):
        await container.merges.merge(caller, task, MergeMethod.PULL_REQUEST)
    await link(container, caller, hub.token)
    entry = await container.merges.merge(caller, task, MergeMethod.PULL_REQUEST)
    change = await container.task_proofs.change(caller, task)
    hub.api.repos["ada/app"].refs[f"refs/heads/{change['branch']}"] = change["commit"]  # as the push below does
    row = await run_attempt(entry["work_id"])
    assert row["state"] == "completed", row["error"]
    (entry,) = await container.merges.of_task(caller, task)
    assert entry["state"] == "opened", entry["message"]
    assert git(hub.bare, "rev-parse", change["branch"]) == change["commit"]
    assert git(hub.bare, "show", "main:a.py") == "x = 1"
    (pull,) = hub.api.repos["ada/app"].pulls
    assert (pull["title"], pull["head"]["ref"], pull["base"]["ref"]) == ("Make it two", change["branch"], "main")
    assert "- two" in pull["body"]
    assert entry["pull_request"]["url"] == pull["html_url"]
    proofs = [row for row in await container.task_proofs.proof(caller, task) if row["merge_id"] == entry["id"]]
    assert [row["verdict"] for row in proofs] == ["passed"]
