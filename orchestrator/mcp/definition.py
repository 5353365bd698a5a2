"""What the calling side must know to reach one MCP server: a frozen value, made by services from a registry row.

Used by the pool, by ``mcp_json`` and by services. It holds decrypted secrets, so it is never logged and its ``repr``
leaves them out; it is not the registry row itself and knows nothing of routing flags or health.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.bearer import Bearer
from orchestrator.mcp.pins import Pins
from orchestrator.sandbox.wish import OPEN, Wish

Transport = Literal["builtin", "stdio", "streamable_http", "sse"]

DEFAULT_TIMEOUT_SECONDS = 60.0
DEFAULT_CONCURRENCY = 32
MAX_TIMEOUT_SECONDS = 3600.0
MAX_TEXT = 4096
MAX_ITEMS = 256

_NAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,100}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
# A header the protocol or the connection owns: letting an entry set it would break or smuggle requests.
_OWNED_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "mcp-session-id"})


@dataclass(frozen=True, slots=True)
class ServerDefinition:
    """One MCP server as the pool sees it; make it with ``build``, which checks it and computes ``revision``."""

    id: UUID
    name: str
    transport: Transport
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    max_concurrency: int = DEFAULT_CONCURRENCY
    sandbox: Wish = OPEN
    credential: str = ""
    """Whose credentials these are; empty: everybody's. Nobody else's calls share its session."""
    bearer: Bearer | None = field(default=None, repr=False, compare=False)
    """Gives the access token where the server is reached with OAuth; ``connection`` names whose and which it is."""
    connection: str = ""
    revision: str = ""
    pins: Pins | None = field(default=None, repr=False, compare=False)
    """What is approved of its tools; None: all they are. No part of the revision, since no session depends on it."""

    def __post_init__(self) -> None:
        if not self.revision:
            object.__setattr__(self, "revision", _revision(self))

    @classmethod
    def build(
        cls,
        *,
        id: UUID,
        name: str,
        transport: Transport,
        command: str | None = None,
        args: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        max_concurrency: int = DEFAULT_CONCURRENCY,
        sandbox: Wish = OPEN,
    ) -> Self:
        """A checked definition; InvalidInput names the field at fault (``env.PATH``, ``url``, …)."""
        made = cls(
            id, name, transport, command, tuple(args), dict(env or {}), url, dict(headers or {}),
            timeout_seconds, max_concurrency, sandbox,
        )  # fmt: skip
        check(made)
        return made

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must never appear in an error or a log: what env and headers carry, longest first."""
        values = {v for v in (*self.env.values(), *self.headers.values()) if len(v) >= 4}
        values |= {v.partition(" ")[2] for v in self.headers.values() if len(v.partition(" ")[2]) >= 4}
        return tuple(sorted(values, key=len, reverse=True))


def _revision(definition: ServerDefinition) -> str:
    """A hash of all that matters for a session: the same revision may share one."""
    parts = (
        definition.name, definition.transport, definition.command, definition.args, sorted(definition.env.items()),
        definition.url, sorted(definition.headers.items()), definition.timeout_seconds, definition.max_concurrency,
        repr(definition.sandbox),
        definition.credential, definition.connection,
    )  # fmt: skip
    return sha256(orjson.dumps(parts)).hexdigest()[:32]


def check(definition: ServerDefinition, prefix: str = "") -> None:
    """Refuse a definition no session could be made of; ``prefix`` goes before the field names of the errors."""
    _check_text(definition.name, f"{prefix}name", pattern=_NAME)
    if not 0 < definition.timeout_seconds <= MAX_TIMEOUT_SECONDS:
        raise InvalidInput(
            f"The time limit must be above 0 and at most {MAX_TIMEOUT_SECONDS:.0f} seconds.",
            field=f"{prefix}timeout_seconds",
        )
    if not 1 <= definition.max_concurrency <= 1024:
        raise InvalidInput("The concurrency must be between 1 and 1024.", field=f"{prefix}max_concurrency")
    if definition.transport == "stdio":
        _check_stdio(definition, prefix)
    elif definition.transport in ("streamable_http", "sse"):
        _check_http(definition, prefix)
    elif definition.transport != "builtin":
        raise InvalidInput(f"Unknown transport {definition.transport!r}.", field=f"{prefix}transport")


def _check_text(value: object, field_name: str, *, pattern: re.Pattern[str] | None = None) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidInput("A text that is not empty is expected.", field=field_name)
    if len(value) > MAX_TEXT or "\x00" in value:
        raise InvalidInput(f"At most {MAX_TEXT} characters, none of them NUL.", field=field_name)
    if pattern is not None and not pattern.fullmatch(value):
        raise InvalidInput(f"{value[:100]!r} is not allowed here.", field=field_name)


def _check_stdio(definition: ServerDefinition, prefix: str) -> None:
    _check_text(definition.command, f"{prefix}command")
    if definition.url:
        raise InvalidInput("A stdio server has a command, not a url.", field=f"{prefix}url")
    if len(definition.args) > MAX_ITEMS or len(definition.env) > MAX_ITEMS:
        raise InvalidInput(f"At most {MAX_ITEMS} arguments and variables.", field=f"{prefix}args")
    for index, arg in enumerate(definition.args):
        if not isinstance(arg, str) or len(arg) > MAX_TEXT or "\x00" in arg:
            raise InvalidInput("An argument is a text without NUL.", field=f"{prefix}args[{index}]")
    for name, value in definition.env.items():
        if not _ENV_NAME.fullmatch(name):
            raise InvalidInput("Not the name of an environment variable.", field=f"{prefix}env.{name[:100]}")
        if not isinstance(value, str) or len(value) > 32768 or "\x00" in value:
            raise InvalidInput("A value is a text without NUL.", field=f"{prefix}env.{name}")


def _check_http(definition: ServerDefinition, prefix: str) -> None:
    _check_text(definition.url, f"{prefix}url")
    if definition.command:
        raise InvalidInput("A remote server has a url, not a command.", field=f"{prefix}command")
    try:
        parts = urlsplit(definition.url or "")
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise InvalidInput("An http:// or https:// address is expected.", field=f"{prefix}url")
    if parts.username or parts.password:
        raise InvalidInput("Credentials belong into headers, not into the address.", field=f"{prefix}url")
    if len(definition.headers) > MAX_ITEMS:
        raise InvalidInput(f"At most {MAX_ITEMS} headers.", field=f"{prefix}headers")
    for name, value in definition.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWNED_HEADERS:
            raise InvalidInput("Not a header an entry may set.", field=f"{prefix}headers.{name[:100]}")
        if not isinstance(value, str) or len(value) > 8192 or not value.isprintable() or not value.isascii():
            raise InvalidInput("A header value is one line of printable ASCII.", field=f"{prefix}headers.{name}")
