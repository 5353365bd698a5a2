"""What an entry may say of credentials: names that users set for themselves, and OAuth. Used by the registry.

Every complaint names the field. Values are not its business, nor whether a server really wants them.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.definition import ServerDefinition, check

OAUTH_FIELDS = ("mode", "scopes", "client_id", "issuer")


def check_own_names(definition: ServerDefinition, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names whose values users set for themselves, as an entry gives them. InvalidInput names the field."""
    own: dict[str, list[str]] = {}
    for kind, fixed in (("env", definition.env), ("headers", definition.headers)):
        names = own[f"user_{kind}"] = list(dict.fromkeys(values.get(f"user_{kind}") or ()))
        for name in names:
            if name.lower() in {given.lower() for given in fixed}:
                raise InvalidInput("the entry itself has a value for this one", field=f"user_{kind}.{name[:100]}")
    if own["user_headers"] and definition.transport == "stdio":
        raise InvalidInput("a stdio server has an environment, no headers", field="user_headers")
    if own["user_env"] and definition.transport != "stdio":
        raise InvalidInput("a remote server has headers, no environment", field="user_env")
    env, headers = (dict.fromkeys(names, "") for names in (own["user_env"], own["user_headers"]))
    check(replace(definition, env=env, headers=headers), "user_")
    return own


def check_oauth(definition: ServerDefinition, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """How an entry is reached with OAuth, without the secret of its client; None where it is not."""
    told = values.get("oauth")
    if not told:
        return None
    if definition.transport == "stdio":
        raise InvalidInput("OAuth is for remote servers", field="oauth")
    headers = {name.lower() for name in (*definition.headers, *(values.get("user_headers") or ()))}
    if "authorization" in headers:
        raise InvalidInput("with OAuth the Authorization header carries its token", field="oauth")
    if told.get("client_id"):
        _check_client(told)
    return {name: told[name] for name in OAUTH_FIELDS if told.get(name)}


def _check_client(told: Mapping[str, Any]) -> None:
    if is_document(told["client_id"]):
        if told.get("client_secret"):
            raise InvalidInput("a client that a document describes has no secret", field="oauth.client_secret")
    elif not told.get("issuer"):
        raise InvalidInput(
            "name the authorization server this client is registered with: its secret goes nowhere else",
            field="oauth.issuer",
        )


def is_document(client_id: str) -> bool:
    """Whether a client is known by the address of a document about it (CIMD), and so at any authorization server."""
    parts = urlsplit(client_id)
    return parts.scheme == "https" and bool(parts.hostname) and parts.path not in ("", "/") and not parts.fragment


def kept_client_secret(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, secret: str | None) -> str | None:
    """The secret of the client after a change: the one given, else the old one where client and issuer stay."""
    if not new:
        return None
    if new.get("client_secret"):
        return str(new["client_secret"])
    same = old is not None and all(old.get(name) == new.get(name) for name in ("client_id", "issuer"))
    return secret if same else None
