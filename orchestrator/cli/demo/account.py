"""The demo's account: made once per data folder with a generated password, kept in a file only its owner may read.

The first account of a service is its admin, which registering programs as MCP servers needs; where somebody else came
first, the demo says so at once.
"""

import json
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli.client.api import Api
from orchestrator.core.errors import Conflict, Forbidden, NotAuthenticated, NotConfigured

_FILE = "demo-account.json"
_EMAIL = "demo@example.org"
_HINT = "Start with an empty folder: make demo DATA_DIR=.data-demo"


@dataclass(frozen=True, slots=True)
class Account:
    """Who the demo is; ``known`` when an earlier run made the account."""

    email: str
    password: str
    known: bool
    api: Api


async def enter(url: str, data: Path) -> Account:
    """Register, or log in as before; the account with a client that renews its log-in."""
    email, password = _credentials(data / _FILE)
    async with Api(url) as api:
        try:
            token, known = await _log_in(api, email, password), True
        except NotAuthenticated:
            await _register(api, email, password)
            token, known = await _log_in(api, email, password), False
    account = Account(email, password, known, Api(url, token, renew=_renewing(url, email, password)))
    profile = await account.api.get("/user/profile")
    if not profile["is_admin"]:
        raise Forbidden("Somebody else registered here first, so the demo's account is no admin.", hint=_HINT)
    return account


def _renewing(url: str, email: str, password: str) -> Callable[[str], Awaitable[str]]:
    async def renew(_: str) -> str:
        async with Api(url) as api:
            return await _log_in(api, email, password)

    return renew


async def _log_in(api: Api, email: str, password: str) -> str:
    answer = await api.post("/auth/login", {"email": email, "password": password})
    return str(answer["access_token"])


async def _register(api: Api, email: str, password: str) -> None:
    body = {"email": email, "password": password, "display_name": "Demo"}
    try:
        await api.post("/auth/register", body)
    except Conflict as error:
        raise Conflict(f"{email} is registered here with a password the demo does not know.", hint=_HINT) from error


def _credentials(path: Path) -> tuple[str, str]:
    """E-mail and password of the earlier run, or new ones, stored before they are used."""
    try:
        kept = json.loads(path.read_text())
        return str(kept["email"]), str(kept["password"])
    except FileNotFoundError:
        password = secrets.token_urlsafe(12)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotConfigured(f"{path} cannot be read.", hint=_HINT) from error
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump({"email": _EMAIL, "password": password}, file)
    return _EMAIL, password
