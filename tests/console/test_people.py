"""A person and agents in a real browser: questions answered, work paused, forked, reviewed line by line and merged.

Tasks are handed in by the API.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.console.conftest import Console
from tests.console.person import picture, post, register

SAY = {"do": "say", "text": "begun"}
LEAVE = {"do": "permit", "tool": "execute", "text": "Run the tests", "path": "shop/orders.py"}


@pytest.mark.timeout(300)
async def test_agents_are_answered_paused_forked_and_reviewed_in_the_console(
    console: Console, repository: Path
) -> None:
    page = console.page
    await register(page, console.url)
    body = {"name": "Shop", "path": str(repository), "build_graph": False}
    project = (await post(page, "/api/v1/projects", body))["project_id"]
    await _answer_in_the_inbox(page, console.url)
    await _keep_rules(page)
    await _pause_and_resume(page, console.url)
    await _fork(page)
    await page.goto(f"{console.url}/projects/{project}")
    await expect(page.locator("[data-state=ready]")).to_be_visible(timeout=60_000)
    await _review_by_lines_and_merge(page, console.url, project)
    tries = await _choose_among_tries(page, console.url, project)
    await _see_it_on_a_phone(page, console.url, tries)
    assert console.problems == []


async def _hand_in(page: Page, *steps: dict[str, Any], **more: Any) -> str:
    body = {"type": "scripted", "input": {"steps": list(steps)}, "preferred_target": "agent:scripted", **more}
    return str((await post(page, "/api/v1/tasks", body))["task_id"])


async def _answer_in_the_inbox(page: Page, url: str) -> None:
    await _hand_in(page, LEAVE, SAY, title="Check the shop")
    inbox = page.get_by_role("navigation", name="Areas").get_by_role("link", name="Inbox")
    await expect(inbox).to_contain_text("1 waiting", timeout=60_000)
    await inbox.click()
    asked = page.get_by_role("article", name=re.compile("Run the tests"))
    await expect(asked).to_contain_text("shop/orders.py")
    await expect(asked.get_by_role("timer")).to_contain_text("left")
    await picture(page, "people-inbox")
    await asked.get_by_role("checkbox", name="Remember this as a rule").check()
    await asked.get_by_role("button", name="Allow", exact=True).click()
    await expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    await expect(inbox).not_to_contain_text("waiting")


async def _keep_rules(page: Page) -> None:
    await page.get_by_role("tab", name="Rules for agents").click()
    rules = page.get_by_role("region", name="1 rule")
    await expect(rules).to_contain_text("execute")
    form = page.get_by_role("region", name="New rule")
    await form.get_by_label("Command", exact=True).fill("git push*")
    await form.get_by_label("Why", exact=True).fill("People push.")
    await form.get_by_label("Why", exact=True).press("Enter")  # the keyboard is enough
    await expect(page.get_by_role("region", name="2 rules")).to_contain_text("People push.")
    await picture(page, "people-rules")
    await page.get_by_role("button", name="Remove the rule about git push*").click()
    await expect(rules).not_to_contain_text("git push*")


async def _pause_and_resume(page: Page, url: str) -> None:
    which = {"do": "ask", "text": "Which way?", "steps": ["left", "right"]}
    task = await _hand_in(page, SAY, {"do": "wait", "seconds": 4}, which, title="Go somewhere")
    await page.goto(f"{url}/tasks/{task}")
    await page.get_by_role("button", name="Pause", exact=True).click()
    paused = page.get_by_role("region", name="Paused")
    await paused.get_by_label("What its agent is told").fill("Take your time.")
    await picture(page, "people-paused")
    await paused.get_by_role("button", name="Resume").click()
    asked = page.get_by_role("region", name="It asks")
    await expect(asked).to_contain_text("Which way?", timeout=60_000)
    await asked.get_by_role("button", name="right").click()
    await expect(page.locator("[data-state=completed]")).to_be_visible(timeout=60_000)
    events = page.get_by_role("list", name="Events")
    await expect(events.locator("[data-kind='task.resumed']")).to_contain_text("Take your time.")


async def _fork(page: Page) -> None:
    first = page.url
    await page.get_by_role("button", name=re.compile(r"Fork from event \d+")).last.click()
    dialog = page.get_by_role("dialog", name=re.compile("Fork from event"))
    await dialog.get_by_label("What its agent is told").fill("Now the other way.")
    await picture(page, "people-fork")
    await dialog.get_by_role("button", name="Fork", exact=True).click()
    await expect(page.get_by_role("note", name="Fork")).to_contain_text("It does not have: ")
    assert page.url != first
    await picture(page, "people-forked")


async def _review_by_lines_and_merge(page: Page, url: str, project: str) -> None:
    change = {"do": "write", "path": "shop/stock.py", "text": '"""What is in stock."""\n\nSTOCK = 3\n'}
    task = await _hand_in(
        page, change, project_id=project, preferred_target="agent:scripted-editor", title="Count the stock"
    )
    await page.goto(f"{url}/tasks/{task}")
    diff = page.get_by_role("tabpanel", name="Diff")
    review = page.get_by_role("region", name="Review")
    await expect(review).to_be_visible(timeout=60_000)  # the change is whole: a diff that still grows is drawn again
    await diff.get_by_text("STOCK = 3").click(timeout=60_000)
    await page.get_by_label("Comment on line 3 of shop/stock.py").fill("Why three?")
    await picture(page, "people-comment")
    await page.get_by_role("button", name="Add comment").click()
    await expect(diff).to_contain_text("not sent yet")
    line = diff.get_by_role("button", name="Comment on line 1", exact=True)
    await line.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.keyboard.insert_text("An empty line.")
    await page.keyboard.press("Control+Enter")
    await expect(review).to_contain_text("2 comments on lines will go with it")
    await picture(page, "people-review")
    await review.get_by_role("button", name="Approve").click()
    await expect(review).to_contain_text("shop/stock.py:3")
    await expect(diff).not_to_contain_text("not sent yet")
    await expect(diff).to_contain_text("Why three?")
    await review.get_by_role("button", name="Merge", exact=True).click()
    await review.get_by_role("button", name="Undo the merge").click(timeout=90_000)
    await expect(review).to_contain_text("undo")
    await picture(page, "people-merged")


async def _choose_among_tries(page: Page, url: str, project: str) -> str:
    """Two tries at the same; their changes stand side by side, and the second one is taken."""
    change = {"do": "write", "path": "shop/till.py", "text": "TILL = []\n"}
    wanted = {"agents": ["agent:scripted-editor"], "count": 2}
    task = await _hand_in(page, change, project_id=project, tries=wanted, title="Buy a till")
    await page.goto(f"{url}/tasks/{task}")
    asked = page.get_by_role("region", name="It asks")
    await asked.get_by_role("link", name="See the tries side by side").click(timeout=90_000)
    first, second = (page.get_by_role("article", name=f"Try {number}") for number in (1, 2))
    for column in (first, second):
        await expect(column).to_contain_text("Scripted editor")
        await expect(column.get_by_label("Diff")).to_contain_text("TILL = []")
    await picture(page, "people-tries")
    await second.get_by_role("button", name="Choose try 2").click()
    await expect(second.locator("[data-state=chosen]")).to_be_visible()
    await expect(page.locator("h1 + [data-state=completed], header [data-state=completed]").first).to_be_visible(
        timeout=90_000
    )
    await expect(page.get_by_role("button", name="None of them")).not_to_be_visible()
    return f"{url}/tasks/{task}/tries"


async def _see_it_on_a_phone(page: Page, url: str, tries: str) -> None:
    """At the width of a phone, in the dark: no page is wider than the screen."""
    task = tries.removesuffix("/tries")
    await _hand_in(page, {"do": "ask", "text": "What shall the shop be called?"}, title="Name the shop")
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 375, "height": 780})
    for name, address in (("inbox", f"{url}/inbox"), ("rules", f"{url}/inbox/rules"), ("task", task), ("tries", tries)):
        await page.goto(address)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        if name == "inbox":
            await expect(page.get_by_role("textbox", name="Answer")).to_be_visible(timeout=60_000)
        if name == "task":
            await expect(page.get_by_role("tabpanel", name="Diff")).to_contain_text("TILL = []")
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"the page {name} is {wide} px wider than a phone"
        await picture(page, f"people-phone-{name}")
