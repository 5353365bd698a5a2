"""A person's words in a real browser: half-written comments that outlive redraws, what an agent is told while it works,
a merge that is undone for a reason, and a task that is handed in with proof, a budget and tries.

Changes are handed in by the API.
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
async def test_words_are_kept_agents_steered_and_merges_undone_for_a_reason_in_the_console(
    console: Console, repository: Path
) -> None:
    page = console.page
    project = await shop(console, repository)
    await _keep_what_is_half_written(page, console.url, project)
    await _steer(page, console.url)
    await _raise_a_budget(page, console.url, project)
    await _set_a_budget(page, console.url)
    await _hand_in_with_proof_budget_and_tries(page, console.url, project)
    await _undo_for_a_reason(page, console.url, project)
    assert console.problems == []


async def _change(page: Page, project: str, path: str, text: str, *acceptance: Any, **more: Any) -> str:
    body = {
        "type": "scripted", "input": {"steps": [{"do": "write", "path": path, "text": text}]}, "project_id": project,
        "preferred_target": "agent:scripted-editor", "acceptance": list(acceptance), **more,
    }  # fmt: skip
    return str((await post(page, "/api/v1/tasks", body))["task_id"])


async def _keep_what_is_half_written(page: Page, url: str, project: str) -> None:
    task = await _change(page, project, "shop/stock.py", "STOCK = 3\nSPARE = 1\n", title="Count the stock")
    await page.goto(f"{url}/tasks/{task}")
    diff, review = page.get_by_role("tabpanel", name="Diff"), page.get_by_role("region", name="Review")
    await expect(review).to_be_visible(timeout=PATIENCE)
    await diff.get_by_text("STOCK = 3").click()
    first = page.get_by_label("Comment on line 1 of shop/stock.py")
    await first.fill("Why three, and")
    await diff.get_by_text("SPARE = 1").click()  # another line takes nothing away
    await page.get_by_label("Comment on line 2 of shop/stock.py").press("Escape")
    said = {"verdict": "comment", "summary": "A look from elsewhere.", "comments": []}
    await post(page, f"/api/v1/tasks/{task}/reviews", said)  # the page hears of it by itself
    await expect(review).to_contain_text("A look from elsewhere.", timeout=PATIENCE)
    await expect(first).to_have_value("Why three, and")
    await page.get_by_role("tab", name="Result").click()
    await page.get_by_role("tab", name="Diff").click()
    await expect(first).to_have_value("Why three, and")
    file = diff.get_by_role("button", name="shop/stock.py")
    await file.click()
    await file.click()
    await expect(first).to_have_value("Why three, and")
    await page.reload()
    await expect(first).to_have_value("Why three, and")
    await review.get_by_label("What you say of it").fill("Nearly")
    await first.press("End")
    await page.keyboard.insert_text(" not four?")
    await picture(page, "review-half-written")
    sent_back = {"verdict": "request_changes", "summary": "Once more.", "comments": []}
    await post(page, f"/api/v1/tasks/{task}/reviews", sent_back)  # the diff is drawn anew while the agent works
    await expect(review.get_by_label("What you say of it")).to_have_value("Nearly", timeout=PATIENCE)
    kept = review.get_by_role("alert")
    await expect(kept).to_contain_text("shop/stock.py:1 Why three, and not four?", timeout=PATIENCE)
    await picture(page, "review-left-over")
    await kept.get_by_role("button", name="Forget it").click()
    await expect(kept).not_to_be_visible()


async def _steer(page: Page, url: str) -> None:
    which = {"do": "ask", "text": "Which way?", "steps": ["left", "right"]}
    turns = [[{"do": "say", "text": "heard"}]]
    body = {
        "type": "scripted", "input": {"steps": [which], "turns": turns}, "preferred_target": "agent:scripted",
        "title": "Go somewhere",
    }  # fmt: skip
    task = (await post(page, "/api/v1/tasks", body))["task_id"]
    await page.goto(f"{url}/tasks/{task}")
    panel = page.get_by_role("region", name="Steer it")
    await panel.get_by_role("textbox").fill("Mind the step.", timeout=PATIENCE)
    await picture(page, "review-steer")
    await panel.get_by_role("textbox").press("Control+Enter")
    await expect(panel.get_by_role("status")).to_contain_text("Sent.")
    await expect(panel.get_by_role("textbox")).to_have_value("")
    await page.get_by_role("region", name="It asks").get_by_role("button", name="left").click()
    await expect(page.locator("[data-state=completed]")).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_role("list", name="Events")).to_contain_text("Mind the step.")
    await expect(panel).not_to_be_visible()


async def _raise_a_budget(page: Page, url: str, project: str) -> None:
    steps = [
        {"do": "tool", "tool": "read_notes"}, {"do": "wait", "seconds": 4}, {"do": "say", "text": "enough"},
    ]  # fmt: skip
    body = {
        "type": "scripted", "input": {"steps": steps}, "preferred_target": "agent:scripted", "project_id": project,
        "budget": {"tool_calls": 1}, "title": "Read the notes",
    }  # fmt: skip
    task = (await post(page, "/api/v1/tasks", body))["task_id"]
    inbox = page.get_by_role("article", name=re.compile("the budget of this task is used up: 1 tool call of 1"))
    await page.goto(f"{url}/inbox")
    await expect(inbox).to_contain_text("then: Stop the task", timeout=PATIENCE)
    await page.goto(f"{url}/tasks/{task}")
    asked = page.get_by_role("region", name="It asks")
    await expect(page.get_by_role("textbox", name="Answer")).to_have_count(0)
    await expect(page.get_by_role("alert")).to_have_count(0)
    await picture(page, "review-budget")
    await asked.get_by_role("button", name="Raise it by as much again").click()
    started = page.get_by_role("list", name="Events").locator("[data-kind='attempt.started']")
    await expect(started).to_have_count(2, timeout=PATIENCE)  # it goes on; its script makes the same call again
    await expect(asked).to_contain_text("2 tool calls of 2 tool calls", timeout=PATIENCE)
    await asked.get_by_role("button", name="Stop the task").click()
    await expect(page.locator("[data-state=failed]")).to_be_visible(timeout=PATIENCE)
    await expect(page.get_by_role("alert")).to_contain_text("is used up")


async def _set_a_budget(page: Page, url: str) -> None:
    await page.goto(f"{url}/usage")
    budgets = page.get_by_role("region", name="Budgets")
    await budgets.get_by_role("button", name="Set a budget").click()
    await budgets.get_by_role("combobox", name="Whose").click()
    await page.get_by_role("option", name="Shop").click()
    await budgets.get_by_role("textbox", name="Tokens").fill("500000")
    await budgets.get_by_role("button", name="Set", exact=True).click()
    row = budgets.get_by_role("row", name=re.compile("Shop tokens, per month"))
    await expect(row).to_contain_text("0 of 500,000")
    await picture(page, "review-set-budget")
    await row.get_by_role("button", name="Drop").click()
    await page.get_by_role("button", name="Drop it").click()
    await expect(budgets).to_contain_text("None is set.")


async def _hand_in_with_proof_budget_and_tries(page: Page, url: str, project: str) -> None:
    await page.goto(f"{url}/tasks/new?type=scripted&project={project}")
    await page.get_by_role("textbox", name="Title").fill("Try it twice")
    await page.get_by_label("Input, JSON").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.press("Backspace")
    await page.keyboard.insert_text('{"steps": [{"do": "write", "path": "shop/till.py", "text": "TILL = []"}]}')
    await page.get_by_role("button", name="Proof, budget and tries").click()
    await page.get_by_label("It is done when these commands end well").fill("grep -q 'TILL = ' shop/till.py\n\ntrue")
    await page.get_by_label("Tokens at most").fill("1000")
    await page.get_by_role("combobox", name="Tried side by side by").click()
    await page.get_by_role("option", name="Scripted editor").click()
    await page.keyboard.press("Escape")
    await page.get_by_label("How many tries").fill("2")
    await picture(page, "review-new-task")
    await page.get_by_role("button", name="Create task").click()
    await expect(page.get_by_role("heading", name="Try it twice")).to_be_visible()
    asked = page.get_by_role("region", name="It asks")
    await asked.get_by_role("link", name="See the tries side by side").click(timeout=PATIENCE)
    for number in (1, 2):
        column = page.get_by_role("article", name=f"Try {number}")
        await expect(column).to_contain_text("Scripted editor")
        await expect(column).to_contain_text("passed")


async def _merge(page: Page, task: str) -> None:
    review = page.get_by_role("region", name="Review")
    await page.goto(re.sub(r"/(tasks|projects)/.*", f"/tasks/{task}", page.url))
    await review.get_by_role("button", name="Approve").click(timeout=PATIENCE)
    await review.get_by_role("button", name="Merge", exact=True).click()
    await expect(review.get_by_role("button", name="Undo the merge")).to_be_visible(timeout=PATIENCE)


async def _undo_for_a_reason(page: Page, url: str, project: str) -> None:
    """What was merged since needs the change: an admin of the project has it undone all the same, and says why."""
    first = await _change(page, project, "shop/rates.py", "RATE = 2\n", title="Set the rate")
    await _merge(page, first)
    needs = {"kind": "command", "name": "the rate is there", "command": ["test", "-f", "shop/rates.py"]}
    second = await _change(page, project, "shop/tax.py", "TAX = 1\n", needs, title="Add a tax")
    await _merge(page, second)
    await page.goto(f"{url}/tasks/{first}")
    review = page.get_by_role("region", name="Review")
    await review.get_by_role("button", name="Undo the merge").click()
    reason = review.get_by_label("Why it is to be undone without proof")
    await expect(reason).to_be_visible(timeout=PATIENCE)
    await expect(review).to_contain_text("the rate is there")
    all_the_same = review.get_by_role("button", name="Undo it all the same")
    await expect(all_the_same).to_be_disabled()
    await reason.fill("It leaks keys.")
    await picture(page, "review-undo")
    await page.set_viewport_size({"width": 375, "height": 780})
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px wider than a phone"
    await picture(page, "review-undo-phone")
    await page.set_viewport_size({"width": 1360, "height": 850})
    await all_the_same.click()
    await expect(review).to_contain_text("as an admin of the project wanted: It leaks keys.", timeout=PATIENCE)
    await expect(review.get_by_role("button", name="Merge", exact=True)).to_be_visible()  # it stays approved
    await picture(page, "review-undone")
