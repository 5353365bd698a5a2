"""``mcp definitions``, ``mcp approve``, ``mcp reject``: what MCP servers say of their tools, and who trusts it.

Client commands over HTTP, registered by ``mcp``. What hides in a text arrives made visible and is printed as it is.
"""

from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import server_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, console, print_json, table, when
from orchestrator.core.errors import InvalidInput

NOT_APPROVED = 3
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}

Named = Annotated[str, typer.Argument(metavar="SERVER", help="Name or id.")]
Tools = Annotated[list[str] | None, typer.Argument(metavar="[TOOL]…", help="Default: all that are held back.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def definitions(server: Named, as_json: Json = False) -> None:
    """Compare a server's tool definitions with what was approved; code 3 while any is held back."""
    found = run(lambda api: _read(api, server))
    if as_json:
        print_json(found)
    else:
        _show(found, found["items"])
    if found["quarantined"]:
        raise typer.Exit(NOT_APPROVED)


def approve(server: Named, tools: Tools = None, yes: Yes = False, as_json: Json = False) -> None:
    """Approve tool definitions after showing what changed: the tools are listed and can be called again."""
    _decide("approve", server, tools, yes=yes, as_json=as_json)


def reject(server: Named, tools: Tools = None, yes: Yes = False, as_json: Json = False) -> None:
    """Reject tool definitions: they stay held back. An approval of the same definition is withdrawn."""
    _decide("reject", server, tools, yes=yes, as_json=as_json)


def _decide(what: str, server: str, tools: list[str] | None, *, yes: bool, as_json: bool) -> None:
    found = run(lambda api: _read(api, server))
    chosen = _chosen(found["items"], tools)
    if not as_json:
        _show(found, chosen)
    if not chosen:
        return
    if not yes:
        typer.confirm(f"{what.title()} {len(chosen)} tool definition(s) of {found['server']}?", abort=True, err=True)
    # The hashes of what was shown: when the server shows something else by now, the service refuses.
    body = {"tools": {one["name"]: one["live_hash"] or one["approved_hash"] for one in chosen}}
    told = run(lambda api: api.post(f"/mcps/{found['server_id']}/definitions/{what}", body))
    if as_json:
        print_json(told)
    else:
        console().print(f"{told['quarantined']} held back, {told['counts']['approved']} approved.")


async def _read(api: Api, server: str) -> dict[str, Any]:
    found: dict[str, Any] = await api.get(f"/mcps/{await server_id(api, server)}/definitions")
    return found


def _chosen(items: list[dict[str, Any]], tools: list[str] | None) -> list[dict[str, Any]]:
    if not tools:
        return [one for one in items if one["state"] in ("new", "changed")]
    known = {one["name"]: one for one in items}
    for name in tools:
        if name not in known:
            raise InvalidInput(f"The server has no tool {name!r}.", field="TOOL")
    return [known[name] for name in tools]


def _show(found: dict[str, Any], items: list[dict[str, Any]]) -> None:
    out = console()
    columns = (
        ("Tool", "shown"),
        ("State", lambda one: "rejected" if one["rejected"] else one["state"]),
        ("Decided", lambda one: when(one["decided_at"]) if one["decided_at"] else ""),
        ("Hidden characters", lambda one: ", ".join(one["hidden"])),
        ("Only for clients with", "shown_to"),
    )
    out.print(table(columns, items) if items else "Nothing is held back.")
    if not found["live"]:
        out.print(f"As last seen: {(found['error'] or {}).get('message', 'the server could not be asked')}")
    for one in items:
        for change in one["changes"]:
            out.print(Text(f"\n{one['shown']}: {change['field']}", style="bold"))
            for line in change["diff"].splitlines()[2:]:
                out.print(Text(line, style=_COLOURS.get(line[:1], "")))
