"""Where a graph is asked in SPARQL, found before the framework tries its hundred routes and solves what they depend on.

Plain ASGI around the application, like ``mcp_paths``: that took half of what the API needs for a query. Whoever asks is
let in, limited and answered by the very functions of the route, which documents the path and serves what is unusual.
"""

import re
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ConnectionScope

from orchestrator.api.dependencies import Authenticated, get_container
from orchestrator.api.problems import refused, told
from orchestrator.api.sparql import answer_of_graph
from orchestrator.core.caller import Scope
from orchestrator.core.errors import OrchestratorError

_PATH = re.compile(r"/api/v1/kg/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/sparql")
_METHODS = ("GET", "POST")


class SparqlPaths:
    """Answers queries of graphs, and hands the application all other requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._reader = Authenticated((Scope.GRAPH_READ,))

    async def __call__(self, scope: ConnectionScope, receive: Receive, send: Send) -> None:
        """Answer one request; its errors are problem documents like everybody's."""
        asked = scope["type"] == "http" and scope["method"] in _METHODS and _PATH.fullmatch(scope["path"])
        if not asked:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            caller = await self._reader(request)
            answer = await answer_of_graph(request, UUID(asked[1]), caller, get_container(request))
        except OrchestratorError as error:
            answer = told(request, error)
        except HTTPException as error:
            answer = refused(request, error)
        await answer(scope, receive, send)
