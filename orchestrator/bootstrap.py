"""Builds the container: every service with its collaborators, from the settings. Used by api, workers, CLI and tests.

The one place that knows which part needs which. Nothing connects here; connections open on first use and ``close`` ends
them in order.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from cryptography.fernet import Fernet

from orchestrator.config import Settings
from orchestrator.core.secretbox import SecretBox
from orchestrator.eventlog.wake import Wake
from orchestrator.jobqueue.sender import JobSender
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.blobs import BlobStore
from orchestrator.services.keyfile import read_or_make
from orchestrator.services.limits import RequestLimit
from orchestrator.services.relay import Relay
from orchestrator.services.stored_tokens import StoredTokens
from orchestrator.services.task_writer import TaskWriter
from orchestrator.services.tokens import Tokens


@dataclass(slots=True)
class Container:
    """All services of one process."""

    settings: Settings
    database: Database
    wake: Wake
    sender: JobSender
    relay: Relay
    writer: TaskWriter
    blobs: BlobStore
    secretbox: SecretBox
    tokens: Tokens
    access: ProjectAccess
    request_limit: RequestLimit
    closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def close(self) -> None:
        """Finish pending writes and close everything, last built first."""
        await self.writer.settle()
        for close in reversed(self.closers):
            await close()


def build_container(settings: Settings) -> Container:
    """Wire everything up. ``database_url`` and ``redis_url`` must be set by now."""
    database = Database(settings.database_url)
    wake = Wake(settings.redis_url)
    sender = JobSender(settings.redis_url)
    relay = Relay(database, sender)
    writer = TaskWriter(database, wake, relay)
    container = Container(
        settings=settings,
        database=database,
        wake=wake,
        sender=sender,
        relay=relay,
        writer=writer,
        blobs=BlobStore(settings.data_dir / "blobs"),
        secretbox=_secretbox(settings),
        tokens=_tokens(settings, database),
        access=ProjectAccess(database),
        request_limit=RequestLimit(settings.requests_per_minute),
    )
    container.closers += [database.close, sender.close, wake.close]
    return container


def _secretbox(settings: Settings) -> SecretBox:
    given = settings.encryption_keys.get_secret_value()
    made = settings.data_dir / "encryption_key"
    return SecretBox((given or read_or_make(made, lambda: Fernet.generate_key().decode())).split(","))


def _tokens(settings: Settings, database: Database) -> Tokens:
    given = settings.secret_key.get_secret_value()
    secret = given or read_or_make(settings.data_dir / "secret_key", lambda: secrets.token_urlsafe(48))
    stored = StoredTokens(database, session_days=settings.refresh_token_days)
    return Tokens(stored, secret, access_minutes=settings.access_token_minutes)
