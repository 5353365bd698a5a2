"""Rows of the registry's table, made of what users, files and older rows say. Used by the registry.

What an entry may be is checked here and in ``entry_rules``; who may write it is not.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from orchestrator.core.capabilities import parse_capability
from orchestrator.core.errors import Conflict, InvalidInput
from orchestrator.core.routing import Health
from orchestrator.core.secretbox import SecretBox
from orchestrator.mcp import mcp_json
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.services.entry_rules import check_oauth, check_own_names
from orchestrator.services.server_entry import ServerEntry
from orchestrator.services.server_sandbox import columns_of, wish_of


def row_of(
    identifier: UUID, values: Mapping[str, Any], secretbox: SecretBox, *, taken: Collection[str]
) -> dict[str, Any]:
    """The checked row of an entry; InvalidInput names the field."""
    definition = _checked(identifier, values, taken)
    own = check_own_names(definition, values)
    oauth = check_oauth(definition, values)
    client_secret = (values.get("oauth") or {}).get("client_secret")
    secrets = {"env": dict(definition.env), "headers": dict(definition.headers), "client_secret": client_secret}
    kept = ("description", "project_id", "enabled", "can_run_on_user_space", "result_pointer_preferred",
            "fallback_to_oracle", "priority", "task_types", "capabilities", "origin")  # fmt: skip
    # What a session of everybody's showed is not what a user's own will show.
    unseen: dict[str, Any] = (
        {"tools": [], "health": Health.UNKNOWN, "health_error": None}
        if any(own.values()) or (oauth or {}).get("mode") == "per_user"
        else {}
    )
    return (
        {key: values[key] for key in kept if key in values}
        | own
        | unseen
        | {
            "id": identifier,
            "oauth": oauth,
            "name": definition.name,
            "transport": definition.transport,
            "command": definition.command,
            "args": list(definition.args),
            "url": definition.url,
            "timeout_seconds": definition.timeout_seconds,
            "max_concurrency": definition.max_concurrency,
            **columns_of(wish_of(values)),
            "secrets_encrypted": secretbox.encrypt(json.dumps(secrets)) if any(secrets.values()) else None,
        }
    )


def _checked(identifier: UUID, values: Mapping[str, Any], taken: Collection[str]) -> ServerDefinition:
    definition = ServerDefinition.build(
        id=identifier,
        name=values["name"],
        transport=values["transport"],
        command=values.get("command"),
        args=tuple(values.get("args") or ()),
        env=values.get("env"),
        url=values.get("url"),
        headers=values.get("headers"),
        timeout_seconds=values.get("timeout_seconds", 60.0),
        max_concurrency=values.get("max_concurrency", 32),
    )
    if definition.name in taken:
        raise Conflict(f"{definition.name} is the name of a built-in server", field="name", hint="choose another")
    if definition.transport == "builtin":
        raise InvalidInput("the transport is stdio, streamable_http or sse", field="transport")
    for number, raw in enumerate(values.get("capabilities") or ()):
        parse_capability(raw, f"capabilities[{number}]")
    return definition


def imported_values(found: mcp_json.ServerEntry) -> dict[str, Any]:
    """What an mcp.json says of a server, as the registry takes it."""
    names = (
        "name",
        "transport",
        "command",
        "args",
        "env",
        "url",
        "headers",
        "timeout_seconds",
        "enabled",
        "description",
        "origin",
    )
    flags = ("can_run_on_user_space", "result_pointer_preferred", "fallback_to_oracle")
    told = {name: found.flags[name] for name in flags if name in found.flags}
    return (
        {name: getattr(found, name) for name in names}
        | told
        | {
            "description": found.description,
            "capabilities": list(found.capabilities),
            **(columns_of(found.sandbox) if found.transport == "stdio" else {}),
        }
    )


def values_of(entry: ServerEntry) -> dict[str, Any]:
    """What an entry says, as the registry takes it; without its secrets."""
    names = ("name", "transport", "description", "project_id", "command", "url", "enabled", "can_run_on_user_space",
             "result_pointer_preferred", "fallback_to_oracle", "timeout_seconds", "max_concurrency",
             "priority", "sandbox", "network", "limits", "origin")  # fmt: skip
    return {name: getattr(entry, name) for name in names} | {
        "args": list(entry.args),
        "folders": list(entry.folders),
        "user_env": list(entry.user_env),
        "user_headers": list(entry.user_headers),
        "oauth": dict(entry.oauth) if entry.oauth else None,
        "capabilities": list(entry.declared),
        "task_types": sorted(entry.task_types),
    }


def origin_after(entry: ServerEntry, changed: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is kept of the document an entry came from: what runs now is another version where the entry says so."""
    if entry.origin is None:
        return None
    before = values_of(entry)
    same = all(changed.get(name) == before[name] for name in ("transport", "command", "args", "url"))
    return {name: told for name, told in entry.origin.items() if same or name != "version"}
