"""Programs as agents of tasks: in worktrees of real repositories, ending in a branch; and who may set a command."""

import sys
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from orchestrator.agents.acp.agent import AcpAgent
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import Forbidden, InvalidInput, NotAuthenticated
from orchestrator.core.events import EventKind
from orchestrator.core.ids import new_id
from orchestrator.services.task_service import TaskRequest
from orchestrator.services.task_tokens import TaskTokens
from tests.agents.conftest import MakeProject, RunTask

PROGRAM = {
    "command": sys.executable,
    "args": ["-P", "-m", "orchestrator.agents.scripted.acp_process"],
    "key_env": "KEY_OF_THE_AGENT",
}


def terminals(container: Container) -> None:
    agent = container.agents._catalogue.builtins["agent:scripted-acp"]
    assert isinstance(agent, AcpAgent)
    agent.launch = replace(agent.launch, terminals=True)


async def hand_in(container: Container, caller: Caller, project: UUID, *steps: dict[str, Any]) -> UUID:
    request = TaskRequest("scripted", {"steps": list(steps)}, project_id=project, preferred_target="agent:scripted-acp")
    row = await container.tasks.create(caller, request)
    assert row["target_id"] == "agent:scripted-acp"
    return UUID(str(row["id"]))


async def test_a_programs_changes_end_on_a_branch_of_their_own(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    steps = ({"do": "write", "path": "b.py", "text": "y = 2\n"}, {"do": "say", "text": "Wrote b.py"})
    task = await hand_in(container, caller, project, *steps)
    row = await run_task(task)
    assert (row["state"], row["reason"]) == ("completed", "ok"), row["error"]
    assert row["result"]["summary"] == "Wrote b.py"
    assert [file["path"] for file in row["result"]["files"]] == ["b.py"]
    read = await container.mirrors.read_file(project, row["result"]["commit"], "b.py")
    assert read == b"y = 2\n"
    assert await container.worktrees.list(project) == ()
    kinds = [event.kind for event in await container.tasks.events_of(caller, task)]
    assert [kind for kind in kinds if kind in (EventKind.TOOL_CALLED, EventKind.DIFF)] == ["tool.called", "diff.ready"]


async def test_a_program_sees_its_worktree_and_its_history_but_none_of_our_data(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    verdict = await container.agents._catalogue.starter.verdict()
    if not verdict.possible:
        pytest.skip(f"no sandbox here: {verdict.reason}")
    terminals(container)
    project = await make_project({"a.py": "x = 1\n"})
    secret = container.settings.data_dir / "encryption_key"
    assert secret.exists()
    line = f"git log --oneline | wc -l; cat {secret}; touch a.py && echo wrote; git commit --allow-empty -m x"
    row = await run_task(await hand_in(container, caller, project, {"do": "run", "text": line}))
    said = row["result"]["data"]["answer"]
    assert "1\n" in said
    assert f"{secret}: No such file or directory" in said
    assert "wrote" in said
    assert not said.startswith("0:")


async def test_only_an_admin_of_the_service_says_which_program_is_started(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    made = {"name": "Mine", "kind": "acp", "config": PROGRAM, "api_key": "sk-secret", "capabilities": ["coding"]}
    with pytest.raises(Forbidden, match="only an admin"):
        await container.agents.create(caller, made)
    admin = replace(caller, is_admin=True)
    entry = await container.agents.create(admin, made)
    assert entry.agent.info.changes_code
    assert "sk-secret" not in str(entry)
    with pytest.raises(Forbidden):
        await container.agents.change(caller, entry.id, {"config": {"args": ["-c", "evil"]}})
    changed = await container.agents.change(admin, entry.id, {"config": {"args": []}})
    assert not changed.has_api_key, "a key does not follow the agent to another program"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"command": ""}, "config.command"),
        ({"command": "x", "network": "all"}, "config.network"),
        ({"command": "x", "folders": [{"path": "/"}]}, "config.folders[0].path"),
        ({"command": "x", "env": {"A=B": "1"}}, "config.env"),
        ({"command": "x\0y"}, "config.command"),
    ],
)
async def test_a_wrong_program_is_refused_naming_the_field(
    container: Container, caller: Caller, config: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await container.agents.create(replace(caller, is_admin=True), {"name": "M", "kind": "acp", "config": config})
    assert refused.value.field == field


async def test_a_lent_token_reaches_the_projects_tools_only_and_ends_with_the_attempt(
    container: Container, caller: Caller, make_project: MakeProject
) -> None:
    project = await make_project({"a.py": ""})
    tokens = TaskTokens(container.database, container.tokens._stored, "http://127.0.0.1:1")
    task = new_id()
    async with tokens.lent(caller.user_id, project, task, 60) as access:
        lent = await container.tokens.caller_of_bearer(access.token)
        assert access.token not in repr(access)
    assert (lent.user_id, lent.project_id, lent.is_admin) == (caller.user_id, project, False)
    assert lent.scopes == {Scope.MCPS_READ, Scope.MCPS_EXECUTE, Scope.GRAPH_READ, Scope.TASKS_READ, Scope.TASKS_WRITE}
    assert lent.task_id == task
    with pytest.raises(NotAuthenticated):
        await container.tokens.caller_of_bearer(access.token)
