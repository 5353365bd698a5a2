"""Which service and which log-in the client commands mean: two variables, then a file that only its owner may read.

Used by the client, the log-in command and the stdio door. It sends nothing and knows no password; a log-in's tokens
rotate, so whoever changes the file holds its lock.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.cli.client.problem import LOG_IN_HINT
from orchestrator.core.errors import InvalidInput, NotAuthenticated, NotConfigured

URL, TOKEN = "ORCHESTRATOR_URL", "ORCHESTRATOR_TOKEN"
DEFAULT_URL = "http://127.0.0.1:8000"

Logins = dict[str, Any]


def service_url(given: str = "") -> str:
    """The service meant: the one given, the environment's, the one logged in to last, or this machine's."""
    url = given or os.environ.get(URL, "").strip() or _read()["last"] or DEFAULT_URL
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"{url!r} is no address of a service.", field=URL, hint=f"It looks like {DEFAULT_URL}.")
    return str(url).rstrip("/")


def fixed_token() -> str:
    """The token of the environment, which nobody can renew; else nothing."""
    return os.environ.get(TOKEN, "").strip()


def stored_login(url: str) -> Logins:
    """What a log-in gave. Raises NotAuthenticated where nobody is logged in."""
    known = _read()["logins"].get(url)
    if known is None:
        raise NotAuthenticated(f"Nobody is logged in at {url}.", hint=LOG_IN_HINT)
    return dict(known)


def store_login(url: str, email: str, answer: dict[str, Any]) -> None:
    """Keep what a log-in gave."""
    with locked():
        keep(url, email, answer)


def forget_login(url: str) -> dict[str, Any] | None:
    """Forget a log-in, and give what was known of it."""
    with locked():
        known = _read()
        mine: dict[str, Any] | None = known["logins"].pop(url, None)
        _write(known)
    return mine


def keep(url: str, email: str, answer: dict[str, Any]) -> None:
    """Write a log-in down; the caller holds the lock."""
    known = _read()
    tokens = {name: answer[name] for name in ("access_token", "refresh_token")}
    known["logins"][url] = {"email": email, **tokens}
    _write(known | {"last": url})


@contextmanager
def locked() -> Iterator[None]:
    """One at a time, among all commands of this user."""
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
