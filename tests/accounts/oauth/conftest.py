"""A service set up for GitHub and Hugging Face, both faked on loopback, and a browser that walks between them."""

import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from orchestrator.agents.scripted.http_server import Reply, Request, Route
from orchestrator.config import Settings
from tests.fakes.github import FakeGitHub
from tests.fakes.huggingface import FakeHuggingFace

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class SigningHuggingFace(FakeHuggingFace):
    """Hugging Face with OpenID Connect: ID tokens signed with a published key. ``claims`` changes what they say."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.signing_key = _KEY
        self._nonces: dict[str, str] = {}
        super().__init__()

    def routes(self) -> Sequence[Route]:
        return (
            ("GET", r"/oauth/authorize", self._authorize),
            ("GET", r"/oauth/jwks", lambda _: Reply(200, {"keys": [_public()]})),
            *super().routes(),
        )

    def _authorize(self, request: Request) -> Reply:
        reply = self.oauth.authorize(request)
        code = parse_qs(urlsplit(reply.headers["Location"]).query).get("code", [""])[0]
        self._nonces[code] = request.query.get("nonce", "")
        return reply

    def _discovery(self, request: Request) -> Reply:
        reply = super()._discovery(request)
        return Reply(200, reply.body | {"jwks_uri": f"{self.url}/oauth/jwks"})

    def _token(self, request: Request) -> Reply:
        nonce = self._nonces.pop(request.form().get("code", ""), "")
        reply = super()._token(request)
        if reply.status != 200:
            return reply
        about = self._userinfo(Request("GET", "", {}, {"authorization": f"Bearer {reply.body['access_token']}"}, b""))
        now = int(time.time())
        said = {
            "iss": self.url, "aud": self.oauth.client_id, "sub": about.body["sub"], "iat": now, "exp": now + 600,
            "nonce": nonce,
        } | self.claims  # fmt: skip
        token = jwt.encode(said, self.signing_key, "RS256", headers={"kid": "k1"})
        return Reply(200, reply.body | {"id_token": token})


def _public() -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(_KEY.public_key(), as_dict=True) | {"kid": "k1", "alg": "RS256"}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as fake:
        yield fake


@pytest.fixture
def huggingface() -> Iterator[SigningHuggingFace]:
    with SigningHuggingFace() as fake:
        yield fake


@pytest.fixture
def settings(settings: Settings, github: FakeGitHub, huggingface: SigningHuggingFace) -> Settings:
    return settings.model_copy(
        update={
            "public_url": "http://testserver",
            "github_url": github.url,
            "github_api_url": github.url,
            "github_client_id": github.oauth.client_id,
            "github_client_secret": SecretStr(github.oauth.client_secret),
            "hf_url": huggingface.url,
            "hf_client_id": huggingface.oauth.client_id,
            "hf_client_secret": SecretStr(huggingface.oauth.client_secret),
        }
    )


async def visit(url: str) -> str:
    """What the provider's page sends the browser back to, as a path of ours."""
    async with httpx.AsyncClient() as outside:
        back = (await outside.get(url)).headers["location"]
    assert back.startswith("http://testserver/api/v1/auth/")
    return back.removeprefix("http://testserver/api/v1")


async def walk(browser: httpx.AsyncClient, provider: str, **query: str) -> httpx.Response:
    """Log in with a provider, as a browser does."""
    start = await browser.get(f"/auth/{provider}/login", params=query)
    assert start.status_code == 302, start.text
    return await browser.get(await visit(start.headers["location"]))
