"""Tables of programs that people connect: registered clients, codes on their way, grants, and remembered consents.

Used by the authorization services. A client that describes itself by a document has no row: its id is the document's
address. Codes rest as SHA-256 hashes; what keeps a grant alive is a chain in ``refresh_tokens``.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.models.base import Base, Identified


class OAuthClient(Identified, Base):
    """A program that registered itself (RFC 7591). Nobody checked its name. Unused ones are taken away again."""

    __tablename__ = "oauth_clients"
    __table_args__ = (Index("ix_oauth_clients_unused", "created_at", postgresql_where=text("used_at IS NULL")),)

    name: Mapped[str]
    redirect_uris: Mapped[list[str]]
    refreshable: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]


class OAuthCode(Identified, Base):
    """An authorization code: who approved what for whom. ``used_at`` stays, so that a second use is noticed."""

    __tablename__ = "oauth_codes"

    code_hash: Mapped[str] = mapped_column(unique=True)
    grant_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str]
    client_name: Mapped[str]
    client_host: Mapped[str]
    redirect_uri: Mapped[str]
    challenge: Mapped[str]
    scopes: Mapped[list[str]]
    resource: Mapped[str]
    refreshable: Mapped[bool]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class OAuthGrant(Identified, Base):
    """What a program may do for a user, since its code was redeemed. It lives as long as its chain of tokens."""

    __tablename__ = "oauth_grants"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    client_id: Mapped[str]
    client_name: Mapped[str]
    client_host: Mapped[str]
    scopes: Mapped[list[str]]
    resource: Mapped[str]
    refreshable: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OAuthConsent(Identified, Base):
    """A consent that its user wants to be remembered, for the very same program, endpoint and way back."""

    __tablename__ = "oauth_consents"
    __table_args__ = (UniqueConstraint("user_id", "client_id", "resource", "way_back"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    client_id: Mapped[str]
    client_name: Mapped[str]
    client_host: Mapped[str]
    resource: Mapped[str]
    way_back: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
