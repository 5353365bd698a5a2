"""A person beside agents that work together: notes, claims, a team's graph that moves, and what is folded away.

Agents and teams are made by the API.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import Console
from tests.console.person import picture, post, shop

PATIENCE = 90_000
"""Milliseconds within which an agent is at work or done, on a machine that does much else."""


@pytest.fixture(autouse=True)
def _criteria_run_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no sandbox can be made."""
    monkeypatch.setenv("CRITERIA_NEED_SANDBOX", "false")


@pytest.mark.timeout(420)
async def test_notes_claims_and_a_teams_graph_are_seen_and_used_in_the_console(
    console: Console, repository: Path
) -> None:
    page = console.page
    project = await shop(console, repository)
    await _share_notes(page)
    await _see_claims_of_an_agent(page, project)
    team = await _watch_a_team(page, console.url, project)
    await _see_it_small_and_dark(page, console.url, project, team)
    assert console.problems == []


async def _share_notes(page: Page) -> None:
    await page.get_by_role("tab", name="Notes").click()
    await expect(page.get_by_role("region", name="To do")).to_contain_text("Nothing.")
    form = page.get_by_role("region", name="New note")
    await form.get_by_role("textbox", name="Note").fill("Prices have no currency yet.")
    await form.get_by_role("textbox", name="Topic").fill("prices")
    await form.get_by_role("checkbox", name="Something to do").check()
    await form.get_by_role("button", name="Post").click()
    todo = page.get_by_role("region", name="To do").get_by_role("article", name="Prices have no currency yet.")
    await expect(todo).to_contain_text("Ada Lovelace")
    await form.get_by_role("textbox", name="Note").fill("Orders are never deleted.\n<b>Never.</b>")
    await form.get_by_role("textbox", name="Note").press("Control+Enter")  # the keyboard is enough
    notes = page.get_by_role("region", name="1 note")
    await expect(notes).to_contain_text("<b>Never.</b>")
    await todo.get_by_role("button", name="Take").click()
    await expect(todo.locator("[data-state=doing]")).to_be_visible()
    await picture(page, "together-notes")
    await todo.get_by_role("button", name="Done").click()
    await expect(page.get_by_role("region", name="To do")).to_contain_text("Nothing.")
    both = page.get_by_role("region", name="2 notes")
    await both.get_by_role("textbox", name="Only this topic").fill("prices")
    await expect(page.get_by_role("region", name="1 note")).to_contain_text("Prices have no currency yet.")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.get_by_role("heading", name="No note of this topic")).to_be_visible()


async def _see_claims_of_an_agent(page: Page, project: str) -> None:
    steps = [
        {"do": "tool", "tool": "claim_symbols", "arguments": {"paths": ["shop/orders.py", "tests"]}},
        {"do": "tool", "tool": "post_note", "arguments": {"text": "I change the orders.", "todo": True}},
        {"do": "ask", "text": "May I go on?", "steps": ["yes"]},
    ]
    body = {
        "type": "scripted", "input": {"steps": steps}, "preferred_target": "agent:scripted", "project_id": project,
        "title": "Tidy the orders",
    }  # fmt: skip
    await post(page, "/api/v1/tasks", body)
    claims = page.get_by_role("region", name="Claims on code")
    held = claims.get_by_role("article", name="Claims of Tidy the orders")
    await expect(held).to_contain_text("shop/orders.py", timeout=PATIENCE)
    todo = page.get_by_role("article", name="I change the orders.")
    await expect(todo.get_by_role("link")).to_have_attribute("href", re.compile("/tasks/"), timeout=PATIENCE)
    await picture(page, "together-claims")
    await held.get_by_role("link", name="Tidy the orders").click()
    await page.get_by_role("region", name="It asks").get_by_role("button", name="yes").click(timeout=PATIENCE)
    await expect(page.locator("[data-state=completed]")).to_be_visible(timeout=PATIENCE)
    await page.get_by_role("link", name="Shop").click()
    await page.get_by_role("tab", name="Notes").click()
    await expect(claims).to_contain_text("None.")


def _edit(name: str, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "agent": "agent:scripted-editor", "input": {"steps": list(steps)}, **more}


def _write(path: str, text: str) -> dict[str, Any]:
    return {"do": "write", "path": path, "text": text}


async def _watch_a_team(page: Page, url: str, project: str) -> str:
    which = {"do": "ask", "text": "Which way for {{item}}?", "steps": ["left", "right"]}
    good = [{"kind": "command", "name": "the orders are there", "command": ["test", "-f", "shop/orders.py"]}]
    steps = [
        {"id": "plan", "agent": "agent:scripted", "input": {"steps": [{"do": "say", "text": "two ways"}]}},
        _edit("implement", which, _write("{{item}}.md", "{{plan.summary}}\n"), for_each="{{input.files}}",
              acceptance=good),
        _edit("docs", _write("docs.md", "{{plan.summary}}\n"), needs=["plan"]),
        {"id": "best", "choose": "implement"},
        _edit("finish", _write("end.md", "{{docs.summary}}\n"), start="best", needs=["docs"]),
    ]  # fmt: skip
    made = await post(page, "/api/v1/agents", {"name": "Shop team", "team": {"steps": steps}})
    body = {
        "agent_id": made["id"], "input": {"files": ["one", "two"]}, "project_id": project, "title": "Two ways",
    }  # fmt: skip
    task = (await post(page, "/api/v1/agents/execute", body))["task_id"]
    await page.goto(f"{url}/tasks/{task}")
    graph = page.get_by_role("group", name="Steps of the team")
    implement = graph.get_by_role("listitem", name="Step implement", exact=True)
    await expect(graph.get_by_role("listitem", name="Step plan", exact=True)).to_contain_text(
        "completed", timeout=PATIENCE
    )
    await expect(implement.get_by_role("link")).to_have_count(2, timeout=PATIENCE)
    await expect(implement).to_have_attribute("data-standing", "running")
    await expect(graph.locator("[data-standing=waiting]")).to_have_count(2)
    await expect(implement.get_by_role("link", name="implement: #2, running")).to_be_visible(timeout=PATIENCE)
    await picture(page, "together-team-at-work")
    for number in (1, 2):
        await implement.get_by_role("link", name=f"implement: #{number}").click()
        await page.get_by_role("region", name="It asks").get_by_role("button", name="left").click(timeout=PATIENCE)
        await page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Two ways").click()
    # It moves by itself: nobody loads the page again.
    await expect(implement.get_by_role("img", name="its acceptance criteria passed")).to_have_count(2, timeout=PATIENCE)
    await expect(graph.locator("[data-standing=completed]")).to_have_count(5, timeout=PATIENCE)
    await expect(page.get_by_role("tabpanel", name="Diff")).to_contain_text("end.md", timeout=PATIENCE)
    tree = page.get_by_role("button", name="5 tasks made of it, as a tree")
    await tree.click()
    await expect(page.get_by_role("link", name="implement[1]")).to_be_visible()
    await tree.press("Enter")
    await expect(page.get_by_role("link", name="implement[1]")).to_have_count(0)
    route = page.get_by_role("region", name="Route")
    await expect(route).to_contain_text("Shop team")
    await expect(page.get_by_role("table", name="Candidates")).to_have_count(0)
    await picture(page, "together-team-done")
    await route.get_by_role("button", name="scores and reasons").click()
    await expect(page.get_by_role("table", name="Candidates")).to_contain_text("Shop team")
    return str(task)


async def _see_it_small_and_dark(page: Page, url: str, project: str, task: str) -> None:
    """In the dark, wide and at the width of a phone: no page is wider than the screen."""
    pages = {"notes": f"{url}/projects/{project}/notes", "team": f"{url}/tasks/{task}", "agents": f"{url}/agents"}
    await page.emulate_media(color_scheme="dark")
    for width in (1360, 390):
        await page.set_viewport_size({"width": width, "height": 850})
        for name, address in pages.items():
            await page.goto(address)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            if name == "agents":
                await page.get_by_role("button", name="Its steps", exact=True).click()
            if name != "notes":
                await expect(page.get_by_role("listitem", name="Step finish")).to_be_visible()
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"the page {name} is {wide} px wider than the screen"
            await picture(page, f"together-dark-{width}-{name}")
