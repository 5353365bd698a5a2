"""What git may present to a remote, and how it stays hidden.

A credential reaches git through the environment of one process and a credential helper that answers for one origin
only, so a redirect to another host gets nothing. It never stands in a URL, an argument list, a file, a log or an error.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from orchestrator.core.errors import InvalidInput
from orchestrator.git.url import RepositoryUrl

_HELPER = (
    '!f() { if test "$1" = get; then printf "username=%s\\npassword=%s\\n"'
    ' "$ORCHESTRATOR_GIT_USERNAME" "$ORCHESTRATOR_GIT_SECRET"; fi; }; f'
)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a password or token for a git server."""

    username: str
    secret: str = field(repr=False)

    @classmethod
    def token(cls, token: str) -> "Credential":
        """The form GitHub takes tokens in; other hosts ignore the user name."""
        return cls("x-access-token", token)


@dataclass(frozen=True, slots=True)
class Login:
    """A credential bound to one origin, in the shape one git process needs it."""

    settings: tuple[tuple[str, str], ...]
    environment: Mapping[str, str] = field(repr=False)
    hidden: tuple[str, ...] = field(repr=False)


def login_for(credential: Credential | None, url: RepositoryUrl) -> Login | None:
    """Bind a credential to the origin of a URL; None where there is nothing to present (no credential, ssh, file)."""
    if credential is None or url.scheme not in ("http", "https"):
        return None
    if url.scheme == "http" and not url.is_loopback:
        raise InvalidInput("A credential may only travel over https.", field="repository_url")
    if any(ord(char) < 32 or ord(char) == 127 for char in credential.username + credential.secret):
        raise InvalidInput("The credential holds control characters.", field="credential")
    pair = f"{credential.username}:{credential.secret}".encode()
    return Login(
        settings=((f"credential.{url.origin}.helper", ""), (f"credential.{url.origin}.helper", _HELPER)),
        environment={
            "ORCHESTRATOR_GIT_USERNAME": credential.username,
            "ORCHESTRATOR_GIT_SECRET": credential.secret,
        },
        hidden=(credential.secret, quote(credential.secret, safe=""), base64.b64encode(pair).decode()),
    )


def redact(text: str, hidden: Iterable[str] = ()) -> str:
    """The text without the given secrets, without user info in URLs, and without control characters."""
    for secret in hidden:
        if secret:
            text = text.replace(secret, "***")
    return _CONTROL.sub("", _USERINFO.sub("***@", text))
