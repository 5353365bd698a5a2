"""What a person does in every walk through the console: register, hand in by the API what the walk is not about, look.

Used by the tests of the console. With SCREENSHOTS=<folder> each station leaves a picture there.
"""

import os
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.console.conftest import Console

_CALL = """async ([path, body]) => {
    const profile = await (await fetch("/api/v1/user/profile")).json();
    const headers = {"Content-Type": "application/json", "X-CSRF-Token": profile.csrf_token ?? ""};
    const answer = await fetch(path, {method: "POST", headers, body: JSON.stringify(body)});
    const told = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(told));
    return told;
}"""


async def register(page: Page, url: str) -> None:
    """A first account, in the browser."""
    await page.goto(f"{url}/register")
    await page.get_by_label("Name").fill("Ada Lovelace")
    await page.get_by_label("E-mail").fill("ada@example.org")
    await page.get_by_label("Password").first.fill("correct horse battery staple")
    await page.get_by_role("button", name="Create account").click()
    await expect(page.get_by_role("heading", name="No project yet")).to_be_visible()


async def post(page: Page, path: str, body: dict[str, Any]) -> Any:
    """A POST in the name of whoever is logged in there: its answer."""
    return await page.evaluate(_CALL, [path, body])


async def shop(console: Console, repository: Path) -> str:
    """Register, and make a project of the repository without a graph: its id, once it is ready and looked at."""
    await register(console.page, console.url)
    body = {"name": "Shop", "path": str(repository), "build_graph": False}
    project = (await post(console.page, "/api/v1/projects", body))["project_id"]
    await console.page.goto(f"{console.url}/projects/{project}")
    await expect(console.page.locator("[data-state=ready]")).to_be_visible(timeout=90_000)
    return str(project)


async def picture(page: Page, name: str) -> None:
    """The page as it is now, for whoever wants to look."""
    if folder := os.environ.get("SCREENSHOTS"):
        await page.mouse.move(0, 0)
        await page.wait_for_timeout(300)  # transitions; for the picture's sake only
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
