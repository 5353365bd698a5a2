"""A task with acceptance criteria completes when a verifier proved them on the merge result, and otherwise never."""

import asyncio
from uuid import UUID

import pytest

from orchestrator.agents.base import AgentKind
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.events import EventKind
from orchestrator.git.program import run_git
from orchestrator.services.task_service import TaskRequest
from tests.proof.conftest import (
    PYTHON,
    Hand,
    MakeProject,
    RunAttempt,
    Writer,
    commit_to_base,
    events,
    put,
    python,
)

FILES = {"a.py": "x = 1\n", "b.py": "y = 1\n"}


async def test_a_proven_change_completes_with_its_proof(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    put(container, Writer({"a.py": "x = 2\n"}))
    project = await make_project(FILES)
    task = await hand_in(project, [python("import a; print('x is', a.x); assert a.x == 2", name="x is two")])
    row = await run_attempt(task)
    assert (row["state"], row["reason"]) == ("completed", "ok"), row["error"]
    proof = row["result"]["proof"]
    assert proof["met"]
    assert [(one["name"], one["verdict"]) for one in proof["criteria"]] == [
        ("merges with the present base", "passed"),
        ("x is two", "passed"),
    ]
    merge, criterion = await container.task_proofs.proof(caller, task)
    assert criterion["exit_code"] == 0
    assert criterion["output"] == "x is 2\n"
    assert criterion["enclosed"]
    assert criterion["commit"] == merge["commit"] == row["result"]["commit"]
    (attempt,) = await container.task_proofs.attempts(caller, task)
    assert attempt["change"]["files"] == 1
    assert [one["verdict"] for one in attempt["proof"]] == ["passed", "passed"]
    assert await container.worktrees.list(project) == ()
    assert len(await events(container, caller, task, EventKind.PROOF_RESULT)) == 2


async def test_an_unmet_criterion_is_retried_with_what_it_said_and_never_completes(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    agent = put(container, Writer({"a.py": "x = 3\n"}))
    project = await make_project(FILES)
    task = await hand_in(project, [python("import a; assert a.x == 2, 'x should be two'")], max_attempts=2)
    row = await run_attempt(task)
    assert row["state"] == "queued"
    (ended,) = await events(container, caller, task, EventKind.ENDED)
    assert ended.data["reason"] == "criteria_unmet"
    row = await run_attempt(task, 2)
    assert (row["state"], row["reason"]) == ("failed", "criteria_unmet")
    assert row["error"]["details"]["proof"][1]["verdict"] == "failed"
    assert "x should be two" not in agent.feedback[0]
    assert "x should be two" in agent.feedback[1]
    assert [attempt["reason"] for attempt in await container.task_proofs.attempts(caller, task)] == [
        "criteria_unmet"
    ] * 2


async def test_an_agent_that_can_goes_on_from_the_change_that_fell_short(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    agent = put(container, Writer({"c.py": "z = 1\n"}, {"d.py": "z = 2\n"}, kind=AgentKind.LLM))
    project = await make_project(FILES)
    task = await hand_in(project, [python("import c, d")])
    await run_attempt(task)
    row = await run_attempt(task, 2)
    assert row["state"] == "completed", row["error"]
    assert agent.found == [["a.py", "b.py"], ["a.py", "b.py", "c.py"]]
    assert sorted(file["path"] for file in row["result"]["files"]) == ["c.py", "d.py"]
    assert row["result"]["base_commit"] == await container.mirrors.head(project)


async def test_what_is_verified_is_the_merge_with_the_base_of_that_moment(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    agent = put(container, Writer({"a.py": "x = 2\n"}))
    project = await make_project(FILES)

    async def others() -> None:
        await commit_to_base(container, project, {"b.py": "y = 2\n"})

    agent.meanwhile = others
    task = await hand_in(project, [python("import a, b; assert (a.x, b.y) == (2, 2)")])
    row = await run_attempt(task)
    assert row["state"] == "completed", row["error"]
    _, proof = await container.task_proofs.proof(caller, task)
    assert proof["commit"] not in (row["result"]["commit"], await container.mirrors.head(project))
    parents = await run_git("log", "-1", "--format=%P", proof["commit"], cwd=container.mirrors.path(project))
    assert parents.text.split() == [await container.mirrors.head(project), row["result"]["commit"]]


async def test_a_conflict_with_the_present_base_is_an_unmet_criterion_that_names_the_files(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    agent = put(container, Writer({"a.py": "x = 2\n", "c.py": "z = 1\n"}))
    project = await make_project(FILES)

    async def others() -> None:
        await commit_to_base(container, project, {"a.py": "x = 'other'\n"})

    agent.meanwhile = others
    task = await hand_in(project, [python("pass")], max_attempts=1)
    row = await run_attempt(task)
    assert (row["state"], row["reason"]) == ("failed", "criteria_unmet")
    merge, criterion = await container.task_proofs.proof(caller, task)
    assert (merge["verdict"], merge["why"]) == ("failed", "conflicts in a.py")
    assert (criterion["verdict"], criterion["why"]) == (
        "unknown",
        "not run: it does not merge with the present base",
    )


async def test_what_cannot_be_checked_is_unknown_and_not_worth_another_attempt(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    put(container, Writer({"a.py": "x = 2\n"}))
    project = await make_project(FILES)
    criteria = [
        {"kind": "command", "command": ["no-such-program"]},
        {"kind": "command", "command": ["/etc/passwd"]},
        {"kind": "ask", "query": "ASK {}", "name": "graph"},
        python("pass", network=True, name="net"),
        {"kind": "tests", "select": ["test_none.py"], "runner": [PYTHON, "-m", "pytest"]},
        python("pass", name="good"),
    ]
    row = await run_attempt(await hand_in(project, criteria))
    assert (row["state"], row["reason"], row["error"]["code"]) == ("failed", "criteria_unmet", "criteria_unchecked")
    told = {one["name"]: (one["verdict"], one["why"]) for one in row["error"]["details"]["proof"]}
    assert told["no-such-program"] == ("unknown", "there is no program 'no-such-program' here")
    assert told["/etc/passwd"] == ("unknown", "there is no program '/etc/passwd' here")
    assert told["graph"][0] == "unknown"
    assert "criteria_network" in told["net"][1]
    assert told["test_none.py"] == ("unknown", "pytest was called wrongly")
    assert told["good"] == ("passed", "")


async def test_a_selection_of_tests_is_run_on_the_result(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    put(container, Writer({"test_a.py": "import a\n\ndef test_x():\n    assert a.x == 2\n\ndef test_y():\n    pass\n"}))
    project = await make_project(FILES)
    pytest_ = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    good = {"kind": "tests", "select": ["test_a.py::test_y"], "runner": pytest_}
    bad = {"kind": "tests", "select": ["test_a.py"], "runner": pytest_}
    row = await run_attempt(await hand_in(project, [good, bad], max_attempts=1))
    told = {one["name"]: (one["verdict"], one["exit_code"]) for one in row["error"]["details"]["proof"][1:]}
    assert told == {"test_a.py::test_y": ("passed", 0), "test_a.py": ("failed", 1)}


ASK = """PREFIX c: <https://w3id.org/orchestrator/code#>
ASK {{ ?f c:qualifiedName "{name}" }}"""


async def test_the_graph_of_the_result_is_asked_and_observed(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    put(container, Writer({"c.py": "def made():\n    return 1\n"}))
    project = await make_project(FILES)
    built = await container.tasks.create(caller, TaskRequest("graph_build", project_id=project))
    assert (await run_attempt(built["id"]))["state"] == "completed"
    made, gone = ASK.format(name="c.made"), ASK.format(name="c.gone")
    try:
        criteria = [{"kind": "ask", "query": made, "name": "made"},
                    {"kind": "ask", "query": gone, "name": "gone", "expects": False},
                    {"kind": "ask", "query": "ASK { broken", "name": "broken"},
                    {"kind": "ask", "query": gone, "name": "wanted"}]  # fmt: skip
        row = await run_attempt(await hand_in(project, criteria, max_attempts=1))
    finally:
        folder = container.views.graph_folder(project)
        await asyncio.gather(container.queries.stop(folder), container.updates.stop(folder))
    told = {one["name"]: one["verdict"] for one in row["error"]["details"]["proof"][1:]}
    assert told == {"made": "passed", "gone": "passed", "broken": "unknown", "wanted": "failed"}


async def test_a_task_that_changes_no_code_is_checked_on_a_tree_nobody_can_write(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    project = await make_project(FILES)
    criteria = [python("import a; assert a.x == 1", name="reads"), python("open('c.py', 'w')", name="writes")]
    row = await run_attempt(await hand_in(project, criteria, "file_search", given={"pattern": "*.py"}, max_attempts=1))
    assert row["reason"] == "criteria_unmet"
    assert {one["name"]: one["verdict"] for one in row["error"]["details"]["proof"]} == {
        "reads": "passed",
        "writes": "failed",
    }


async def test_an_attempt_that_is_over_stores_no_proof(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    agent = put(container, Writer({"a.py": "x = 2\n"}))
    project = await make_project(FILES)
    task = await hand_in(project, [python("pass")])

    async def lose() -> None:
        async with container.database.transaction() as connection:
            await connection.exec_driver_sql(f"UPDATE tasks SET generation = 7 WHERE id = '{task}'")

    agent.meanwhile = lose
    row = await run_attempt(task)
    assert (row["state"], row["generation"]) == ("running", 7)
    assert await container.task_proofs.proof(caller, task) == []


@pytest.mark.parametrize("number", [1])
async def test_a_diff_is_told_hunk_by_hunk(
    container: Container, caller: Caller, make_project: MakeProject, hand_in: Hand, run_attempt: RunAttempt, number: int
) -> None:
    project = await make_project({"a.py": "".join(f"line {n}\n" for n in range(1, 31)), "old.py": "same\n" * 20})
    lines = [f"line {n}\n" for n in range(1, 31)]
    lines[1], lines[28] = "two\n", "--- twenty-nine\n+++ more\n"
    agent = put(container, Writer({"a.py": "".join(lines), "new name.py": "same\n" * 20, "b.bin": "\0\1"}))

    async def forget() -> None:
        worktree = (await container.worktrees.list(project))[0]
        (worktree.path / "old.py").unlink()

    agent.meanwhile = forget
    task: UUID = await hand_in(project, [])
    assert (await run_attempt(task))["state"] == "completed"
    shown = await container.task_proofs.diff(caller, task, number)
    files = {file.path: (file, hunks) for file, hunks in shown.files}
    assert set(files) == {"a.py", "new name.py", "b.bin"}
    renamed, none = files["new name.py"]
    assert (renamed.status, renamed.old_path, none) == ("renamed", "old.py", ())
    assert files["b.bin"][0].binary
    first, second = files["a.py"][1]
    assert (first.old_start, first.new_start) == (1, 1)
    changed = [(line.kind, line.old, line.new, line.text) for line in second.lines if line.kind != "context"]
    assert changed == [
        ("removed", 29, None, "line 29"),
        ("added", None, 29, "--- twenty-nine"),
        ("added", None, 30, "+++ more"),
    ]
