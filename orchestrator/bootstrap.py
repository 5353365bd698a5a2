"""Builds the container: every service with its collaborators, from the settings. Used by api, workers, the CLI and tests.

The one place that knows which part needs which. Nothing connects here; connections open on first use and ``close`` ends
them in order.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from orchestrator.config import Settings
from orchestrator.eventlog.wake import Wake
from orchestrator.jobqueue.sender import JobSender
from orchestrator.models.database import Database
from orchestrator.services.blobs import BlobStore
from orchestrator.services.relay import Relay
from orchestrator.services.task_writer import TaskWriter


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
    )
    container.closers += [database.close, sender.close, wake.close]
    return container
