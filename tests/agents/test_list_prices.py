"""A public list of prices counts where nobody set one: at providers' own addresses, never lower than what is paid."""

from datetime import UTC, datetime

import httpx
import pytest
from genai_prices.data_snapshot import get_snapshot

from orchestrator.agents.list_prices import list_price, list_source
from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import InvalidInput
from orchestrator.core.ids import new_id
from orchestrator.core.spending import Price
from orchestrator.services.prices import Prices
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import make_caller

OPENAI = "https://api.openai.com/v1"
MODEL = "gpt-4o"


def settings_at(settings: Settings, address: str) -> Settings:
    known = {"llm_base_url": address, "llm_model": MODEL, "llm_api_key": "sk-x"}
    return Settings(_env_file=None, **(settings.model_dump() | known))


def test_a_model_at_its_providers_address_has_its_list_price_and_the_list_is_named() -> None:
    price = list_price(MODEL, OPENAI)
    assert price is not None
    assert 0 < price.cached < price.input < price.output < 100  # type: ignore[operator]
    assert list_source().startswith("genai-prices ")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8000/v1",
        "https://gateway.example.org/v1",
        "https://api.openai.com.example.org/v1",
        "https://api.openai.community/v1",
        "https://example.org/https://api.openai.com/v1",
        "",
    ],
)
def test_the_same_name_at_another_address_is_unknown(address: str) -> None:
    assert list_price(MODEL, address) is None


def test_a_model_that_the_list_does_not_know_is_unknown() -> None:
    assert list_price("nobody-knows-this-model", OPENAI) is None


def test_no_listed_price_is_lower_than_what_is_paid_for_a_long_prompt_at_any_hour() -> None:
    known = 0
    for provider in get_snapshot().providers:
        if provider.id != "anthropic":
            continue
        for model in provider.models:
            price = list_price(model.id, "https://api.anthropic.com")
            if price is None:
                continue
            known += 1
            prices = model.get_prices(datetime.now(UTC))
            for mine, theirs in ((price.input, prices.input_mtok), (price.output, prices.output_mtok)):
                assert mine >= float(getattr(theirs, "base", theirs))  # type: ignore[arg-type]
                assert all(mine >= float(tier.price) for tier in getattr(theirs, "tiers", ()))
    assert known > 3


async def test_a_price_that_somebody_set_goes_before_the_list(container: Container, caller: Caller) -> None:
    prices = Prices(container.database, with_list=True)
    assert await prices.of(MODEL, caller.user_id, OPENAI) == list_price(MODEL, OPENAI)
    own = {"model": MODEL, "input": 7.0, "output": 8.0, "cached": None, "valid_from": datetime.now(UTC).date()}
    await prices.put(caller, own, everybodys=False)
    assert await prices.of(MODEL, caller.user_id, OPENAI) == Price(7.0, 8.0)


@pytest.mark.parametrize(
    ("address", "with_list", "is_known"),
    [(OPENAI, True, True), ("https://gateway.example.org/v1", True, False), (OPENAI, False, False)],
)
async def test_a_limit_on_money_is_held_by_the_list_and_refused_where_it_does_not_count(
    settings: Settings, address: str, with_list: bool, is_known: bool
) -> None:
    container = build_container(settings_at(settings, address).model_copy(update={"list_prices": with_list}))
    caller = await make_caller(container, f"{new_id()}@example.org")
    request = TaskRequest("ask", {"prompt": "Hi"}, preferred_target="agent:llm", budget={"money": 1})
    if is_known:
        assert (await container.tasks.create(caller, request))["state"] == "queued"
    else:
        with pytest.raises(InvalidInput, match="no price is known"):
            await container.tasks.create(caller, request)
    await container.close()


async def test_the_door_shows_what_the_list_says_and_which_release_it_is(client: httpx.AsyncClient) -> None:
    shown = await client.get("/prices/listed", params={"model": MODEL, "address": OPENAI})
    assert shown.json()["source"] == list_source()
    assert shown.json()["output"] == list_price(MODEL, OPENAI).output  # type: ignore[union-attr]
    unknown = await client.get("/prices/listed", params={"model": MODEL, "address": "http://127.0.0.1:1"})
    assert (unknown.status_code, unknown.json()["field"]) == (404, "model")
