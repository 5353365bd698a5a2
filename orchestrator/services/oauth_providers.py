"""GitHub and Hugging Face as places to log in: authorize address, exchange of the code, and who the person is.

Used by ``oauth``, which owns the flow and the accounts. Spoken through Authlib with PKCE (S256). Only an e-mail that
the provider has verified is ever handed on. Hugging Face's ID token is checked against its published keys and our
nonce. Every exchange ends within a time limit, and what goes wrong becomes one of our errors.
"""

import asyncio
import hmac
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

import httpx2
import jwt
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from orchestrator.core.errors import NotAuthenticated, NotConfigured, ProviderFailed, TimedOut

_SECONDS = 20.0
_ID_TOKEN_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]


@dataclass(frozen=True, slots=True)
class Person:
    """Who logged in there. ``email`` is None unless the provider has verified it."""

    subject: str
    login: str
    email: str | None
    name: str
    avatar_url: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """The tokens that the provider gave us for a person."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime | None
    scopes: frozenset[str]


class Provider(ABC):
    """A place to log in. ``base_url`` is its web site; ``setting`` begins the names of the settings that enable it."""

    name: ClassVar[str]
    title: ClassVar[str]
    setting: ClassVar[str]
    authorize_path: ClassVar[str]
    token_path: ClassVar[str]
    auth_method: ClassVar[str]
    identity_scope: ClassVar[str]
    repository_scope: ClassVar[str]

    def __init__(self, client_id: str, client_secret: str, base_url: str) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._base_url = base_url.rstrip("/")

    @property
    def configured(self) -> bool:
        """Whether the service has an OAuth app there."""
        return bool(self._client_id and self._client_secret)

    def require_configured(self) -> None:
        """NotConfigured, with what to set, unless the service has an OAuth app there."""
        if not self.configured:
            hint = f"set {self.setting}_CLIENT_ID and {self.setting}_CLIENT_SECRET"
            raise NotConfigured(f"log-in with {self.title} is not set up on this service", hint=hint)

    def authorize_url(
        self, *, state: str, verifier: str, nonce: str, redirect_uri: str, repositories: bool = False
    ) -> str:
        """Where to send the browser. ``repositories`` asks for access to repositories beside the identity."""
        scope = f"{self.identity_scope} {self.repository_scope}" if repositories else self.identity_scope
        url: str = prepare_grant_uri(
            self._base_url + self.authorize_path,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=scope,
            state=state,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
            **({"nonce": nonce} if "openid" in scope else {}),
        )
        return url

    async def redeem(self, code: str, *, verifier: str, nonce: str, redirect_uri: str) -> tuple[Person, Granted]:
        """The person behind a code, and the tokens; NotAuthenticated when the provider refuses the code."""
        async with self._talking() as client:
            token = await client.fetch_token(
                self._base_url + self.token_path,
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                redirect_uri=redirect_uri,
            )
            granted = self._granted(token)
            return await self._person(client, dict(token), nonce), granted

    async def renew(self, refresh_token: str) -> Granted:
        """Fresh tokens for expired ones."""
        async with self._talking() as client:
            return self._granted(await client.refresh_token(self._base_url + self.token_path, refresh_token))

    @abstractmethod
    async def _person(self, client: AsyncOAuth2Client, token: dict[str, Any], nonce: str) -> Person:
        """Ask the provider who the token belongs to."""

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Loading the certificates takes tens of milliseconds: once, in a thread, not per log-in.
        return ssl.create_default_context()

    async def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._client_id,
            self._client_secret,
            token_endpoint_auth_method=self.auth_method,
            timeout=10.0,
            verify=await asyncio.to_thread(lambda: self._tls),
            headers={"User-Agent": "orchestrator"},
        )

    @asynccontextmanager
    async def _talking(self) -> AsyncIterator[AsyncOAuth2Client]:
        limit = asyncio.timeout(_SECONDS)
        try:
            async with limit, await self._client() as client:
                yield client
        except TimeoutError as error:
            raise TimedOut(f"{self.title} did not answer in time", details={"seconds": _SECONDS}) from error
        except AuthlibBaseError as error:
            raise self._refused(error) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            raise ProviderFailed(f"{self.title} could not be asked or answered nonsense") from error

    def _refused(self, error: AuthlibBaseError) -> Exception:
        if error.error in ("incorrect_client_credentials", "invalid_client", "unauthorized_client"):
            hint = f"check {self.setting}_CLIENT_ID and {self.setting}_CLIENT_SECRET"
            return NotConfigured(f"{self.title} does not accept this service's OAuth app", hint=hint)
        return NotAuthenticated(f"{self.title} refused the log-in", hint="start it again")

    def _granted(self, token: dict[str, Any]) -> Granted:
        expires_at = token.get("expires_at")
        return Granted(
            access_token=_text(token, "access_token"),
            refresh_token=token.get("refresh_token") or None,
            expires_at=datetime.fromtimestamp(int(expires_at), UTC) if expires_at else None,
            scopes=frozenset(str(token.get("scope") or "").replace(",", " ").split()),
        )


class GitHub(Provider):
    """GitHub, by its OAuth apps."""

    name, title, setting = "github", "GitHub", "GITHUB"
    authorize_path, token_path, auth_method = (
        "/login/oauth/authorize",
        "/login/oauth/access_token",
        "client_secret_post",
    )
    identity_scope, repository_scope = "read:user user:email", "repo"

    def __init__(self, client_id: str, client_secret: str, base_url: str, api_url: str) -> None:
        super().__init__(client_id, client_secret, base_url)
        self._api_url = api_url.rstrip("/")

    async def _person(self, client: AsyncOAuth2Client, token: dict[str, Any], nonce: str) -> Person:
        user = await _get(client, f"{self._api_url}/user")
        emails = await _get(client, f"{self._api_url}/user/emails")
        verified = [entry for entry in emails if entry["verified"] is True and entry["primary"] is True]
        return Person(
            subject=str(int(user["id"])),
            login=_text(user, "login"),
            email=_text(verified[0], "email") if verified else None,
            name=user.get("name") or _text(user, "login"),
            avatar_url=user.get("avatar_url"),
        )


class HuggingFace(Provider):
    """Hugging Face, by OpenID Connect."""

    name, title, setting = "huggingface", "Hugging Face", "HF"
    authorize_path, token_path, auth_method = "/oauth/authorize", "/oauth/token", "client_secret_basic"
    identity_scope, repository_scope = "openid profile email", "read-repos write-repos manage-repos"

    async def _person(self, client: AsyncOAuth2Client, token: dict[str, Any], nonce: str) -> Person:
        subject = await self._verified_subject(client, _text(token, "id_token"), nonce)
        about = await _get(client, f"{self._base_url}/oauth/userinfo")
        if about["sub"] != subject:
            raise ProviderFailed("Hugging Face's answers are about two different people")
        login = _text(about, "preferred_username")
        return Person(
            subject=subject,
            login=login,
            email=_text(about, "email") if about.get("email_verified") is True else None,
            name=about.get("name") or login,
            avatar_url=about.get("picture"),
        )

    async def _verified_subject(self, client: AsyncOAuth2Client, id_token: str, nonce: str) -> str:
        """The subject of an ID token that Hugging Face signed, for us, for this very log-in."""
        known = await _get(client, f"{self._base_url}/.well-known/openid-configuration")
        keys = jwt.PyJWKSet.from_dict(await _get(client, known["jwks_uri"]))
        claims = jwt.decode(
            id_token,
            keys[jwt.get_unverified_header(id_token)["kid"]],
            _ID_TOKEN_ALGORITHMS,
            audience=self._client_id,
            issuer=known["issuer"],
            leeway=60,
            options={"require": ["exp", "iat", "sub", "iss", "aud", "nonce"]},
        )
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise NotAuthenticated("Hugging Face's answer belongs to another log-in", hint="start it again")
        return _text(claims, "sub")


async def _get(client: AsyncOAuth2Client, url: str) -> Any:
    response = await client.get(url, headers={"Accept": "application/json"})
    response.raise_for_status()
    return response.json()


def _text(values: dict[str, Any], name: str) -> str:
    value = values[name]
    if not isinstance(value, str) or not 0 < len(value) <= 8192:
        raise ValueError(f"{name} is missing")
    return value
