"""Health, readiness and metrics: what operators and load balancers ask. No log-in; nothing secret in the answers."""

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from orchestrator import __version__
from orchestrator.api.dependencies import ContainerDep
from orchestrator.api.metrics import scrape
from orchestrator.core.errors import Unavailable

router = APIRouter(tags=["service"])


class HealthOut(BaseModel):
    """The process answers."""

    status: Literal["ok"] = Field("ok", description="Always ok: a dead process does not answer.")
    timestamp: datetime = Field(description="Now, UTC.")
    version: str = Field(description="Version of the service.")


class ReadyOut(BaseModel):
    """Whether what the service needs is there."""

    status: Literal["ready", "not_ready"] = Field(description="ready when every check is ok.")
    checks: dict[str, str] = Field(description="Per dependency: ok, or what is wrong.")


@router.get("/health", summary="Is the process alive")
async def health() -> HealthOut:
    """Answer at once, without asking anything else."""
    return HealthOut(status="ok", timestamp=datetime.now(UTC), version=__version__)


@router.get("/ready", summary="Can the service work", responses={503: {"model": ReadyOut, "description": "Not ready."}})
async def ready(container: ContainerDep, response: Response) -> ReadyOut:
    """Ask PostgreSQL and Redis; 503 when either is away."""
    checks: dict[str, str] = {}
    for name, ping in (("database", container.database.ping), ("queue", container.sender.ping)):
        try:
            await ping()
            checks[name] = "ok"
        except Unavailable as error:
            checks[name] = error.message
    good = all(value == "ok" for value in checks.values())
    response.status_code = 200 if good else 503
    return ReadyOut(status="ready" if good else "not_ready", checks=checks)


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(container: ContainerDep) -> Response:
    """Requests, tasks and queues in Prometheus' text form."""
    return Response(await scrape(container), media_type=CONTENT_TYPE_LATEST)
