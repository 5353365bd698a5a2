"""The doors of money: what agents used, budgets of projects and people, and the price table."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.dependencies import ContainerDep, require
from orchestrator.core.caller import Caller, Scope
from orchestrator.core.errors import NotFound
from orchestrator.core.spending import Period

router = APIRouter(tags=["usage"])

Reader = Annotated[Caller, require(Scope.TASKS_READ)]
Writer = Annotated[Caller, require(Scope.TASKS_WRITE)]
Dollars = Annotated[float, Field(ge=0, le=1_000_000)]
Cap = Annotated[int, Field(gt=0, le=10**12)]


class SpentOut(BaseModel):
    """Something added up."""

    key: str = Field(description="The day, the project's or the agent's id, or the model; empty: none.")
    label: str | None = Field(description="The project's or the agent's name.")
    tasks: int = Field(description="Tasks that agents tried.")
    attempts: int = Field(description="Attempts of agents.")
    requests: int = Field(description="Requests to language models.")
    input_tokens: int = Field(description="Tokens in.")
    cached_tokens: int = Field(description="Those of them that the provider had kept.")
    output_tokens: int = Field(description="Tokens out.")
    tool_calls: int = Field(description="Tool calls.")
    money: float = Field(description="US dollars, as far as prices are known.")
    unpriced_tokens: int = Field(description="Tokens whose price is not known: they are not in `money`.")
    seconds: float = Field(description="Time of all attempts together.")


class UsageReportOut(BaseModel):
    """What agents used."""

    by: str = Field(description="What it is added up by.")
    days: int = Field(description="Over how many days.")
    items: list[SpentOut] = Field(description="Days in order; else the most expensive first.")
    total: SpentOut = Field(description="All of it.")


class Caps(BaseModel):
    """What may be used at most."""

    money: Annotated[float, Field(gt=0, le=10**9)] | None = Field(None, description="US dollars.")
    tokens: Cap | None = Field(None, description="Tokens in and out together.")
    tool_calls: Cap | None = Field(None, description="Tool calls.")


class BudgetIn(Caps):
    """A budget to set."""

    model_config = ConfigDict(extra="forbid")

    project_id: UUID | None = Field(None, description="The project, for its admins; null: one's own, over all tasks.")
    period: Period = Field(Period.MONTH, description="day, week, month or total; each begins at midnight UTC.")


class BudgetOut(Caps):
    """A budget, and what is used of it in the present period."""

    budget_id: UUID = Field(description="The budget.")
    project_id: UUID | None = Field(description="Whose it is; null: the caller's own.")
    period: Period = Field(description="Over how long it counts.")
    used_money: float = Field(description="US dollars used.")
    used_tokens: int = Field(description="Tokens used.")
    used_tool_calls: int = Field(description="Tool calls used.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "BudgetOut":
        """From a stored row."""
        names = (name for name in cls.model_fields if name != "budget_id")
        return cls(budget_id=row["id"], **{name: row[name] for name in names})


class BudgetPage(BaseModel):
    """Budgets."""

    items: list[BudgetOut] = Field(description="The caller's own, then those of their projects.")


class PriceIn(BaseModel):
    """A price from a day on, in US dollars for a million tokens."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] = Field(
        description="The model's name as agents use it; for a program its agent's id, such as `agent:codex`."
    )
    input: Dollars = Field(description="Tokens in.")
    output: Dollars = Field(description="Tokens out.")
    cached: Dollars | None = Field(None, description="Tokens in that the provider had kept; null: as other tokens in.")
    valid_from: date | None = Field(None, description="The first day it counts, UTC; null: today.")
    everybodys: bool = Field(False, description="For everybody, by admins of the service; else one's own.")


class PriceOut(BaseModel):
    """A price in the table."""

    price_id: UUID = Field(description="The price.")
    model: str = Field(description="The model.")
    input: float = Field(description="US dollars for a million tokens in.")
    output: float = Field(description="US dollars for a million tokens out.")
    cached: float | None = Field(description="US dollars for a million cached tokens in.")
    valid_from: date = Field(description="The first day it counts.")
    everybodys: bool = Field(description="Whether it is everybody's; else the caller's own, which goes before.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "PriceOut":
        """From a stored row."""
        same = ("model", "input", "output", "cached", "valid_from")
        return cls(price_id=row["id"], everybodys=row["owner_id"] is None, **{name: row[name] for name in same})


class ListedPrice(BaseModel):
    """What a public list says of a model at its provider's own address. It counts where nobody set a price."""

    model: str = Field(description="The model.")
    input: float = Field(description="US dollars for a million tokens in; the highest where it depends.")
    output: float = Field(description="US dollars for a million tokens out; the highest where it depends.")
    cached: float | None = Field(description="US dollars for a million cached tokens in.")
    source: str = Field(description="The list and its release.")


class PricePage(BaseModel):
    """The price table."""

    items: list[PriceOut] = Field(description="By model, one's own first, the newest first.")


@router.get("/usage", summary="What agents used")
async def usage_report(
    caller: Reader,
    container: ContainerDep,
    by: Annotated[Literal["day", "project", "agent", "model"], Query(description="What to add up by.")] = "day",
    days: Annotated[int, Query(ge=1, le=366, description="Over how many days.")] = 30,
    project_id: UUID | None = None,
) -> UsageReportOut:
    """Tokens, requests, tool calls, money and time of the agents of the caller's tasks and their projects'."""
    rows = await container.usage.sums(caller, by, days=days, project_id=project_id)
    items = [SpentOut.model_validate(dict(row)) for row in rows]
    counted = [name for name in SpentOut.model_fields if name not in ("key", "label")]
    total = SpentOut.model_validate(
        {"key": "", "label": None, **{name: sum(getattr(item, name) for item in items) for name in counted}}
    )
    return UsageReportOut(by=by, days=days, items=items, total=total)


@router.get("/budgets", summary="List budgets")
async def list_budgets(caller: Reader, container: ContainerDep) -> BudgetPage:
    """The caller's own budgets and those of their projects, with what is used of each."""
    return BudgetPage(items=[BudgetOut.of(row) for row in await container.budgets.page(caller)])


@router.put("/budgets", summary="Set a budget")
async def put_budget(body: BudgetIn, caller: Writer, container: ContainerDep) -> BudgetOut:
    """Set what a project, or oneself, may use in a period. A task that reaches it pauses and asks."""
    caps = body.model_dump(include={"money", "tokens", "tool_calls"})
    return BudgetOut.of(await container.budgets.put(caller, body.project_id, body.period, caps))


@router.delete("/budgets/{budget_id}", status_code=204, summary="Delete a budget", response_class=Response)
async def delete_budget(budget_id: UUID, caller: Writer, container: ContainerDep) -> Response:
    """Take a budget away; tasks that wait for it go on."""
    await container.budgets.delete(caller, budget_id)
    return Response(status_code=204)


@router.get("/prices", summary="The price table")
async def list_prices(caller: Reader, container: ContainerDep) -> PricePage:
    """Everybody's prices and one's own. Where none is set the public list counts, see `/prices/listed`."""
    return PricePage(items=[PriceOut.of(row) for row in await container.prices.page(caller)])


@router.get("/prices/listed", summary="A public list price")
async def listed_price(
    _: Reader,
    container: ContainerDep,
    model: Annotated[str, Query(min_length=1, max_length=200, description="The model's name as agents use it.")],
    address: Annotated[str, Query(min_length=1, max_length=2000, description="Where it is asked, as `base_url`.")],
) -> ListedPrice:
    """What counts for a model that nobody set a price for; `not_found` where the list does not know it there."""
    price, source = await container.prices.listed(model, address)
    if price is None:
        raise NotFound("no list price is known for this model at this address", field="model")
    return ListedPrice(model=model, source=source, input=price.input, output=price.output, cached=price.cached)


@router.put("/prices", summary="Set a price")
async def put_price(body: PriceIn, caller: Writer, container: ContainerDep) -> PriceOut:
    """Set a model's price from a day on, in place of one that was set for that day."""
    values = body.model_dump(exclude={"everybodys"})
    values["valid_from"] = body.valid_from or datetime.now(UTC).date()
    return PriceOut.of(await container.prices.put(caller, values, everybodys=body.everybodys))


@router.delete("/prices/{price_id}", status_code=204, summary="Delete a price", response_class=Response)
async def delete_price(price_id: UUID, caller: Writer, container: ContainerDep) -> Response:
    """Take a price away: one's own, or everybody's by an admin."""
    await container.prices.delete(caller, price_id)
    return Response(status_code=204)
