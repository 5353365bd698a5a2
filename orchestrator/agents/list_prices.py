"""Public list prices of models, as the library ``genai-prices`` has them: offline, as old as its release.

Used by ``services.prices`` where nobody set a price. A price counts at the provider's own address only: the same name
at another address (a gateway, a server of one's own) is another thing to pay for, and stays unknown. No network is
asked.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider, TieredPrices

from orchestrator.core.spending import Price

_INPUT, _OUTPUT, _CACHED = ("input_mtok",), ("output_mtok", "output_reasoning_mtok"), ("cache_read_mtok",)


def list_price(model: str, address: str) -> Price | None:
    """US dollars for a million tokens of a model at an address; None for what the list does not know, or not so.

    Where a long context, or a time of the day, costs more, that price counts: a limit on money must hold.
    """
    for provider in _at(address):
        found = provider.find_model(model)
        if found is not None:
            return _price(found, datetime.now(UTC))
    return None


@cache
def list_source() -> str:
    """The list, as it is told to people."""
    return f"genai-prices {version('genai-prices')}"


@cache
def _at(address: str) -> Sequence[Provider]:
    """Whose address it is: of one that begins alike and goes on with other letters nothing is known."""
    found = []
    for provider in get_snapshot().providers:
        met = re.match(provider.api_pattern, address)
        if met is not None and (met.group().endswith("/") or address[met.end() : met.end() + 1] in ("", "/")):
            found.append(provider)
    return found


def _price(model: ModelInfo, now: datetime) -> Price | None:
    """None where requests are paid for too, or one of both directions has no price."""
    today = [model.get_prices(now.replace(hour=hour)) for hour in range(24)]
    if any(known.requests_kcount for known in today):
        return None
    into, out, cached = (
        _highest(getattr(known, key) for known in today for key in keys) for keys in (_INPUT, _OUTPUT, _CACHED)
    )
    return Price(into, out, cached) if into is not None and out is not None else None


def _highest(prices: Iterable[Decimal | TieredPrices | None]) -> float | None:
    found = [one for price in prices if price is not None for one in _each(price)]
    return float(max(found)) if found else None


def _each(price: Decimal | TieredPrices) -> Sequence[Decimal]:
    return [price.base, *(tier.price for tier in price.tiers)] if isinstance(price, TieredPrices) else [price]
