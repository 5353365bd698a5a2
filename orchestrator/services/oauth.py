"""Log-in with and linking of accounts elsewhere. Used by the account doors; the places are in ``oauth_providers``.

A flow lives in an encrypted cookie of the browser that started it, so nobody can finish another's. An e-mail never
connects two accounts: an identity joins an existing account only from a log-in of that account which started the
linking itself (docs/decisions/account-linking.md). Tokens of providers rest encrypted.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, NotAuthenticated, NotConfigured, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.secretbox import SecretBox
from orchestrator.models.accounts import Identity, User
from orchestrator.models.database import Database
from orchestrator.services.accounts import add_user
from orchestrator.services.flow_cookie import FlowCookies
from orchestrator.services.oauth_providers import Granted, Person, Provider


@dataclass(frozen=True, slots=True, repr=False)
class Flow:
    """A log-in or linking under way. ``link_user`` and ``link_session`` say which log-in started a linking."""

    provider: str
    state: str
    verifier: str
    nonce: str
    next: str
    link_user: str | None = None
    link_session: str | None = None


class OAuth:
    """The identities that users have elsewhere."""

    def __init__(
        self,
        database: Database,
        secretbox: SecretBox,
        providers: Mapping[str, Provider],
        *,
        base_url: str,
        allow_registration: bool,
    ) -> None:
        self._database = database
        self._secretbox = secretbox
        self._cookies = FlowCookies(secretbox, "oauth-flow")
        self.providers = providers
        self._base_url = base_url
        self._allow_registration = allow_registration

    def begin(
        self, provider: str, *, next_path: str = "/", link: Caller | None = None, repositories: bool = False
    ) -> tuple[str, str]:
        """Start a log-in, or a linking to the caller's account: where to send the browser, and the cookie for it."""
        place = self.providers[provider]
        place.require_configured()
        if link is not None:
            link.require_login()
        flow = Flow(
            provider, secrets.token_urlsafe(24), secrets.token_urlsafe(48), secrets.token_urlsafe(24), next_path,
            str(link.user_id) if link else None, str(link.session_id) if link else None,
        )  # fmt: skip
        url = place.authorize_url(
            state=flow.state, verifier=flow.verifier, nonce=flow.nonce, redirect_uri=self._redirect_uri(provider),
            repositories=repositories,
        )  # fmt: skip
        return url, self._cookies.seal(flow)

    def resume(self, provider: str, cookie: str | None, state: str) -> Flow:
        """The flow that this browser started and whose state came back; NotAuthenticated otherwise."""
        flow = self._cookies.open(Flow, cookie, state)
        if flow.provider != provider:
            raise NotAuthenticated("this log-in was started for another provider", hint="start it again")
        return flow

    async def log_in(self, flow: Flow, code: str) -> User:
        """The user whose identity it is; a new one when nobody has the identity nor the e-mail yet."""
        person, granted = await self._redeem(flow, code)
        async with self._database.session() as session:
            identity = await self._identity(session, flow.provider, person.subject)
            if identity is None:
                user = await self._newcomer(session, flow.provider, person)
                await self._add(session, user, flow.provider, person, granted)
                return user
            user = await session.get_one(User, identity.user_id)
            if user.disabled_at is not None:
                raise Forbidden("this account is disabled")
            self._keep(identity, person, granted)
            return user

    async def link(self, flow: Flow, code: str, caller: Caller) -> None:
        """Connect the identity with the caller's account, from the very log-in that asked for it."""
        if (str(caller.user_id), str(caller.session_id)) != (flow.link_user, flow.link_session):
            raise Forbidden("another log-in started this linking", hint="start it again")
        person, granted = await self._redeem(flow, code)
        title = self.providers[flow.provider].title
        async with self._database.session() as session:
            user = await session.get_one(User, caller.user_id, with_for_update=True)
            identity = await self._identity(session, flow.provider, person.subject)
            if identity is not None and identity.user_id != user.id:
                raise Conflict(f"this {title} account belongs to another user here")
            if person.email is not None and person.email.lower() == user.email.lower():
                user.email_verified = True
            if identity is not None:
                self._keep(identity, person, granted)
                return
            if await self._of_user(session, user.id, flow.provider) is not None:
                raise Conflict(f"another {title} account is linked already", hint="unlink it first")
            await self._add(session, user, flow.provider, person, granted)

    async def unlink(self, user_id: UUID, provider: str) -> None:
        """Disconnect an identity; Conflict when the user could not log in any more."""
        async with self._database.session() as session:
            user = await session.get_one(User, user_id, with_for_update=True)
            identities = (await session.scalars(select(Identity).where(Identity.user_id == user_id))).all()
            found = [identity for identity in identities if identity.provider == provider]
            if not found:
                raise NotFound(f"no {self.providers[provider].title} account is linked")
            if user.password_hash is None and len(identities) == 1:
                raise Conflict("this is your only way to log in", hint="set a password or link another account first")
            await session.delete(found[0])

    async def token_of(self, user_id: UUID, provider: str) -> str:
        """The user's access token at the provider; NotConfigured when there is none."""
        token = await self.find_token(user_id, provider)
        if token is None:
            title = self.providers[provider].title
            raise NotConfigured(f"no usable {title} account is linked", hint=f"link {title} in the settings")
        return token

    async def find_token(self, user_id: UUID, provider: str) -> str | None:
        """The user's access token at the provider, renewed when it has expired; None when there is none."""
        async with self._database.session() as session:
            identity = await self._of_user(session, user_id, provider)
        if identity is None or identity.access_token_encrypted is None:
            return None
        if identity.expires_at is None or identity.expires_at > datetime.now(UTC) + timedelta(minutes=1):
            return self._secretbox.decrypt(identity.access_token_encrypted)
        if identity.refresh_token_encrypted is None:
            return None
        granted = await self.providers[provider].renew(self._secretbox.decrypt(identity.refresh_token_encrypted))
        async with self._database.session() as session:
            self._store(await session.get_one(Identity, identity.id), granted)
        return granted.access_token

    async def _redeem(self, flow: Flow, code: str) -> tuple[Person, Granted]:
        return await self.providers[flow.provider].redeem(
            code, verifier=flow.verifier, nonce=flow.nonce, redirect_uri=self._redirect_uri(flow.provider)
        )

    async def _newcomer(self, session: AsyncSession, provider: str, person: Person) -> User:
        title = self.providers[provider].title
        if person.email is None:
            raise Forbidden(f"your {title} account has no verified e-mail", hint=f"verify it at {title} first")
        if not self._allow_registration:
            raise Forbidden("registration is closed on this service", hint="ask its admin for an account")
        try:
            return await add_user(
                session, email=person.email, email_verified=True, display_name=person.name[:100],
                avatar_url=person.avatar_url,
            )  # fmt: skip
        except Conflict as error:
            hint = f"log in to it as you did before, then link {title} in the settings"
            raise Conflict("an account with this e-mail exists already", hint=hint) from error

    async def _identity(self, session: AsyncSession, provider: str, subject: str) -> Identity | None:
        query = select(Identity).where(Identity.provider == provider, Identity.subject == subject)
        return (await session.scalars(query.with_for_update())).one_or_none()

    async def _of_user(self, session: AsyncSession, user_id: UUID, provider: str) -> Identity | None:
        query = select(Identity).where(Identity.user_id == user_id, Identity.provider == provider)
        return (await session.scalars(query)).one_or_none()

    async def _add(self, session: AsyncSession, user: User, provider: str, person: Person, granted: Granted) -> None:
        identity = Identity(id=new_id(), user_id=user.id, provider=provider, subject=person.subject, scopes=[])
        self._keep(identity, person, granted)
        session.add(identity)
        try:
            await session.flush()
        except IntegrityError as error:
            raise Conflict("this identity was linked a moment ago", hint="try again") from error

    def _keep(self, identity: Identity, person: Person, granted: Granted) -> None:
        identity.login, identity.email = person.login, person.email
        # A plain log-in asks for little; it must not replace a token that may do more.
        if granted.scopes >= set(identity.scopes):
            self._store(identity, granted)

    def _store(self, identity: Identity, granted: Granted) -> None:
        seal = self._secretbox.encrypt
        values: dict[str, Any] = {
            "access_token_encrypted": seal(granted.access_token),
            "expires_at": granted.expires_at,
        }
        if granted.refresh_token:
            values["refresh_token_encrypted"] = seal(granted.refresh_token)
        if granted.scopes:
            values["scopes"] = sorted(granted.scopes)
        for name, value in values.items():
            setattr(identity, name, value)

    def _redirect_uri(self, provider: str) -> str:
        return f"{self._base_url}/api/v1/auth/{provider}"
