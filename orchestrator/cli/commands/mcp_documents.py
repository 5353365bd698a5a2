"""``mcp import`` and ``mcp export``: configuration documents of Claude, Cursor, VS Code and the official registry.

Client commands over HTTP, registered by ``mcp``. Files named by a document (``envFile``) are read here, beside it,
since the service opens no file that a document names.
"""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import json_object, server_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.screen import Json, clean, show_page
from orchestrator.core.errors import InvalidInput

Shared = Annotated[bool, typer.Option("--shared", help="For everybody; needs an admin of the service.")]
Variables = Annotated[
    list[str] | None, typer.Option("--var", help="NAME=value for what the document asks for; may be repeated.")
]


class Form(StrEnum):
    """The forms of documents."""

    CLAUDE = "claude"
    CURSOR = "cursor"
    VSCODE = "vscode"
    SERVER_JSON = "server.json"


def import_servers(path: Path, var: Variables = None, shared: Shared = False, as_json: Json = False) -> None:
    """Register every server of an mcp.json, or the one of a server.json; all of them or none."""
    document = json_object(f"@{path}", str(path))
    for root in ("mcpServers", "servers"):
        for name, entry in (document.get(root) or {}).items() if isinstance(document.get(root), dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get("envFile"), str):
                _inline(entry, path.parent, f"{root}.{name}.envFile")
    body = document | {"shared": shared, "variables": pairs(var, "--var")}
    imported = run(lambda api: api.post("/mcps/import", body, wait_seconds=60))
    columns = (("Name", "name"), ("Transport", "transport"), ("Health", "health"), ("Id", "id"))
    show_page(imported, columns, as_json=as_json, nothing="The file names no server.")
    for one in imported.get("ignored", ()):
        typer.echo(clean(f"Not taken over: {one['server']}.{one['field']}: {one['note']}."), err=True)
    for warning in imported.get("warnings", ()):
        typer.echo(clean(f"{warning}."), err=True)


def export_servers(
    servers: Annotated[list[str] | None, typer.Argument(metavar="[SERVER]…", help="Default: all of them.")] = None,
    form: Annotated[Form, typer.Option("--format", help="server.json takes one server.")] = Form.CLAUDE,
) -> None:
    """Print servers as a document for another client, without any secret: placeholders stand in their place."""

    async def work(api: Api) -> Any:
        chosen = [await server_id(api, one) for one in servers or ()]
        return await api.get("/mcps/export", format=form.value, **({"server": chosen} if chosen else {}))

    typer.echo(json.dumps(run(work), indent=2, ensure_ascii=False))


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """NAME=value, several times, as a mapping."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InvalidInput(f"{option} must look like NAME=value.", field=option)
        found[name] = value
    return found


def _inline(entry: dict[str, Any], folder: Path, place: str) -> None:
    """Put the variables of an ``envFile`` into ``env``, which wins where both have one."""
    from orchestrator.mcp.env_file import variables_of  # noqa: PLC0415  only with such a file

    named = entry.pop("envFile").replace("${workspaceFolder}", str(folder))
    try:
        text = (folder / named).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{place}: {named} cannot be read: {error}", field=place) from error
    entry["env"] = variables_of(text) | (entry.get("env") or {})
