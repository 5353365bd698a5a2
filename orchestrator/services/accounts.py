"""People: registers them, checks their passwords, keeps their profile and settings, counts their tasks.

Used by the account doors and the CLI. The first user ever becomes admin of the service. Log-ins are kept in
``sessions``, identities elsewhere in ``oauth``, personal API tokens in ``api_tokens``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Date as SqlDate
from sqlalchemy import cast, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.core.errors import Conflict, Forbidden, NotAuthenticated, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.states import TaskState
from orchestrator.models.accounts import Identity, User
from orchestrator.models.database import Database
from orchestrator.models.tasks import TaskRow
from orchestrator.services.limits import AttemptLimit, place_of
from orchestrator.services.passwords import Passwords

_WINDOW = 15 * 60.0
_REGISTRATION_LOCK = 0x6F72_6331
_USAGE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Profile:
    """A user with their identities elsewhere."""

    user: User
    identities: Sequence[Identity]


@dataclass(frozen=True, slots=True)
class DayUsage:
    """Tasks that a user made on one day (UTC), and how they stand now."""

    day: date
    created: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A user's tasks by state, and day by day for the last thirty days."""

    by_state: Mapping[str, int]
    days: Sequence[DayUsage]


class Accounts:
    """The users of this service."""

    def __init__(self, database: Database, passwords: Passwords, *, allow_registration: bool) -> None:
        self._database = database
        self._passwords = passwords
        self.allow_registration = allow_registration
        # From one place against one account, from one place against all, and from everywhere against one.
        self._by_pair = AttemptLimit(10, _WINDOW)
        self._by_address = AttemptLimit(100, _WINDOW)
        self._by_email = AttemptLimit(100, _WINDOW)
        self._registrations = AttemptLimit(100, 3600.0)

    async def register(self, email: str, password: str, display_name: str = "", *, address: str = "") -> User:
        """A new user with a password. Conflict when the e-mail is taken."""
        if not self.allow_registration:
            raise Forbidden("registration is closed on this service", hint="ask its admin for an account")
        self._registrations.attempt(place_of(address))
        password_hash = await self._passwords.hash(password)
        async with self._database.session() as session:
            return await add_user(session, email=email, display_name=display_name, password_hash=password_hash)

    async def authenticate(self, email: str, password: str, *, address: str = "") -> User:
        """The user whose e-mail and password these are; equally slow and equally worded whatever is wrong."""
        network = place_of(address)
        pair = (network, email.lower())
        self._by_pair.attempt(pair)
        self._by_address.attempt(network)
        self._by_email.attempt(email.lower())
        async with self._database.session() as session:
            user = await session.scalar(select(User).where(func.lower(User.email) == func.lower(email)))
        fits, renewed = await self._passwords.verify(password, user.password_hash if user else None)
        if user is None or not fits or user.disabled_at is not None:
            raise NotAuthenticated("the e-mail or the password is wrong")
        self._by_pair.forgive(pair)
        self._by_address.take_back(network)
        self._by_email.take_back(email.lower())
        if renewed:
            await self._set(user.id, password_hash=renewed)
        return user

    async def change_password(self, user_id: UUID, current: str | None, new: str) -> None:
        """Replace the password. A user who has one must know it; one who only logs in elsewhere gets their first."""
        profile = await self.profile(user_id)
        stored = profile.user.password_hash
        if stored is not None:
            self._by_pair.attempt(user_id)
            fits, _ = await self._passwords.verify(current or "", stored)
            if not fits:
                raise Forbidden("the present password is wrong", field="current_password")
            self._by_pair.forgive(user_id)
        await self._set(user_id, password_hash=await self._passwords.hash(new))

    async def profile(self, user_id: UUID) -> Profile:
        """A user with their identities; NotFound when the account is gone."""
        async with self._database.session() as session:
            user = await session.get(User, user_id)
            if user is None:
                raise NotFound("this account no longer exists")
            query = select(Identity).where(Identity.user_id == user_id).order_by(Identity.provider)
            return Profile(user, (await session.scalars(query)).all())

    async def change_settings(
        self, user_id: UUID, *, display_name: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> Profile:
        """Change what is given: the name, and single settings (None takes one away)."""
        async with self._database.session() as session:
            user = await session.get(User, user_id, with_for_update=True)
            if user is None:
                raise NotFound("this account no longer exists")
            if display_name is not None:
                user.display_name = display_name
            if settings is not None:
                user.settings = {
                    key: value for key, value in {**user.settings, **settings}.items() if value is not None
                }
        return await self.profile(user_id)

    async def usage(self, user_id: UUID) -> Usage:
        """How many tasks the user has, by state and by day."""
        states = select(TaskRow.state, func.count()).where(TaskRow.user_id == user_id).group_by(TaskRow.state)
        day = cast(func.timezone("UTC", TaskRow.created_at), SqlDate)
        days = (
            select(
                day.label("day"),
                func.count().label("created"),
                func.count().filter(TaskRow.state == TaskState.COMPLETED).label("completed"),
                func.count().filter(TaskRow.state == TaskState.FAILED).label("failed"),
            )
            .where(TaskRow.user_id == user_id, TaskRow.created_at > datetime.now(UTC) - timedelta(days=_USAGE_DAYS))
            .group_by(day)
            .order_by(day)
        )
        async with self._database.transaction() as connection:
            by_state = {TaskState(state).value: count for state, count in await connection.execute(states)}
            rows = (await connection.execute(days)).all()
        return Usage(by_state, [DayUsage(*row) for row in rows])

    async def _set(self, user_id: UUID, **values: Any) -> None:
        async with self._database.session() as session:
            await session.execute(update(User).where(User.id == user_id).values(**values))


async def add_user(session: AsyncSession, *, email: str, **values: Any) -> User:
    """Insert a user; the first ever becomes admin of the service. Conflict when the e-mail is taken."""
    # Two first users at once must not both become admin.
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _REGISTRATION_LOCK})
    first = await session.scalar(select(User.id).limit(1)) is None
    user = User(id=new_id(), email=email, is_admin=first, **values)
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict("an account with this e-mail exists already", field="email") from error
    await session.refresh(user)
    return user
