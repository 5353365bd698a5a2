"""What a program asks of a person: read from the query of /oauth/authorize, checked, and sealed for the browser.

Used by the authorization doors. What is wrong with the client or its way back is told to the person, and no browser is
sent anywhere; all else is told to the client, at an address that is its own. PKCE with S256 is asked of everybody. The
sealed form lives ten minutes in a cookie: nothing is stored for strangers.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from orchestrator.core.caller import Scope
from orchestrator.core.errors import NotAuthenticated, NotConfigured, OAuthRefused
from orchestrator.core.redirect_uris import with_answer
from orchestrator.core.secretbox import SecretBox
from orchestrator.services.oauth_clients import OAuthClients, client_host

REQUEST_SECONDS = 600
SCOPE_WORDS: Mapping[Scope, str] = {
    Scope.MCPS_EXECUTE: "Call the tools of your MCP servers, and read their resources and prompts",
    Scope.MCPS_READ: "See your MCP servers and how they stand",
    Scope.TASKS_READ: "Read your tasks, their events and their results",
    Scope.TASKS_WRITE: "Hand in and stop tasks; agents may change code in worktrees for them",
    Scope.PROJECTS_READ: "List your projects",
    Scope.GRAPH_READ: "Query the knowledge graphs of your projects",
}
"""All that can be done at an MCP endpoint, in words: what an application may ask for. Nothing else is granted."""

ROOT_RESOURCE = "/mcp"
_RESOURCE = re.compile(r"/mcp(/[a-z0-9][a-z0-9-]{0,63})?")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE = re.compile(r"[\x20-\x7e]{0,1500}")
_USE = "authorization-request"
_LONGEST_SEALED = 4000
_LONE = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request. ``vouched`` says whether the host is the client's own; ``issuer`` is us, as it knows us."""

    client_id: str
    client_name: str
    client_host: str
    vouched: bool
    redirect_uri: str
    scopes: tuple[str, ...]
    resource: str
    challenge: str
    state: str | None
    issuer: str
    refreshable: bool
    ask_again: bool = False

    def answer(self, **answer: str) -> str:
        """Where the browser goes with an answer: it names who answers (RFC 9207), and the client's state as it was."""
        state = {} if self.state is None else {"state": self.state}
        return with_answer(self.redirect_uri, {**answer, **state, "iss": self.issuer})


class RefusedAtClient(OAuthRefused):
    """A request that its own client made wrongly: the browser takes the error to ``location``."""

    def __init__(self, message: str, error: str = "invalid_request", location: str = "/") -> None:
        super().__init__(message, details={"error": error})
        self.location = location


class AuthorizationRequests:
    """Reads, seals and opens requests."""

    def __init__(self, clients: OAuthClients, secretbox: SecretBox) -> None:
        self._clients = clients
        self._secretbox = secretbox

    async def read(self, query: Iterable[tuple[str, str]], *, issuer: str, place: str) -> Asked:
        """The request in a query. RefusedAtClient and OAuthRefused say to whom a fault is told."""
        pairs = list(query)
        given = dict(pairs)
        twice = sorted(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        if {"client_id", "redirect_uri"} & set(twice):
            raise _fault("client_id and redirect_uri may be given once")
        client = await self._clients.find(given.get("client_id", ""), place=place)
        redirect_uri = given.get("redirect_uri", "")
        if not client.accepts(redirect_uri):
            raise _fault("the redirect_uri is not one that this client registered", field="redirect_uri")
        state = given.get("state")
        asked = Asked(
            client.id, client.name, client_host(client, redirect_uri), bool(client.host), redirect_uri, (), "",
            given.get("code_challenge", ""), state if _STATE.fullmatch(state or "") else None, issuer,
            client.refreshable,
        )  # fmt: skip
        return self._checked(asked, given, twice)

    def seal(self, asked: Asked) -> str:
        """The request as text that only we can make or read; RefusedAtClient when it is too long for a browser."""
        sealed = self._secretbox.encrypt(json.dumps({"use": _USE, "asked": asdict(asked)}))
        if len(sealed) > _LONGEST_SEALED:
            raise _refusal(asked, "invalid_request", "state and redirect_uri are too long together")
        return sealed

    def open(self, sealed: str | None) -> Asked:
        """The request that this browser came with; NotAuthenticated when there is none or it is too old."""
        lost = NotAuthenticated("nothing is asked in this browser, or it took too long", hint="connect again")
        try:
            known = json.loads(self._secretbox.decrypt(sealed or "", max_age=REQUEST_SECONDS))
        except NotConfigured as error:
            raise lost from error
        if known.get("use") != _USE:
            raise lost
        return Asked(**{**known["asked"], "scopes": tuple(known["asked"]["scopes"])})

    def _checked(self, asked: Asked, given: Mapping[str, str], twice: list[str]) -> Asked:
        repeated = [name for name in twice if name in _LONE or name == "resource"]
        if repeated:
            raise _refusal(asked, "invalid_request", f"{repeated[0]} may be given once")
        if not _STATE.fullmatch(given.get("state", "")):
            raise _refusal(asked, "invalid_request", "state may have 1500 printable characters at most")
        if given.get("response_type") != "code":
            error = "unsupported_response_type" if given.get("response_type") else "invalid_request"
            raise _refusal(asked, error, "response_type must be code")
        if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.challenge):
            raise _refusal(asked, "invalid_request", "PKCE is needed: code_challenge with code_challenge_method S256")
        scopes = grantable(given.get("scope"))
        if not scopes:
            raise _refusal(asked, "invalid_scope", f"ask for some of: {' '.join(SCOPE_WORDS)}")
        resource = resource_path(given.get("resource"), asked.issuer)
        if resource is None:
            raise _refusal(asked, "invalid_target", "resource must be the address of an MCP endpoint of this service")
        again = bool({"consent", "login"} & set(given.get("prompt", "").split()))
        return Asked(**{**asdict(asked), "scopes": scopes, "resource": resource, "ask_again": again})


def grantable(scope: str | None) -> tuple[str, ...]:
    """Of the scopes asked for those an application can have; without any asked for, all of these."""
    if scope is None or not scope.strip():
        return tuple(sorted(SCOPE_WORDS))
    return tuple(sorted(set(scope.split()) & set(SCOPE_WORDS)))


def resource_path(resource: str | None, issuer: str) -> str | None:
    """The path of the MCP endpoint that a resource indicator names (RFC 8707); None when it names none of ours.

    Without one it is the endpoint that shows everything: clients of the first revisions know no resources.
    """
    if resource is None:
        return ROOT_RESOURCE
    try:
        parts, own = urlsplit(resource), urlsplit(issuer)
        same = (parts.scheme, parts.hostname, parts.port) == (own.scheme, own.hostname, own.port)
    except ValueError:
        return None
    path = parts.path.rstrip("/") or ROOT_RESOURCE
    if not same or parts.query or parts.fragment or "@" in parts.netloc or not _RESOURCE.fullmatch(path):
        return None
    return path


def covers(resource: str, path: str) -> bool:
    """Whether a token for one endpoint may be used at another: the one that shows everything covers its parts."""
    return path == resource or resource == ROOT_RESOURCE


def _refusal(asked: Asked, error: str, why: str) -> RefusedAtClient:
    return RefusedAtClient(why, error, asked.answer(error=error, error_description=why))


def _fault(why: str, *, field: str = "client_id") -> OAuthRefused:
    return OAuthRefused(why, field=field, details={"error": "invalid_request"})
