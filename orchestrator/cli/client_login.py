"""Where the client commands find their service and their log-in, and how a log-in is kept.

``ORCHESTRATOR_URL`` and ``ORCHESTRATOR_TOKEN`` come first, then what ``login`` stored in a file that only its owner
may read. A log-in's tokens rotate; two commands at once take turns. Passwords are never stored.
"""

import asyncio
import fcntl
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.cli.client import Api
from orchestrator.core.errors import InvalidInput, NotAuthenticated, NotConfigured

URL, TOKEN = "ORCHESTRATOR_URL", "ORCHESTRATOR_TOKEN"
DEFAULT_URL = "http://127.0.0.1:8000"

T = TypeVar("T")
Logins = dict[str, Any]


def run(work: Callable[[Api], Awaitable[T]]) -> T:
    """Do some work as the caller this machine's user is logged in as."""

    async def whole() -> T:
        async with connect() as api:
            return await work(api)

    return asyncio.run(whole())


def connect() -> Api:
    """The service and caller meant by the environment and the stored log-in."""
    url = service_url()
    token = os.environ.get(TOKEN, "").strip()
    if token:
        return Api(url, token)
    known = _read()["logins"].get(url)
    if known is None:
        hint = f"Log in with `orchestrator login`, or set {TOKEN} to a personal API token."
        raise NotAuthenticated(f"Nobody is logged in at {url}.", hint=hint)
    return Api(url, known["access_token"], renew=lambda used: _renew(url, used))


def service_url(given: str = "") -> str:
    """The service meant: the one given, the environment's, the one logged in to last, or this machine's."""
    url = given or os.environ.get(URL, "").strip() or _read()["last"] or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"{url!r} is no address of a service.", field=URL, hint=f"It looks like {DEFAULT_URL}.")
    return str(url).rstrip("/")


def store_login(url: str, email: str, answer: dict[str, Any]) -> None:
    """Keep what a log-in gave."""
    with _locked():
        _keep(url, email, answer)


def forget_login(url: str) -> dict[str, Any] | None:
    """Forget a log-in, and give what was known of it."""
    with _locked():
        known = _read()
        mine: dict[str, Any] | None = known["logins"].pop(url, None)
        _write(known)
    return mine


async def _renew(url: str, used: str) -> str:
    """A new access token. A refresh token works once, so whoever comes second takes what the first one got."""

    def turn() -> str:
        with _locked():
            known = _read()["logins"].get(url)
            if known is None:
                raise NotAuthenticated(f"Nobody is logged in at {url}.", hint="Log in with `orchestrator login`.")
            if known["access_token"] != used:
                return str(known["access_token"])
            answer = asyncio.run(_refresh(url, known["refresh_token"]))
            _keep(url, known["email"], answer)
            return str(answer["access_token"])

    return await asyncio.to_thread(turn)


async def _refresh(url: str, refresh_token: str) -> dict[str, Any]:
    async with Api(url) as api:
        answer: dict[str, Any] = await api.post("/auth/refresh", {"refresh_token": refresh_token})
        return answer


def _keep(url: str, email: str, answer: dict[str, Any]) -> None:
    known = _read()
    tokens = {name: answer[name] for name in ("access_token", "refresh_token")}
    known["logins"][url] = {"email": email, **tokens}
    _write(known | {"last": url})


def _folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "").strip()
    home = Path(base) if base.startswith("/") else Path.home() / ".config"
    return home / "orchestrator"


def _read() -> Logins:
    path = _folder() / "login.json"
    try:
        known = json.loads(path.read_text())
        return {"logins": dict(known["logins"]), "last": str(known["last"])}
    except FileNotFoundError:
        return {"logins": {}, "last": ""}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotConfigured(f"{path} cannot be read.", hint="Delete it and log in again.") from error


def _write(known: Logins) -> None:
    """Replace the file as a whole, so that a killed command leaves the old one. mkstemp gives it mode 0600."""
    folder = _folder()
    handle, name = tempfile.mkstemp(dir=folder, prefix=".login-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(known, file)
        Path(name).replace(folder / "login.json")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _locked() -> Iterator[None]:
    folder = _folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        hint = f"Set {TOKEN} to a personal API token instead, or XDG_CONFIG_HOME to a folder of yours."
        raise NotConfigured(f"The log-in cannot be kept in {folder}: {error.strerror}.", hint=hint) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
