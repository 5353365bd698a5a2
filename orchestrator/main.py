"""The web application: ``create_app`` builds it, its lifespan opens and closes the container.

Started by the command line and by tests. Knows no route itself: ``api.routes`` is their catalogue.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from orchestrator import __version__
from orchestrator.api import problems, routes
from orchestrator.api.mcp_door import McpDoor
from orchestrator.api.mcp_paths import DoorFirst, McpPaths
from orchestrator.api.metrics import observe_call
from orchestrator.api.middleware import RequestFrame
from orchestrator.api.seed_paths import SeedPaths
from orchestrator.api.sparql_paths import SparqlPaths
from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.errors import OrchestratorError
from orchestrator.logs import configure_logging

_DESCRIPTION = """Projects, tasks, routing, MCP servers, agents and one knowledge graph per project.

Authenticate with `Authorization: Bearer <access token or personal API token>`.
Errors are RFC 9457 problem documents."""


@asynccontextmanager
async def _preparing(container: Container) -> AsyncIterator[None]:
    """Beside the first requests: what the first start of a server would have to wait for."""
    task = asyncio.create_task(container.registry.prepare(), name="mcp prepare")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, OrchestratorError):  # whoever starts a server is told what is wrong
            await task


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; without settings, those of the environment."""
    settings = settings or Settings()
    configure_logging(settings.log_level, as_json=settings.log_json)
    origins = [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        container = build_container(settings)
        app.state.container = container
        container.audit.listen(observe_call)
        try:
            if settings.mcp_config:
                await container.registry.load_file(Path(settings.mcp_config), os.environ)
            assert isinstance(app, DoorFirst)
            if not origins:
                app.open_door(settings.max_body_bytes)
            door = McpDoor(container, traced=app.is_watched)
            async with door.running() as app.state.mcp_door, _preparing(container):
                yield
        finally:
            await container.close()

    app = DoorFirst(
        title="Orchestrator",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # api.reference serves it, without a CDN
        redoc_url=None,
    )
    problems.install(app)
    routes.mount(app)
    app.add_middleware(SparqlPaths)
    app.add_middleware(McpPaths)
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_credentials=True, allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(SeedPaths)
    app.add_middleware(RequestFrame, max_body_bytes=settings.max_body_bytes)
    return app
