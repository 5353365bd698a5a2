"""The merge queue: in order, one at a time, proven on the present base, begun again after a death, undone."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput
from orchestrator.core.events import EventKind
from orchestrator.core.ids import new_id
from orchestrator.core.merging import MergeMethod, ReviewVerdict
from orchestrator.git.program import run_git
from orchestrator.models import Membership, Project, RepositoryState, Role
from orchestrator.services.reviews import Review
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import make_caller
from tests.git.conftest import GIT_ENV
from tests.proof.conftest import Hand, MakeProject, RunAttempt, Writer, commit_to_base, events, put, python

FILES = {"a.py": "x = 1\n", "b.py": "y = 1\n"}
LOCAL = MergeMethod.LOCAL
Row = Mapping[str, Any]
Ready = Callable[..., Awaitable[UUID]]


@pytest.fixture
def approved(container: Container, caller: Caller, hand_in: Hand, run_attempt: RunAttempt) -> Ready:
    """Makes an approved task whose change writes these files."""

    async def make(project: UUID, files: Mapping[str, str], *acceptance: object) -> UUID:
        put(container, Writer(files))
        task = await hand_in(project, acceptance)
        row = await run_attempt(task)
        assert row["state"] == "completed", row["error"]
        await container.reviews.create(caller, task, Review(ReviewVerdict.APPROVE))
        return task

    return make


@pytest.fixture
def carry_out(container: Container, caller: Caller, run_attempt: RunAttempt) -> Callable[[Row], Awaitable[Row]]:
    """Runs the task of an entry as a heavy worker does; the entry afterwards."""

    async def run(entry: Row) -> Row:
        row = await run_attempt(entry["work_id"])
        assert row["state"] == "completed", row["error"]
        entries = await container.merges.of_task(caller, entry["task_id"])
        return next(one for one in entries if one["id"] == entry["id"])

    return run


async def read(container: Container, project: UUID, path: str) -> str:
    head = await container.mirrors.head(project)
    return (await container.mirrors.read_file(project, head, path)).decode()


async def test_changes_are_merged_in_order_one_at_a_time_and_the_project_moves_on(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, carry_out: Any
) -> None:
    project = await make_project(FILES)
    first = await approved(project, {"a.py": "x = 2\n"}, python("import a; assert a.x == 2"))
    second = await approved(project, {"b.py": "y = 2\n"}, python("import a, b; assert b.y == 2; print('x', a.x)"))
    one = await container.merges.merge(caller, first, LOCAL)
    two = await container.merges.merge(caller, second, LOCAL)
    assert (one["state"], two["state"], two["before"]) == ("queued", "queued", 1)
    assert one["work_id"] is not None
    assert two["work_id"] is None
    with pytest.raises(Conflict):
        await container.merges.merge(caller, first, LOCAL)
    one = await carry_out(one)
    assert (one["state"], one["message"]) == ("merged", "merged into main")
    assert await read(container, project, "a.py") == "x = 2\n"
    (two,) = await container.merges.of_task(caller, second)
    two = await carry_out(two)
    assert two["state"] == "merged"
    assert two["base_commit"] == one["merged_commit"]
    head = await container.mirrors.head(project)
    assert head == two["merged_commit"] == (await container.views.row(project)).head_commit
    proofs = [row for row in await container.task_proofs.proof(caller, second) if row["merge_id"] == two["id"]]
    assert [(row["verdict"], row["output"], row["commit"]) for row in proofs] == [("passed", "x 2\n", head)]
    (queued,) = await events(container, caller, second, EventKind.MERGE_QUEUED)
    (ended,) = await events(container, caller, second, EventKind.MERGE_ENDED)
    assert (queued.data["action"], ended.data["state"]) == ("merge", "merged")
    assert await container.worktrees.list(project) == ()
    assert [row["id"] for row in await container.merges.of_project(caller, project)] == [two["id"], one["id"]]


async def test_what_conflicts_or_is_not_proven_on_the_present_base_is_not_merged(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, carry_out: Any
) -> None:
    project = await make_project(FILES)
    conflicting = await approved(project, {"a.py": "x = 2\n"})
    breaking = await approved(project, {"b.py": "y = 2\n"}, python("import a, b; assert a.x + b.y == 3", name="sum"))
    await commit_to_base(container, project, {"a.py": "x = 7\n"})
    head = await container.mirrors.head(project)
    entry = await carry_out(await container.merges.merge(caller, conflicting, LOCAL))
    assert (entry["state"], entry["conflicts"]) == ("conflicted", ["a.py"])
    entry = await carry_out(await container.merges.merge(caller, breaking, LOCAL))
    assert entry["state"] == "unproven"
    assert "sum: failed" in entry["message"]
    assert await container.mirrors.head(project) == head
    again = await container.merges.merge(caller, breaking, LOCAL)
    assert again["state"] == "queued"


async def test_a_merge_is_undone_by_a_revert_and_may_be_merged_again(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, carry_out: Any
) -> None:
    project = await make_project(FILES)
    task = await approved(project, {"a.py": "x = 2\n"})
    with pytest.raises(Conflict):
        await container.merges.undo(caller, task)
    await carry_out(await container.merges.merge(caller, task, LOCAL))
    await commit_to_base(container, project, {"b.py": "y = 9\n"})
    entry = await carry_out(await container.merges.undo(caller, task))
    assert (entry["action"], entry["state"]) == ("undo", "merged")
    assert await read(container, project, "a.py") == "x = 1\n"
    assert await read(container, project, "b.py") == "y = 9\n"
    subject = await run_git("log", "-1", "--format=%s", entry["merged_commit"], cwd=container.mirrors.path(project))
    assert subject.text.startswith("Revert: ")
    with pytest.raises(Conflict):
        await container.merges.undo(caller, task)
    entry = await carry_out(await container.merges.merge(caller, task, LOCAL))
    assert entry["state"] == "merged", entry["message"]
    assert await read(container, project, "a.py") == "x = 2\n"
    assert await read(container, project, "b.py") == "y = 9\n"


async def test_an_undo_is_proven_by_what_held_before_and_by_what_was_merged_since(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, carry_out: Any
) -> None:
    project = await make_project(FILES)
    own, general = python("import a; assert a.x == 2", name="two"), python("import a, b", name="loads")
    first = await approved(project, {"a.py": "x = 2\n"}, own, general)
    await carry_out(await container.merges.merge(caller, first, LOCAL))
    second = await approved(
        project, {"b.py": "import a\ny = a.x + 1\n"}, python("import b; assert b.y == 3", name="sum")
    )
    await carry_out(await container.merges.merge(caller, second, LOCAL))
    head = await container.mirrors.head(project)
    refused = await carry_out(await container.merges.undo(caller, first))
    assert (refused["action"], refused["state"]) == ("undo", "unproven")
    assert "sum (of " in refused["message"]
    assert "two" not in refused["message"], "what is taken back need not hold"
    assert await container.mirrors.head(project) == head
    await carry_out(await container.merges.undo(caller, second))
    entry = await carry_out(await container.merges.undo(caller, first))
    assert entry["state"] == "merged", entry["message"]
    proofs = [row for row in await container.task_proofs.proof(caller, first) if row["merge_id"] == entry["id"]]
    assert [(row["name"], row["verdict"]) for row in proofs] == [("loads", "passed")]
    assert proofs[0]["commit"] == entry["merged_commit"]
    assert await read(container, project, "a.py") == "x = 1\n"
    assert await container.worktrees.list(project) == ()


async def test_an_admin_has_a_merge_undone_for_a_reason_once_its_criteria_were_found_to_fail(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, carry_out: Any
) -> None:
    project = await make_project(FILES)
    first = await approved(project, {"a.py": "x = 2\n"})
    await carry_out(await container.merges.merge(caller, first, LOCAL))
    second = await approved(project, {"b.py": "import a\ny = a.x\n"}, python("import b; assert b.y == 2", name="two"))
    await carry_out(await container.merges.merge(caller, second, LOCAL))
    with pytest.raises(Conflict, match="no undo of this merge has failed"):
        await container.merges.undo(caller, first, "it leaks")
    assert (await carry_out(await container.merges.undo(caller, first)))["state"] == "unproven"
    member = await make_caller(container, "grace@example.org")
    async with container.database.session() as session:
        session.add(Membership(project_id=project, user_id=member.user_id, role=Role.MEMBER))
    with pytest.raises(Forbidden):
        await container.merges.undo(member, first, "it leaks")
    with pytest.raises(Forbidden, match="an agent overrides no criteria"):
        await container.merges.undo(replace(caller, task_id=first), first, "it leaks")
    entry = await carry_out(await container.merges.undo(caller, first, "it leaks"))
    assert (entry["state"], entry["override_reason"]) == ("merged", "it leaks")
    assert "not proven (two (of " in entry["message"]
    assert entry["message"].endswith("as an admin of the project wanted: it leaks")
    assert await read(container, project, "a.py") == "x = 1\n"
    told = [event.data for event in await container.tasks.events_of(caller, first) if event.kind == "merge.queued"]
    assert [one.get("override_reason") for one in told] == [None, None, "it leaks"]
    assert told[-1]["by"] == str(caller.user_id)
    proofs = [row for row in await container.task_proofs.proof(caller, first) if row["merge_id"] == entry["id"]]
    assert [row["verdict"] for row in proofs] == ["failed"], "what failed is kept"


async def test_what_a_dead_worker_left_is_gone_on_with_and_nothing_is_merged_twice(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, run_attempt: RunAttempt
) -> None:
    project = await make_project(FILES)
    task = await approved(project, {"a.py": "x = 2\n"})
    entry = await container.merges.merge(caller, task, LOCAL)
    executor = container.merge_executor()
    close, container.merges.close = container.merges.close, _die  # type: ignore[method-assign]
    assert executor._queue is container.merges
    row = await run_attempt(entry["work_id"])
    assert row["state"] == "queued", row["error"]
    merged = await container.mirrors.head(project)
    assert await read(container, project, "a.py") == "x = 2\n"
    (left,) = await container.merges.of_task(caller, task)
    assert (left["state"], left["finished_at"]) == ("verifying", None)
    container.merges.close = close  # type: ignore[method-assign]
    row = await run_attempt(entry["work_id"], 2)
    assert row["state"] == "completed", row["error"]
    (entry,) = await container.merges.of_task(caller, task)
    assert (entry["state"], entry["merged_commit"]) == ("merged", merged)
    assert await container.mirrors.head(project) == merged


async def _die(*_: object, **__: object) -> None:
    raise asyncio.CancelledError


async def test_the_monitor_closes_what_failed_and_gives_the_next_its_turn(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, carry_out: Any
) -> None:
    project = await make_project(FILES)
    first = await approved(project, {"a.py": "x = 2\n"})
    second = await approved(project, {"b.py": "y = 2\n"})
    one = await container.merges.merge(caller, first, LOCAL)
    await container.merges.merge(caller, second, LOCAL)
    await container.tasks.cancel(caller, one["work_id"])
    await container.merges.sweep()
    (one,) = await container.merges.of_task(caller, first)
    assert (one["state"], one["message"]) == ("failed", "its task cancelled")
    (two,) = await container.merges.of_task(caller, second)
    assert two["work_id"] is not None
    assert (await carry_out(two))["state"] == "merged"
    assert await read(container, project, "a.py") == "x = 1\n"


async def test_a_merge_task_that_the_queue_did_not_make_merges_nothing(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready, run_attempt: RunAttempt
) -> None:
    project = await make_project(FILES)
    task = await approved(project, {"a.py": "x = 2\n"})
    entry = await container.merges.merge(caller, task, LOCAL)
    forged = TaskRequest("merge", {"merge_id": str(entry["id"])}, project_id=project)
    row = await run_attempt((await container.tasks.create(caller, forged))["id"])
    assert (row["state"], row["error"]["code"]) == ("failed", "not_found")
    assert await read(container, project, "a.py") == "x = 1\n"


# A repository of the user's own, on this machine.


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, env=GIT_ENV, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def source(roots: Path) -> Path:
    folder = roots / "mine"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


@pytest.fixture
async def mine(container: Container, caller: Caller, source: Path, roots: Path) -> UUID:
    project_id = new_id()
    info = await container.mirrors.create_from_path(project_id, source, roots=(roots,))
    async with container.database.session() as session:
        session.add(
            Project(id=project_id, owner_id=caller.user_id, name="mine", local_path=str(source), head_commit=info.head,
                    default_branch=info.default_branch, repository_state=RepositoryState.READY)
        )  # fmt: skip
        await session.flush()
        session.add(Membership(project_id=project_id, user_id=caller.user_id, role=Role.ADMIN))
    return project_id


async def test_a_clean_work_tree_of_the_user_follows_and_no_hook_of_theirs_runs(
    container: Container, caller: Caller, mine: UUID, source: Path, approved: Ready, carry_out: Any, tmp_path: Path
) -> None:
    for name in ("pre-receive", "update", "post-receive", "post-update", "push-to-checkout", "post-checkout"):
        (source / ".git" / "hooks").mkdir(exist_ok=True)
        (source / ".git" / "hooks" / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        (source / ".git" / "hooks" / name).chmod(0o755)
    task = await approved(mine, {"a.py": "x = 2\n", "new.py": "n = 1\n"})
    (source / "untracked.txt").write_text("stays")
    entry = await carry_out(await container.merges.merge(caller, task, LOCAL))
    assert entry["state"] == "merged", entry["message"]
    assert str(source) in entry["message"]
    assert git(source, "rev-parse", "main") == entry["merged_commit"] == await container.mirrors.head(mine)
    assert (source / "a.py").read_text() == "x = 2\n"
    assert (source / "new.py").read_text() == "n = 1\n"
    assert (source / "untracked.txt").read_text() == "stays"
    assert git(source, "status", "--porcelain") == "?? untracked.txt"
    assert list(tmp_path.glob("ran-*")) == []
    entry = await carry_out(await container.merges.undo(caller, task))
    assert entry["state"] == "merged", entry["message"]
    assert (source / "a.py").read_text() == "x = 1\n"
    assert not (source / "new.py").exists()


@pytest.mark.parametrize(("name", "text"), [("a.py", "x = 'mine'\n"), ("new.py", "not in git\n")])
async def test_what_the_user_works_on_is_never_touched(
    container: Container,
    caller: Caller,
    mine: UUID,
    source: Path,
    approved: Ready,
    carry_out: Any,
    name: str,
    text: str,
) -> None:
    task = await approved(mine, {"a.py": "x = 2\n", "new.py": "n = 1\n"})
    before = git(source, "rev-parse", "main")
    (source / name).write_text(text)
    entry = await carry_out(await container.merges.merge(caller, task, LOCAL))
    assert entry["state"] == "failed"
    assert entry["message"].startswith(f"nothing was changed in {source}; its work tree has changes of its own")
    assert (source / name).read_text() == text
    assert git(source, "rev-parse", "main") == before == await container.mirrors.head(mine)
    (source / name).write_text(FILES["a.py"]) if name == "a.py" else (source / name).unlink()
    assert (await carry_out(await container.merges.merge(caller, task, LOCAL)))["state"] == "merged"


async def test_commits_the_user_made_meanwhile_are_merged_with(
    container: Container, caller: Caller, mine: UUID, source: Path, approved: Ready, carry_out: Any
) -> None:
    task = await approved(mine, {"a.py": "x = 2\n"})
    (source / "b.py").write_text("y = 'mine'\n")
    git(source, "commit", "-q", "-a", "-m", "meanwhile")
    own = git(source, "rev-parse", "HEAD")
    git(source, "checkout", "-q", "-b", "elsewhere")
    entry = await carry_out(await container.merges.merge(caller, task, LOCAL))
    assert (entry["state"], entry["base_commit"]) == ("merged", own)
    assert git(source, "show", "main:a.py") == "x = 2"
    assert git(source, "show", "main:b.py") == "y = 'mine'"
    assert (source / "a.py").read_text() == "x = 1\n"
    assert git(source, "status", "--porcelain") == ""


async def test_a_method_that_does_not_fit_the_project_is_refused(
    container: Container, caller: Caller, make_project: MakeProject, approved: Ready
) -> None:
    project = await make_project(FILES)
    task = await approved(project, {"a.py": "x = 2\n"})
    with pytest.raises(InvalidInput) as refused:
        await container.merges.merge(caller, task, MergeMethod.PULL_REQUEST)
    assert refused.value.field == "method"
    async with container.database.session() as session:
        found = await session.get(Project, project)
        assert found is not None
        found.repository_url, found.template = "https://git.example.org/x/y.git", None
    with pytest.raises(InvalidInput) as refused:
        await container.merges.merge(caller, task, LOCAL)
    assert refused.value.field == "method"
