"""A program is connected through the console in a real browser: log in, consent, back to the program, and the end.

With SCREENSHOTS=<folder> the consent is photographed in light and in dark.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.async_api import Page, expect

from orchestrator.agents.scripted.http_server import Reply, Request, Route, ScriptedServer
from tests.console.conftest import Console

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


class Program(ScriptedServer):
    """What waits for the browser on the person's own computer."""

    def routes(self) -> list[Route]:
        return [("GET", "/callback", self._arrived)]

    def _arrived(self, _: Request) -> Reply:
        return Reply(200, b"<h1>Back in the program</h1>", {"Content-Type": "text/html"})


@pytest.fixture
def program() -> Iterator[Program]:
    with Program() as program:
        yield program


@pytest.mark.timeout(300)
async def test_a_program_is_connected_and_ended_in_the_console(console: Console, program: Program) -> None:
    page = console.page
    client_id = await _registered(console, program)
    asking = _asking(console, program, client_id)
    await page.goto(asking)
    await _register(page)
    await expect(page.get_by_role("heading", name="Connect a program")).to_be_visible()
    await expect(page.get_by_text("Some Editor")).to_be_visible()
    await expect(page.get_by_text("nobody has checked that name")).to_be_visible()
    await expect(page.get_by_role("list", name="What it may do")).to_contain_text("Call the tools of your MCP servers")
    await _shoot(page, "consent")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.get_by_role("heading", name="Back in the program")).to_be_visible()
    tokens = await _redeemed(console, program, client_id)
    assert await _status(console, tokens) == 200
    await _end(console)
    assert await _status(console, tokens) == 401
    await page.goto(asking)
    await page.get_by_role("button", name="Deny").click()
    await expect(page.get_by_role("heading", name="Back in the program")).to_be_visible()
    assert program.requests[-1].query["error"] == "access_denied"
    assert console.problems == []


async def _registered(console: Console, program: Program) -> str:
    metadata = {"client_name": "Some Editor", "redirect_uris": [f"{program.url}/callback"]}
    async with httpx.AsyncClient(base_url=console.url) as client:
        return str((await client.post("/oauth/register", json=metadata)).json()["client_id"])


def _asking(console: Console, program: Program, client_id: str) -> str:
    query = {
        "response_type": "code", "client_id": client_id, "redirect_uri": f"{program.url}/callback", "state": "s",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256", "resource": f"{console.url}/mcp",
    }  # fmt: skip
    return f"{console.url}/oauth/authorize?{urlencode(query)}"


async def _register(page: Page) -> None:
    """Somebody new: the way leads over log-in and registration, and comes back to what was asked."""
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    await page.get_by_role("link", name="Register").click()
    await page.get_by_label("Name").fill("Ada Lovelace")
    await page.get_by_label("E-mail").fill("ada@example.org")
    await page.get_by_label("Password").first.fill("correct horse battery staple")
    await page.get_by_role("button", name="Create account").click()


async def _redeemed(console: Console, program: Program, client_id: str) -> dict[str, Any]:
    answer = next(request.query for request in program.requests if request.path == "/callback")
    form = {
        "grant_type": "authorization_code", "code": answer["code"], "client_id": client_id,
        "redirect_uri": f"{program.url}/callback", "code_verifier": VERIFIER,
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=console.url) as client:
        return dict((await client.post("/oauth/token", data=form)).json())


async def _status(console: Console, tokens: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/json, text/event-stream"}
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
    async with httpx.AsyncClient(base_url=console.url) as client:
        return (await client.post("/mcp", json=body, headers=headers)).status_code


async def _end(console: Console) -> None:
    page = console.page
    await page.goto(f"{console.url}/settings/programs")
    row = page.get_by_role("row").filter(has_text="Some Editor")
    await expect(row).to_be_visible()
    await _shoot(page, "connected-programs")
    await row.get_by_role("button", name="Disconnect").click()
    await page.get_by_role("button", name="Disconnect").last.click()
    await expect(
        page.get_by_role("heading", name="No program yet").or_(page.get_by_text("No program yet"))
    ).to_be_visible()


async def _shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await page.wait_for_timeout(400)  # transitions; for the picture's sake only
            await page.screenshot(path=Path(folder) / f"{name}-{scheme}.png")
