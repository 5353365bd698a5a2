"""``mcp``: servers, calls, connections, credentials, definitions, rules and records. Client commands over HTTP.

A tool that reports an error of its own, or a server that is not healthy, ends the command with code 3.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.find import Limit, Offset, ProjectName, json_object, optional_project, server_id
from orchestrator.cli.client.login import run
from orchestrator.cli.client.result import result_view
from orchestrator.cli.client.screen import Json, console, print_json, show_one, show_page, some, table, when
from orchestrator.cli.commands import mcp_definitions, mcp_documents, mcp_rules
from orchestrator.core.errors import InvalidInput

app = typer.Typer(
    help="MCP servers: entries, calls, connections, credentials, definitions, rules, records.",
    no_args_is_help=True,
    add_completion=False,
)

app.add_typer(mcp_rules.app, name="rules")
app.command("import")(mcp_documents.import_servers)
app.command("export")(mcp_documents.export_servers)
app.command()(mcp_definitions.definitions)
app.command()(mcp_definitions.approve)
app.command()(mcp_definitions.reject)

NOT_WELL = 3

Named = Annotated[str, typer.Argument(metavar="SERVER", help="Name or id.")]
Shared = Annotated[bool, typer.Option("--shared", help="For everybody; needs an admin of the service.")]


@app.command("list")
def list_servers(limit: Limit = 50, offset: Offset = 0, as_json: Json = False) -> None:
    """The servers you may use: built-in, everybody's and your own."""
    page = run(lambda api: api.get("/mcps", limit=limit, offset=offset))
    columns = (
        ("Name", _name),
        ("Health", "health"),
        ("Tools", "tools"),
        ("Capabilities", lambda row: some(row["capabilities"], most=3)),
        ("Id", "id"),
    )
    show_page(page, columns, as_json=as_json, nothing="No servers.")


def _name(row: Mapping[str, Any]) -> str:
    """Its name and transport, and below them the name and version that the official registry has for it."""
    told = row["origin"] or {}
    origin = " ".join(part for part in (told.get("name"), told.get("version")) if part)
    return "\n".join(part for part in (f"{row['name']} ({row['transport']})", origin) if part)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def add(
    name: str,
    command: Annotated[list[str] | None, typer.Argument(help="stdio: the program and its arguments.")] = None,
    url: Annotated[str, typer.Option(help="streamable HTTP: the endpoint.")] = "",
    env: Annotated[list[str] | None, typer.Option(help="stdio: NAME=value; may be repeated.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="HTTP: Name=value; may be repeated.")] = None,
    user_env: Annotated[list[str] | None, typer.Option(help="stdio: a NAME that each user sets.")] = None,
    user_header: Annotated[list[str] | None, typer.Option(help="HTTP: a Name that each user sets.")] = None,
    oauth: Annotated[str, typer.Option(help="HTTP: log in with OAuth, shared or per_user.")] = "",
    capability: Annotated[list[str] | None, typer.Option(help="A capability; default: those of its tools.")] = None,
    shared: Shared = False,
    as_json: Json = False,
) -> None:
    """Register a server and probe it. Options come first: mcp add --shared git python -m mcp_server_git."""
    if command and command[0].startswith("-"):
        raise InvalidInput(f"Options come before the name: {command[0]!r} is no program.")
    if bool(command) == bool(url):
        raise InvalidInput("Name either a program or --url.")
    body: dict[str, Any] = {"name": name, "shared": shared, "capabilities": capability or []}
    if url:
        body |= {"transport": "streamable_http", "url": url, "headers": mcp_documents.pairs(header, "--header")}
        body |= {"user_headers": user_header or [], "oauth": {"mode": oauth} if oauth else None}
    else:
        program, *arguments = command or []
        body |= {"transport": "stdio", "command": program, "args": arguments, "env": mcp_documents.pairs(env, "--env")}
        body["user_env"] = user_env or []
    made = run(lambda api: api.post("/mcps", body, wait_seconds=60))
    show_one(made, as_json=as_json)
    _end(made["health"] == "healthy")


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="What the tool is needed for.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most tools to show.")] = 8,
    endpoint: Annotated[str, typer.Option(help="At this MCP endpoint; default: at /mcp.")] = "",
    as_json: Json = False,
) -> None:
    """The tools for a job, best first, among all that you may call."""
    asked = " ".join(words)
    found = run(lambda api: api.get("/mcps/tools/search", query=asked, limit=limit, endpoint=endpoint))
    page = {"items": found["tools"]}
    columns = (
        ("Tool", "name"),
        ("What it does", lambda row: (row["description"] or row["title"] or "").strip().partition("\n")[0][:100]),
        ("Arguments", lambda row: some(list(row["input_schema"].get("properties", {})))),
    )
    show_page(found if as_json else page, columns, as_json=as_json, nothing="No tool has any of these words.")


@app.command()
def probe(server: Named, as_json: Json = False) -> None:
    """Ask a server how it is, now."""

    async def work(api: Api) -> dict[str, Any]:
        found: dict[str, Any] = await api.post(f"/mcps/{await server_id(api, server)}/probe")
        return found

    found = run(work)
    show_one(found, as_json=as_json)
    _end(found["healthy"])


@app.command()
def call(
    server: Named,
    tool: str,
    arguments: Annotated[str, typer.Argument(help="A JSON object; @FILE reads it, - is standard input.")] = "{}",
    project: ProjectName = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and call nothing.")] = False,
    confirm: Annotated[str, typer.Option(help="Where somebody must agree: the digest that was shown.")] = "",
    as_json: Json = False,
) -> None:
    """Call a tool and print its answer."""
    given = json_object(arguments, "arguments")

    async def work(api: Api) -> dict[str, Any]:
        body = {"tool": tool, "arguments": given, "project_id": await optional_project(api, project),
                "dry_run": dry_run, "confirm": confirm or None}  # fmt: skip
        answer: dict[str, Any] = await api.post(f"/mcps/{await server_id(api, server)}/execute", body)
        return answer

    answer = run(work)
    if as_json:
        print_json(answer)
    elif dry_run:
        show_one(
            {name: answer[name] for name in ("server", "tool", "arguments_digest", "rule_id", "consent")}, as_json=False
        )
    else:
        out = console()
        shown = {"structuredContent": answer["structured_content"], "content": answer["content"]}
        out.print(result_view(shown, lines=1000))
        out.print(f"{answer['ms']:.0f} ms{', the tool reports an error' if answer['is_error'] else ''}", style="dim")
    _end(not answer["is_error"])


@app.command()
def connect(server: Named, as_json: Json = False) -> None:
    """Where to log in to a server that wants OAuth: open it in the browser you use the console in."""

    async def work(api: Api) -> dict[str, Any]:
        found: dict[str, Any] = await api.post(f"/mcps/{await server_id(api, server)}/connect")
        return found

    show_one(run(work), as_json=as_json)


@app.command()
def disconnect(server: Named) -> None:
    """Forget the log-in at a server and have its tokens revoked."""

    async def work(api: Api) -> None:
        await api.delete(f"/mcps/{await server_id(api, server)}/connect")

    run(work)


@app.command()
def credentials(
    server: Named,
    env: Annotated[list[str] | None, typer.Option(help="stdio: NAME=value; may be repeated.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="HTTP: Name=value; may be repeated.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget all values of your own.")] = False,
    as_json: Json = False,
) -> None:
    """Set values of your own for a server, or see which are set; values never come out again."""
    body = {"env": mcp_documents.pairs(env, "--env"), "headers": mcp_documents.pairs(header, "--header")}

    async def work(api: Api) -> dict[str, Any]:
        path = f"/mcps/{await server_id(api, server)}/credentials"
        if remove:
            await api.delete(path)
        found: dict[str, Any] = await (api.put(path, body) if any(body.values()) else api.get(path))
        return found

    show_one(run(work), as_json=as_json)


@app.command()
def health(as_json: Json = False) -> None:
    """What the last probe said of each server."""
    found = run(lambda api: api.get("/mcps/health"))
    if as_json:
        print_json(found)
    else:
        columns = (
            ("Name", "name"),
            ("Health", "health"),
            ("ms", lambda row: "" if row["latency_ms"] is None else f"{row['latency_ms']:.0f}"),
            ("Probed", lambda row: when(row["probed_at"])),
            ("Error", "error"),
        )
        console().print(table(columns, found["items"]))
    _end(not any(row["health"] == "unhealthy" for row in found["items"]))


@app.command()
def audit(
    server: Annotated[str, typer.Option(help="Only this server.")] = "",
    tool: Annotated[str, typer.Option(help="Only this tool.")] = "",
    outcome: Annotated[str, typer.Option(help="Only this outcome, such as refused or tool_error.")] = "",
    limit: Limit = 50,
    offset: Offset = 0,
    as_json: Json = False,
) -> None:
    """The record of tool calls that you may read, newest first."""

    async def work(api: Api) -> dict[str, Any]:
        wanted = {"server_id": await server_id(api, server) if server else None, "tool": tool or None,
                  "outcome": outcome or None}  # fmt: skip
        given = {name: value for name, value in wanted.items() if value is not None}
        found: dict[str, Any] = await api.get("/mcps/audit", limit=limit, offset=offset, **given)
        return found

    columns = (
        ("At", lambda row: when(row["at"])),
        ("Who", "user"),
        ("Door", "door"),
        ("Server", "server"),
        ("Tool", "tool"),
        ("Outcome", "outcome"),
        ("Why", "reason"),
        ("ms", lambda row: f"{row['ms']:.1f}"),
        ("Arguments", lambda row: row["arguments_digest"][:12]),
    )
    show_page(run(work), columns, as_json=as_json, nothing="No calls.")


@app.command()
def stats(window: Annotated[str, typer.Option(help="1h, 24h, 7d or 30d.")] = "24h", as_json: Json = False) -> None:
    """Calls, errors, refusals and times per server and tool."""
    found = run(lambda api: api.get("/mcps/stats", window=window))
    rows = [
        {**each, "name": name}
        for server in found["items"]
        if server["calls"]
        for name, each in [(server["name"], server), *_parts(server)]
    ]
    columns = (
        ("Server, tool", "name"),
        ("Calls", "calls"),
        ("Errors", "errors"),
        ("Refused", "refused"),
        ("p50 ms", "p50_ms"),
        ("p95 ms", "p95_ms"),
        ("p99 ms", "p99_ms"),
        ("Last", lambda row: when(row["last_used"])),
    )
    show_page(found if as_json else {"items": rows}, columns, as_json=as_json, nothing="Nothing was called.")


def _parts(server: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The rows below a server's, which add up to it."""
    parts = [(f"  {one['tool']}", one) for one in server["tools"]]
    others = server.get("other_tools") or {}
    return [*parts, ("  (others)", {"last_used": None, **others})] if others.get("calls") else parts


def _end(good: bool) -> None:
    if not good:
        raise typer.Exit(NOT_WELL)
