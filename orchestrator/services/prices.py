"""The price table: US dollars for a million tokens of a model, from a day on, everybody's or one's own.

Used by metering and by the REST doors. A user's own goes before everybody's, a newer one before an older. Where nobody
set one, a public list counts at the provider's own address; anywhere else a price stays unknown, never guessed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, text

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from orchestrator.core.ids import new_id
from orchestrator.core.jsonsafe import check_storable
from orchestrator.core.spending import MONEY, Price
from orchestrator.models import PriceRow
from orchestrator.models.database import Database

Row = Mapping[str, Any]

_P = PriceRow.__table__
_MOST_OWN = 1000


class Prices:
    """Use cases around prices."""

    def __init__(self, database: Database, *, with_list: bool = False) -> None:
        self._database = database
        self._with_list = with_list

    async def of(self, model: str, user_id: UUID, address: str = "") -> Price | None:
        """The price in force today for a user's task that asks the model at an address; None where nobody knows it."""
        async with self._database.single() as connection:
            row = (await connection.execute(_IN_FORCE, {"model": model, "user": user_id})).first()
        if row is not None:
            return Price(row.input, row.output, row.cached)
        return (await self.listed(model, address))[0]

    async def listed(self, model: str, address: str) -> tuple[Price | None, str]:
        """What a public list says, and which list that is; nothing where it is switched off or does not know."""
        if not (self._with_list and address):
            return None, ""
        return await asyncio.to_thread(_listed, model, address)

    async def require(self, model: str, user_id: UUID, field: str, address: str = "") -> Price:
        """The price; InvalidInput where money cannot be held to a limit because nobody knows it."""
        price = await self.of(model, user_id, address)
        if price is None:
            raise no_price(model, field)
        return price

    async def page(self, caller: Caller) -> Sequence[Row]:
        """Everybody's and one's own, by model, the newest first."""
        order = (_P.c.model, _P.c.owner_id.is_(None), _P.c.valid_from.desc())
        query = select(_P).where(_visible(caller)).order_by(*order)
        async with self._database.transaction() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def put(self, caller: Caller, values: Mapping[str, Any], *, everybodys: bool) -> Row:
        """Set a price from a day on, in place of one that was set for that day."""
        if everybodys and not caller.is_admin:
            raise Forbidden("only admins of the service set everybody's prices", field="everybodys")
        check_storable(values["model"], "model")
        row = {**values, "id": new_id(), "owner_id": None if everybodys else caller.user_id}
        own = select(func.count()).where(_P.c.owner_id == caller.user_id)
        async with self._database.transaction() as connection:
            if not everybodys and (await connection.execute(own)).scalar_one() >= _MOST_OWN:
                raise Conflict(f"nobody has more than {_MOST_OWN} prices")
            return dict((await connection.execute(_PUT, row)).mappings().one())

    async def delete(self, caller: Caller, price_id: UUID) -> None:
        """Take a price away."""
        async with self._database.transaction() as connection:
            query = select(_P).where(_P.c.id == price_id, _visible(caller))
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                raise NotFound("no such price")
            if row["owner_id"] is None and not caller.is_admin:
                raise Forbidden("only admins of the service take everybody's prices away")
            await connection.execute(delete(PriceRow).where(_P.c.id == price_id))


def _listed(model: str, address: str) -> tuple[Price | None, str]:
    """Loaded by whoever asks first, in a thread: the list takes half a second and some megabytes."""
    lists = import_module("orchestrator.agents.list_prices")
    return lists.list_price(model, address), lists.list_source()


def no_price(model: str, field: str) -> InvalidInput:
    """Why a limit on money cannot be held: it is refused, never ignored."""
    return InvalidInput(
        f"no price is known for {model!r}, so a limit on {MONEY} cannot be held",
        field=field, hint="set one with PUT /prices", details={"model": model},
    )  # fmt: skip


def _visible(caller: Caller) -> Any:
    return or_(_P.c.owner_id.is_(None), _P.c.owner_id == caller.user_id)


_IN_FORCE = text(
    """
    SELECT input, output, cached FROM prices
    WHERE model = :model AND (owner_id IS NULL OR owner_id = :user)
        AND valid_from <= (clock_timestamp() AT TIME ZONE 'UTC')::date
    ORDER BY owner_id IS NULL, valid_from DESC LIMIT 1
    """
)

_PUT = text(
    """
    INSERT INTO prices (id, owner_id, model, valid_from, input, output, cached)
    VALUES (:id, :owner_id, :model, :valid_from, :input, :output, :cached)
    ON CONFLICT (coalesce(owner_id, '00000000-0000-0000-0000-000000000000'), model, valid_from) DO UPDATE SET
        input = excluded.input, output = excluded.output, cached = excluded.cached, updated_at = now()
    RETURNING *
    """
)
