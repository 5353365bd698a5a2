"""The demo's tasks, each shown whole: the route with every candidate, the events as they come, the result.

What the questions are about is looked up in the project's own graph, so that they fit any repository. Used by ``demo``.
"""

import asyncio
import json
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.events import print_event
from orchestrator.cli.client.result import result_view
from orchestrator.cli.client.route import route_view
from orchestrator.cli.client.screen import clean, count
from orchestrator.cli.commands.kg import sparql_table
from orchestrator.cli.demo.graph import Symbols, find_symbols, overview
from orchestrator.cli.demo.stage import Stage, Step
from orchestrator.core.errors import AgentFailed, NotFound, TimedOut

_SECONDS = 600.0
_LINES = 30

Task = dict[str, Any]


async def run_tasks(api: Api, stage: Stage, project: str) -> None:
    """Five kinds of task, by five kinds of target: a built-in server, a third-party one, an agent, none, a code-mod."""
    symbols = Symbols()
    async with stage.step("Task: find files (a built-in MCP server)") as step:
        task = await _carry_out(api, stage.out, project, "file_search", {"pattern": "*.py"})
        step.say(f"completed by {await _by(api, task)}")
    async with stage.step("Task: ask git (a third-party MCP server)") as step:
        given = {"repo_path": "${project.repository}", "max_count": 5}
        task = await _carry_out(api, stage.out, project, "git_history", given)
        step.say(f"completed by {await _by(api, task)}")
    async with stage.step("Task: ask the graph (an agent without a model)") as step:
        symbols = await find_symbols(api, project)
        task = await _carry_out(api, stage.out, project, "graph_question", {"question": symbols.question()})
        step.say(f"{symbols.question()}: completed by {await _by(api, task)}")
    async with stage.step("Task: one that no target can serve") as step:
        await _refused(api, stage.out, project, step)
    async with stage.step("Task: change code (a deterministic agent, in a worktree of its own)") as step:
        await _change(api, stage.out, project, symbols, step)


async def ask_the_graph(api: Api, out: Console, project: str, step: Step) -> None:
    """A query with its answer as a table."""
    query, answer = await overview(api, project)
    out.print(Syntax(query, "sparql", theme="ansi_dark", background_color="default", word_wrap=True))
    out.print(sparql_table(answer))
    told = f"{count(len(answer['rows']), 'row')} in {answer['seconds'] * 1000:.0f} ms"
    out.print(told, style="dim")
    step.say(told)
    if not answer["rows"]:
        raise NotFound("The graph has nothing to show.")


async def _change(api: Api, out: Console, project: str, symbols: Symbols, step: Step) -> None:
    """A lint autofix; where it finds nothing to fix, a rename, so that there is a diff to see."""
    task = await _carry_out(api, out, project, "lint_fix", {})
    if task["result"]["files"]:
        step.say(_told_change(task))
        return
    renames = symbols.renames()
    if not renames:
        out.print("\nNothing to fix here, and no Python function to rename: there is no diff to show.", style="yellow")
        step.say("completed; there is nothing to fix and nothing to rename")
        return
    out.print("\nNothing to fix here, so nothing was changed. A rename shows a diff instead.\n", style="yellow")
    refused = "nothing was changed"
    for symbol, name in renames:
        try:
            task = await _carry_out(api, out, project, "rename_symbol", {"symbol": symbol, "new_name": name})
        except AgentFailed as error:
            refused = error.message
            out.print(f"\n{clean(error.message, 500)}\nAnother symbol is tried.\n", style="yellow")
            continue
        if task["result"]["files"]:
            step.say(f"nothing to lint; {_told_change(task)}")
            return
    raise AgentFailed(f"Nothing to fix, and no rename worked: {refused}")


async def _refused(api: Api, out: Console, project: str, step: Step) -> None:
    """A task that must fail, at once and saying what would help."""
    needs = ["video_rendering"]
    task = await _watch(api, out, project, "render_video", {"scene": "intro"}, required_capabilities=needs)
    if (task["state"], task["reason"]) != ("failed", "no_target"):
        raise AgentFailed(f"It should have failed with no_target; it {task['state']} with {task['reason']}.")
    step.say("failed at once with no_target, as it must")


async def _carry_out(api: Api, out: Console, project: str, kind: str, given: dict[str, Any]) -> Task:
    """Show a task that must complete, with its result; AgentFailed when it does not."""
    task = await _watch(api, out, project, kind, given)
    if task["state"] != "completed":
        error = task["error"] or {}
        raise AgentFailed(f"{kind} {task['state']} ({task['reason']}): {error.get('message', 'no more is known')}")
    out.print(Text("\nResult", style="bold"))
    out.print(Padding(result_view(task["result"], _LINES), (0, 0, 0, 2)))
    return task


async def _watch(api: Api, out: Console, project: str, kind: str, given: dict[str, Any], **more: Any) -> Task:
    """Hand in a task, show its route and its events, and give it with its whole result."""
    body = {"type": kind, "input": given, **more}
    out.print(Text("POST /api/v1/tasks  ", style="bold").append(json.dumps(body, ensure_ascii=False), style="dim"))
    accepted = await api.post("/tasks", body | {"project_id": project})
    task_id = accepted["task_id"]
    out.print()
    out.print(route_view(await api.get(f"/tasks/{task_id}/route")))
    out.print(Text("Events", style="bold"))
    started = ""
    try:
        async with asyncio.timeout(_SECONDS):
            async for event in api.follow(task_id):
                started = started or event["at"]
                print_event(out, event, started)
    except TimeoutError as error:
        raise TimedOut(f"{kind} has not ended after {_SECONDS:g} s.") from error
    task: Task = await api.get(f"/tasks/{task_id}")
    if task["result_pointer"]:
        task["result"] = await api.get(f"/tasks/{task_id}/result")
    return task


async def _by(api: Api, task: Task) -> str:
    route = await api.get(f"/tasks/{task['task_id']}/route")
    return f"{route['target_name']} ({route['type']})"


def _told_change(task: Task) -> str:
    result = task["result"]
    return f"{task['type']}: {count(len(result['files']), 'file')} changed on {result['branch']}"
