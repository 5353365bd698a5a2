"""What a project remembers in its graph: the repository's history, and which task changed which function."""

from typing import Any
from uuid import UUID

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.events import EventKind
from orchestrator.kg.shared_graphs import shared_files
from tests.agents.conftest import MakeProject, RunTask
from tests.agents.test_run_agent import events, make_task

TREE = {"a.py": "def old():\n    return 1\n\n\ndef other():\n    return old()\n", "b.py": "from a import old\nold()\n"}


async def ask(container: Container, project: UUID, question: str, **given: Any) -> dict[str, Any]:
    return await container.questions.ask(container.views.graph_folder(project), question, given)


async def build(container: Container, caller: Caller, run_task: RunTask, project: UUID) -> UUID:
    task = await make_task(container, caller, "graph_build", project)
    row = await run_task(task)
    assert row["state"] == "completed", row["error"]
    return task


async def test_a_build_reads_the_history_too_and_tells_how_far_it_is(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project(TREE)
    task = await build(container, caller, run_task, project)
    (owner,) = (await ask(container, project, "owners", path="a.py"))["owners"]
    assert (owner["author"], owner["commits"], owner["share"]) == ("Ada", 1, 1.0)
    told = await ask(container, project, "who_changed", symbol="a.old")
    assert [(row["author"], row["title"]) for row in told["commits"]] == [("Ada", "First commit")]
    told_of = [one.data for one in await events(container, caller, task, EventKind.PROGRESS)]
    assert {"phase": "commits", "done": 1} in told_of


async def test_a_graph_says_what_its_terms_mean(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project(TREE)
    await build(container, caller, run_task, project)
    text = "PREFIX c: <https://w3id.org/orchestrator/code#> SELECT ?said { c:mayCall rdfs:comment ?said }"
    text = f"PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> {text}"
    answer = await container.questions.sparql(container.views.graph_folder(project), text)
    assert "candidate" in answer["answer"]["results"]["bindings"][0]["said"]["value"]


async def test_a_task_that_changed_functions_is_found_by_them(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project(TREE)
    await build(container, caller, run_task, project)
    assert any("No task" in text for text in (await ask(container, project, "who_changed", symbol="a.old"))["unknown"])
    task = await make_task(container, caller, "rename_symbol", project, symbol="a.old", new_name="new")
    row = await run_task(task)
    assert await container.work_graphs.sweep() == 1
    assert await container.work_graphs.sweep() == 0
    for symbol in ("a.old", "a.other"):
        (found,) = (await ask(container, project, "who_changed", symbol=symbol))["tasks"]
        assert (found["task"], found["state"], found["agent"]) == (str(task), "completed", "rename-symbol")
        assert found["tests"] == "unknown"
    (by_file,) = (await ask(container, project, "who_changed", symbol="b.py"))["tasks"]
    assert by_file["task"] == str(task)
    produced = await container.questions.sparql(
        container.views.graph_folder(project),
        f"PREFIX c: <https://w3id.org/orchestrator/code#> ASK {{ ?t c:produced <urn:orchestrator:project:{project}"
        f"/commit/{row['result']['commit']}> }}",
    )
    assert produced["answer"]["boolean"] is True


async def test_work_survives_the_next_build_and_a_fresh_service_finds_what_it_missed(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project(TREE)
    task = await make_task(container, caller, "rename_symbol", project, symbol="a.old", new_name="new")
    await run_task(task)
    assert await container.work_graphs.sweep() == 0  # there is no graph yet
    await build(container, caller, run_task, project)
    await build(container, caller, run_task, project)
    (found,) = (await ask(container, project, "who_changed", symbol="a.old"))["tasks"]
    assert found["task"] == str(task)
    names = [path.stem for path in shared_files(container.views.graph_folder(project))]
    assert names == ["history", "ontology", f"work-{task}"]
