"""Where sealed secrets rest in the database, in one list, and sealing all of them anew with the newest key.

Used by ``orchestrator rotate-keys``. A test compares the list with the tables. Rows are locked a batch at a time, and
a row that its owner changes meanwhile is sealed with the newest key by that very change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.core.secretbox import SecretBox
from orchestrator.models import Base, CustomAgent, Identity, McpConnection, McpCredential, McpServer, UpstreamClient
from orchestrator.models.database import Database

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column that holds a secret; ``inside`` names the member that does, where the column is a JSON object."""

    table: type[Base]
    column: str
    inside: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.table.__tablename__}.{self.column}" + (f".{self.inside}" if self.inside else "")


SEALED = (
    Sealed(Identity, "access_token_encrypted"),
    Sealed(Identity, "refresh_token_encrypted"),
    Sealed(McpServer, "secrets_encrypted"),
    Sealed(McpCredential, "secrets_encrypted"),
    Sealed(McpConnection, "secrets_encrypted"),
    Sealed(UpstreamClient, "client_secret_encrypted"),
    Sealed(CustomAgent, "config", "api_key_encrypted"),
)
"""Every secret that rests in the database."""


class SecretsAtRest:
    """Seals anew. Safe while the service runs, and safe to begin again after it was interrupted."""

    def __init__(self, database: Database, secretbox: SecretBox) -> None:
        self._database = database
        self._secretbox = secretbox

    async def rotate(self, tell: Callable[[str, int], None] = lambda _name, _count: None) -> int:
        """Seal every secret with the newest key; how many. Raises NotConfigured for one that no key opens."""
        total = 0
        for place in SEALED:
            count = await self._rotate(place)
            tell(place.name, count)
            total += count
        return total

    async def _rotate(self, place: Sealed) -> int:
        count, after = 0, UUID(int=0)
        while True:
            async with self._database.transaction() as connection:
                rows = await self._batch(connection, place, after)
                for row in rows:
                    count += await self._seal(connection, place, row)
            if len(rows) < _BATCH:
                return count
            after = rows[-1]["id"]

    async def _batch(self, connection: AsyncConnection, place: Sealed, after: UUID) -> list[RowMapping]:
        table = place.table.__table__
        held = table.c[place.column]
        some = select(table.c.id, held.label("held")).where(table.c.id > after, held.is_not(None))
        return list((await connection.execute(some.order_by(table.c.id).limit(_BATCH).with_for_update())).mappings())

    async def _seal(self, connection: AsyncConnection, place: Sealed, row: RowMapping) -> int:
        held: Any = row["held"]
        sealed = held if place.inside is None else held.get(place.inside)
        if not sealed:
            return 0
        anew = self._secretbox.rotate(sealed)
        table = place.table.__table__
        values: dict[str, Any] = {place.column: anew if place.inside is None else {**held, place.inside: anew}}
        if "updated_at" in table.c:
            values["updated_at"] = func.now()
        await connection.execute(update(place.table).where(table.c.id == row["id"]).values(**values))
        return 1
