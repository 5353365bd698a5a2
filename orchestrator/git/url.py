"""Repository URLs: parsed, checked and taken apart before git sees them. Used by mirrors, pushes and projects.

Allowed are https, http, ssh (also in the ``user@host:path`` form) and, where the caller says so, file. Everything git
could read as an option, a helper (``ext::``) or a credential is refused. Opens no connection.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from orchestrator.core.errors import InvalidInput

MAX_URL_LENGTH = 2048
_PORTS = {"http": 80, "https": 443, "ssh": 22}
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_SCP = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:\[\]]+):(?P<path>[^:].*)")
_BAD = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_BAD_ESCAPE = re.compile(r"%(?:[01][0-9a-f]|7f|(?![0-9a-f]{2}))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RepositoryUrl:
    """A checked URL; ``text`` is what git gets and holds no secret."""

    text: str
    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a credential is bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def full_name(self) -> str:
        """The path without slashes at the ends and without ``.git``: ``owner/name`` on GitHub."""
        return self.path.strip("/").removesuffix(".git")

    @property
    def name(self) -> str:
        """The last part of the path, fit as a default project name."""
        return self.full_name.rsplit("/", 1)[-1]

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine, judged by its name alone."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_repository_url(text: str, *, allow_file: bool = False, allow_ssh: bool = True) -> RepositoryUrl:
    """Check a URL somebody typed; InvalidInput names the field ``repository_url`` and never repeats the text."""
    if not text or len(text) > MAX_URL_LENGTH:
        _refuse(f"must have between 1 and {MAX_URL_LENGTH} characters")
    if _BAD.search(text) or _BAD_ESCAPE.search(text):
        _refuse("holds spaces, control characters, backslashes or a broken % escape")
    if text.startswith("-") or "::" in text.split("/", 1)[0].split("[", 1)[0]:
        _refuse("must be an https, http or ssh URL of a repository")
    url = _parse_full(text) if "://" in text else _parse_scp(text)
    if url.scheme == "file" and not allow_file:
        _refuse("must not be a file; give a local project by its path")
    if url.scheme == "ssh" and not allow_ssh:
        _refuse("must be an https URL; ssh is not allowed here")
    return url


def _parse_full(text: str) -> RepositoryUrl:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidInput("repository_url has a broken host or port.", field="repository_url") from error
    scheme = parts.scheme.lower()
    if scheme not in ("https", "http", "ssh", "file"):
        _refuse("must begin with https://, http:// or ssh://")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        _refuse("must not have a query or a fragment")
    if scheme == "file":
        if parts.netloc:
            _refuse("must not name a host for a file")
        return RepositoryUrl(text, scheme, "", None, parts.path)
    _check_user(parts, scheme)
    host = parts.hostname or ""
    _check_host(host)
    _check_path(parts.path)
    return RepositoryUrl(text, scheme, host, None if port == _PORTS[scheme] else port, parts.path)


def _parse_scp(text: str) -> RepositoryUrl:
    match = _SCP.fullmatch(text)
    if match is None:
        _refuse("must be an https, http or ssh URL of a repository")
    user, host, path = match["user"], match["host"], match["path"]
    if user is not None and not _USER.fullmatch(user):
        _refuse("has a user name that is not allowed")
    if len(host) == 1:
        _refuse("looks like a path; give a local project by its path")
    _check_host(host)
    _check_path(path)
    return RepositoryUrl(text, "ssh", host, None, path)


def _check_user(parts: SplitResult, scheme: str) -> None:
    if parts.password is not None or (scheme != "ssh" and "@" in parts.netloc):
        _refuse("must not hold a user name, password or token; link the account instead")
    if parts.username is not None and not _USER.fullmatch(parts.username):
        _refuse("has a user name that is not allowed")


def _check_host(host: str) -> None:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise InvalidInput("repository_url has a broken host.", field="repository_url") from error
    elif not _HOST.fullmatch(host) or ".." in host:
        _refuse("has a host name that is not allowed (write international names in their xn-- form)")


def _check_path(path: str) -> None:
    parts = path.strip("/").split("/")
    if not path.strip("/") or any(part.startswith("-") or part in ("", ".", "..") for part in parts):
        _refuse("does not name a repository on its host")


def _refuse(why: str) -> NoReturn:
    raise InvalidInput(f"repository_url {why}.", field="repository_url")
