"""The catalogue of URLs: every router, the busiest first, as they are tried in turn. What is not here does not exist.

Each lives under /api/v1; ``seed_paths`` answers under /api too, as the first documents wrote it. OAuth's own paths for
programs that connect to /mcp are where their standards want them, at the root.
"""

from functools import cache

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from orchestrator.api import (
    agent_asking,
    agents,
    applications,
    auth,
    console,
    kg,
    kg_questions,
    kg_traces,
    mcp_audit,
    mcp_connect,
    mcp_contents,
    mcp_definitions,
    mcp_documents,
    mcp_endpoints,
    mcp_execute,
    mcp_own_credentials,
    mcp_policies,
    mcp_search,
    mcps,
    oauth,
    oauth_metadata,
    oauth_server,
    projects,
    quota,
    reference,
    service,
    spaces,
    sparql,
    stream,
    task_pauses,
    task_proof,
    task_reviews,
    tasks,
    teams,
    together,
    tokens,
    usage,
    user,
    worktrees,
)
from orchestrator.api.problems import Problem

ROUTERS: tuple[APIRouter, ...] = (
    tasks.router,
    mcp_endpoints.router,
    mcp_policies.router,
    mcp_audit.router,
    mcp_execute.router,
    mcp_contents.router,
    mcp_search.router,
    mcp_definitions.router,
    mcp_documents.router,
    mcps.router,
    mcp_own_credentials.router,
    mcp_connect.router,
    stream.router,
    task_pauses.router,
    task_proof.router,
    task_reviews.router,
    together.router,
    teams.router,
    kg.router,
    kg_questions.router,
    kg_traces.router,
    sparql.router,
    projects.router,
    worktrees.router,
    agent_asking.router,
    agents.router,
    quota.router,
    usage.router,
    auth.router,
    oauth.router,
    user.router,
    tokens.router,
    applications.router,
    spaces.router,
)

_PROBLEMS = {
    401: {"model": Problem, "description": "No, wrong or expired credentials."},
    403: {"model": Problem, "description": "Not allowed."},
    404: {"model": Problem, "description": "Absent, or hidden from this caller."},
    409: {"model": Problem, "description": "Does not fit the present state."},
    413: {"model": Problem, "description": "Over a size limit."},
    422: {"model": Problem, "description": "The input is wrong; `field` names the part."},
    "default": {"model": Problem, "description": "Any other problem."},
}


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every route but the MCP endpoint and the console, the most asked first, then what is asked before anything else.

    FastAPI builds a router's routes when a request first comes by it, some 20 ms each: so readiness should not wait for
    all of them, and applications of one process share them.
    """
    together = APIRouter()
    busiest, *others = ROUTERS
    together.include_router(busiest, prefix="/api/v1", responses=_PROBLEMS)  # type: ignore[arg-type]
    together.include_router(service.router)
    together.include_router(reference.router)
    together.include_router(mcp_connect.public)
    for router in others:
        together.include_router(router, prefix="/api/v1", responses=_PROBLEMS)  # type: ignore[arg-type]
    together.include_router(oauth_metadata.router)
    together.include_router(oauth_server.router)
    return tuple(together.routes)


def mount(app: FastAPI) -> None:
    """Attach every route to the application."""
    app.router.routes.extend(_routes())
    app.include_router(console.console_router())
