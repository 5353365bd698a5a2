"""The tools of an agent that has an MCP endpoint of its own: those of the endpoint, as it names and describes them.

Used by ``run_agent`` for agents whose configuration names one. All other agents get every tool their user may use.
"""

from collections.abc import Mapping
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.core.errors import Conflict, NotFound
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.mcp_catalogue import McpCatalogue
from orchestrator.services.mcp_endpoints import McpEndpoints
from orchestrator.services.server_entry import ServerEntry


class AgentFaces:
    """Finds them, by the endpoint's name."""

    def __init__(self, endpoints: McpEndpoints, catalogue: McpCatalogue) -> None:
        self._endpoints = endpoints
        self._catalogue = catalogue

    async def tools(
        self, caller: Caller, name: str, project_id: UUID | None
    ) -> Mapping[str, tuple[ServerEntry, ToolInfo]]:
        """Offered name → whose it is and the tool under its own name. Raises NotFound and Conflict."""
        try:
            face = await self._endpoints.find(caller, name)
        except NotFound as error:
            raise NotFound(f"this agent's {error.message}", field="config.mcp_endpoint") from error
        if face.project_id not in (None, project_id):
            raise Conflict(f"the MCP endpoint {name} works on another project", field="config.mcp_endpoint")
        offered = (await self._catalogue.listing(caller, face)).tools
        return {
            tool.name: (tool.entry, ToolInfo.from_wire(face.annotated(tool.tool.to_wire(), *tool.names)))
            for tool in offered
        }
