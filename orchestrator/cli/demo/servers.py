"""The demo's MCP servers: two third-party ones, registered over REST as programs and called once. Used by ``demo``.

They come from ``requirements-demo.txt`` and run with the interpreter of the demo itself, in a sandbox that shows them
the repositories of projects.
"""

import importlib.util
import sys
from typing import Any

from rich.console import Console

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.screen import clean, table
from orchestrator.cli.demo.stage import Step
from orchestrator.core.errors import NotConfigured, ServerUnreachable, ToolFailed

_SERVERS: dict[str, tuple[str, ...]] = {
    "git": ("mcp_server_git",),
    "time": ("mcp_server_time", "--local-timezone", "UTC"),
}
"""Name in the registry, and the module with its arguments."""


def check_installed() -> None:
    """NotConfigured when a third-party server is not installed."""
    missing = [module for module, *_ in _SERVERS.values() if importlib.util.find_spec(module) is None]
    if missing:
        hint = "`make demo` installs them, or: pip install -r requirements-demo.txt"
        raise NotConfigured(f"Not installed: {', '.join(missing)}.", hint=hint)


async def register_servers(api: Api, out: Console, step: Step) -> None:
    """Register both, show every server there is, and call a tool of one."""
    for name, (module, *arguments) in _SERVERS.items():
        await _register(api, name, ["-m", module, *arguments])
    page = await api.get("/mcps", limit=200)
    columns = (
        ("Name", "name"),
        ("Transport", "transport"),
        ("Health", "health"),
        ("Tools", "tools"),
        ("ms", lambda row: "" if row["latency_ms"] is None else f"{row['latency_ms']:.0f}"),
        ("Says it is", _own_name),
    )
    out.print(table(columns, page["items"]))
    ill = [row for row in page["items"] if row["name"] in _SERVERS and row["health"] != "healthy"]
    if ill:
        raise ServerUnreachable(f"{ill[0]['name']} is {ill[0]['health']}: {clean(ill[0]['health_error'], 500)}")
    await _call(api, out, next(row for row in page["items"] if row["name"] == "time"))
    step.say(f"{len(page['items'])} servers, {sum(row['tools'] for row in page['items'])} tools")


async def _register(api: Api, name: str, arguments: list[str]) -> None:
    """Register a program, or bring what an earlier run registered up to date."""
    program = {"command": sys.executable, "args": arguments, "folders": [{"path": "projects"}]}
    known = [row async for row in api.every("/mcps") if row["name"] == name and not row["shared"]]
    if not known:
        body = {"name": name, "transport": "stdio", "description": "From PyPI.", **program}
        await api.post("/mcps", body, wait_seconds=60)
        return
    await api.patch(f"/mcps/{known[0]['id']}", program)
    await api.post(f"/mcps/{known[0]['id']}/probe")


async def _call(api: Api, out: Console, server: dict[str, Any]) -> None:
    body = {"tool": "get_current_time", "arguments": {"timezone": "UTC"}}
    answer = await api.post(f"/mcps/{server['id']}/execute", body)
    text = " ".join(str(block.get("text", "")) for block in answer["content"])
    if answer["is_error"]:
        raise ToolFailed(f"time.get_current_time: {clean(text, 500)}")
    out.print(
        f"A call here and now, time.get_current_time: {' '.join(clean(text, 300).split())} ({answer['ms']:.0f} ms)"
    )


def _own_name(row: dict[str, Any]) -> str:
    info = row["server_info"]
    return f"{info['name']} {info.get('version') or ''}" if info.get("name") else "built in"
