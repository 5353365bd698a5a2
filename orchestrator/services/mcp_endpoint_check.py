"""What is wrong with an endpoint somebody makes, as far as the tools known now tell: refused, or said as a warning.

Used by ``mcp_endpoints`` when one is made or changed. Pure; a tool that turns up later is named by ``mcp_endpoint``,
which keeps names apart whatever stands in the renames.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.services.mcp_endpoint import Endpoint, fits, labelled
from orchestrator.services.server_entry import ServerEntry


def servers_named(named: Sequence[str], entries: Sequence[ServerEntry]) -> list[str]:
    """The ids of servers that are named by id or by name; every one is among those the caller may use, there."""
    found = [str(_server(str(one), entries, f"servers.{number}")) for number, one in enumerate(named)]
    return list(dict.fromkeys(found))


def _server(named: str, entries: Sequence[ServerEntry], field: str) -> UUID:
    fitting = [entry.id for entry in entries if named in (entry.name, str(entry.id)) or _is(named, entry.id)]
    if not fitting:
        raise NotFound("no such MCP server", field=field)
    if len(fitting) > 1:
        raise InvalidInput(f"{field}: {len(fitting)} servers have this name: give the id of one", field=field)
    return fitting[0]


def _is(named: str, id: UUID) -> bool:
    try:
        return UUID(named) == id
    except ValueError:
        return False


def check_renames(face: Endpoint, entries: Iterable[ServerEntry]) -> None:
    """InvalidInput where a rename would take the name of another tool, or two renames the same."""
    known, given = set(_names(face, entries)), set[str]()
    for before, after in face.renames.items():
        field = f"renames.{before}"
        if after in given:
            raise InvalidInput(f"{field}: another tool is renamed to {after} already", field=field)
        if after in known and after not in face.renames:
            raise InvalidInput(f"{field}: {after} is the name of another tool here", field=field)
        given.add(after)


def warnings(face: Endpoint, entries: Iterable[ServerEntry]) -> list[str]:
    """What has no effect on any tool known now."""
    names = _names(face, entries)
    pairs = [(name, face.renames.get(name, name)) for name in names]
    either = {name for pair in pairs for name in pair}
    idle = [f"renames.{name}" for name in face.renames if name not in names]
    idle += [f"annotations.{name}" for name in face.annotations if name not in either]
    patterns = [("tools", face.tools), ("listed", face.listed)]
    idle += [f"{field}: {one}" for field, given in patterns for one in given if not fits([one], *either)]
    return [f"{one}: no tool that is known now has this name" for one in idle]


def _names(face: Endpoint, entries: Iterable[ServerEntry]) -> dict[str, None]:
    """The names before any rename, of all tools known behind a face; in order."""
    labels = labelled(entry for entry in entries if face.shows(entry))
    return {face.plain(label, tool.name): None for label, entry in labels.items() for tool in entry.tools}
