"""What ended work leaves on the disk: swept where nobody misses it, kept and listed where it holds changes."""

import os
from datetime import timedelta
from uuid import UUID

import httpx
from sqlalchemy import func, update

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.ids import new_id
from orchestrator.git.checkpoints import checkpoint_names
from orchestrator.git.program import run_git
from orchestrator.git.worktree import Worktree, in_use
from orchestrator.models import TaskRow
from orchestrator.services.task_service import TaskRequest
from tests.accounts.doors import caller, client, container, enter
from tests.agents.conftest import MakeProject, RunTask

__all__ = ["caller", "client", "container"]


async def task_of(container: Container, caller: Caller, project: UUID) -> UUID:
    request = TaskRequest("scripted", {"steps": [{"do": "say", "text": "hello"}]}, project_id=project)
    return UUID(str((await container.tasks.create(caller, request))["id"]))


async def ended(container: Container, task: UUID, ago: timedelta) -> None:
    """Have the task be over for so long."""
    when = update(TaskRow).where(TaskRow.id == task).values(finished_at=func.now() - ago)
    async with container.database.transaction() as connection:
        await connection.execute(when)


async def tree(container: Container, project: UUID, name: str, *, dirty: bool = False) -> Worktree:
    """A work tree that was made a day ago."""
    made = await container.worktrees.add(project, name, await container.mirrors.head(project))
    os.utime(made.git_dir / "commondir", (1_000_000, 1_000_000))
    if dirty:
        (made.path / "new.py").write_text("x = 1\n")
    return made


async def names(container: Container, project: UUID) -> list[str]:
    return [found.name for found in await container.worktrees.list(project)]


async def test_homes_go_a_day_after_their_task_ended_and_no_earlier(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": ""})
    over, just_over, waiting, nobodys = [await task_of(container, caller, project) for _ in range(3)] + [new_id()]
    for task in (over, just_over):
        assert (await run_task(task))["state"] == "completed"
    await ended(container, over, timedelta(days=2))
    for task in (over, just_over, waiting, nobodys):
        sealed = container.homes.of(task) / "cache"
        sealed.mkdir()
        (sealed / "file").touch()
        sealed.chmod(0o500)
    (container.settings.data_dir / "homes" / "not-a-home-of-ours").mkdir()
    await container.left_behind.sweep()
    assert set(await container.homes.list()) == {just_over, waiting}


async def test_trees_that_a_killed_verification_left_go_and_those_in_use_or_just_made_stay(
    container: Container, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": ""})
    await tree(container, project, "proof-0123456789ab-1", dirty=True)
    await tree(container, project, "merge-0123456789ab-1")
    used = await tree(container, project, "proof-0123456789ac-1")
    await container.worktrees.add(project, "proof-0123456789ad-1", await container.mirrors.head(project))
    await tree(container, project, "browse-0123456789ab")
    async with in_use(used):
        await container.left_behind.sweep()
    left = ["browse-0123456789ab", "proof-0123456789ac-1", "proof-0123456789ad-1"]
    assert await names(container, project) == left


async def test_clean_trees_of_ended_tasks_go_and_those_with_changes_are_kept_and_listed(
    container: Container, caller: Caller, client: httpx.AsyncClient, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": ""})
    over, dirty, waiting = [await task_of(container, caller, project) for _ in range(3)]
    for task in (over, dirty):
        await run_task(task)
        await ended(container, task, timedelta(hours=2))
    await tree(container, project, over.hex[-12:])
    await tree(container, project, f"{dirty.hex[-12:]}-2", dirty=True)
    used = await tree(container, project, waiting.hex[-12:])
    await container.left_behind.sweep()
    async with in_use(used):
        answer = (await client.get(f"/projects/{project}/worktrees")).json()
    assert answer["total"] == 2
    seen = {item["task_id"]: (item["is_dirty"], item["is_in_use"]) for item in answer["items"]}
    assert seen == {str(dirty): (True, False), str(waiting): (False, True)}

    refused = await client.delete(f"/projects/{project}/worktrees/{waiting.hex[-12:]}")
    assert (refused.status_code, "cancel the task first" in refused.text) == (409, True)
    assert (await client.delete(f"/projects/{project}/worktrees/..%2F..%2Fetc")).status_code in (404, 422)
    assert (await client.delete(f"/projects/{project}/worktrees/{dirty.hex[-12:]}-2")).status_code == 204
    assert await names(container, project) == [waiting.hex[-12:]]


async def test_strangers_see_and_remove_no_work_tree(
    container: Container, client: httpx.AsyncClient, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": ""})
    kept = await tree(container, project, "0123456789ab", dirty=True)
    await enter(client, "eve@example.org")
    assert (await client.get(f"/projects/{project}/worktrees")).status_code == 404
    assert (await client.delete(f"/projects/{project}/worktrees/{kept.name}")).status_code == 404
    assert await names(container, project) == [kept.name]


async def test_checkpoints_of_tasks_that_are_long_over_are_let_go(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": ""})
    old, recent, kept = [await task_of(container, caller, project) for _ in range(3)]
    for task, days in ((old, 31), (recent, 29), (kept, 31)):
        await run_task(task)
        await ended(container, task, timedelta(days=days))
    await tree(container, project, kept.hex[-12:], dirty=True)
    mirror, head = container.mirrors.require(project), await container.mirrors.head(project)
    for name in (old.hex[-12:], f"{old.hex[-12:]}-2", recent.hex[-12:], kept.hex[-12:], "0123456789ab"):
        await run_git("update-ref", f"refs/orchestrator/checkpoints/{name}", head, cwd=mirror)
    await container.left_behind.sweep()
    assert set(await checkpoint_names(mirror)) == {recent.hex[-12:], kept.hex[-12:]}
