"""A person with a browser, a program that wants to be connected, and a host with its document, for the OAuth tests."""

import base64
import datetime
import hashlib
import ipaddress
import secrets
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from orchestrator.agents.scripted.http_server import Reply, Request, Route, ScriptedServer
from orchestrator.core.caller import Caller
from orchestrator.models.accounts import User
from tests.mcp_door.conftest import Service

WAY_BACK = "http://127.0.0.1:43117/callback"
DECIDE = "/api/v1/user/applications/requests"


@dataclass
class Person:
    """Somebody who is logged in to the console in a browser."""

    browser: httpx.AsyncClient
    csrf: dict[str, str]

    async def decide(self, asked: httpx.Response, *, approve: bool = True, remember: bool = False) -> str:
        """Answer what a redirect to the console asks; returns where the browser goes then."""
        assert asked.status_code == 303, asked.text
        request_id = asked.headers["location"].removeprefix("/connect/")
        answer = await self.browser.post(
            f"{DECIDE}/{request_id}", json={"approve": approve, "remember": remember}, headers=self.csrf
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["redirect_to"])

    async def visit(self, url: str, **decision: bool) -> str:
        """Go where a program sends the browser, decide there, and come out where it is sent back to."""
        answer = await self.browser.get(url)
        if answer.status_code == 302:
            return str(answer.headers["location"])
        return await self.decide(answer, **decision)


async def log_in(service: Service, caller: Caller) -> Person:
    """A browser of its own with a console session."""
    async with service.container.database.session() as session:
        user = await session.get_one(User, caller.user_id)
    started = await service.container.sessions.start_cookie(user)
    browser = httpx.AsyncClient(base_url=service.url, cookies={"orc_session": started.secret}, timeout=30)
    return Person(browser, {"X-CSRF-Token": started.csrf_token})


@dataclass
class Program:
    """A client written by hand, so that it can do what a good one would not."""

    service: Service
    client_id: str
    redirect_uri: str = WAY_BACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def query(self, **more: str | None) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": self.redirect_uri, "state": "s&1",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256",
            "resource": f"{self.service.url}/mcp", **more,
        }  # fmt: skip
        return {name: value for name, value in asked.items() if value is not None}

    async def ask(self, person: Person, **more: str | None) -> httpx.Response:
        """Send the person's browser to us."""
        return await person.browser.get("/oauth/authorize", params=self.query(**more))

    async def code(self, person: Person, **more: str | None) -> str:
        """A code for what the person approved."""
        target = await person.decide(await self.ask(person, **more))
        return answer_in(target)["code"]

    async def redeem(self, code: str, /, **more: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code", "code": code, "client_id": self.client_id,
            "redirect_uri": self.redirect_uri, "code_verifier": self.verifier, **more,
        }  # fmt: skip
        return await self.post("/oauth/token", {name: value for name, value in form.items() if value is not None})

    async def refresh(self, refresh_token: str, **more: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": self.client_id, **more}
        return await self.post("/oauth/token", form)

    async def connect(self, person: Person, **more: str | None) -> dict[str, Any]:
        """All the way to tokens."""
        answer = await self.redeem(await self.code(person, **more))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def post(self, path: str, form: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.service.url, timeout=30) as client:
            return await client.post(path, data=form)


async def registered(service: Service, *redirect_uris: str, name: str = "Some Editor", **more: Any) -> Program:
    """A program that registered itself."""
    uris = list(redirect_uris) or [WAY_BACK]
    answer = await register(service, redirect_uris=uris, client_name=name, **more)
    assert answer.status_code == 201, answer.text
    return Program(service, answer.json()["client_id"], uris[0])


async def register(service: Service, **metadata: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
        return await client.post("/oauth/register", json=metadata)


def answer_in(target: str) -> dict[str, str]:
    """What a redirect tells the program."""
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


class Memory:
    """What the official client stores."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def official(
    url: str, person: Person, memory: Memory, *, document: str | None = None, **decision: bool
) -> OAuthClientProvider:
    """The official SDK's client side; the person plays the browser."""
    came: list[dict[str, str]] = []

    async def open_browser(address: str) -> None:
        came.append(answer_in(await person.visit(address, **decision)))

    async def wait_for_browser() -> AuthorizationCodeResult:
        answer = came.pop()
        return AuthorizationCodeResult(code=answer.get("code", ""), state=answer.get("state"), iss=answer.get("iss"))

    metadata = OAuthClientMetadata(redirect_uris=[WAY_BACK], client_name="Official client")
    return OAuthClientProvider(url, metadata, memory, open_browser, wait_for_browser, client_metadata_url=document)


class DocumentHost(ScriptedServer):
    """A host on loopback with TLS whose /client.json describes a client. ``said`` changes what it says."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.trusted = _certificate(folder)
        context.load_cert_chain(self.trusted, folder / "key.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = self.url.replace("http:", "https:")
        self.client_id = f"{self.url}/client.json"
        self.said: dict[str, Any] = {}
        self.headers: dict[str, str] = {}

    def routes(self) -> Sequence[Route]:
        return (("GET", r"/client\.json", self._document),)

    def _document(self, _: Request) -> Reply:
        document = {
            "client_id": self.client_id, "client_name": "Claude Code",
            "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
        } | self.said  # fmt: skip
        return Reply(200, document, self.headers)


@contextmanager
def document_host(folder: Path) -> Iterator[DocumentHost]:
    with DocumentHost(folder) as host:
        yield host


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "documents of a test")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem"
