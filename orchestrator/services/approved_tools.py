"""The guard of the gate that knows what is quarantined: nobody is asked anything about a call that would be refused.

It goes by what the registry last saw, at no cost. What a server shows in the session of the very call, the pool
compares, so that this guard is never what safety rests on.
"""

from collections.abc import Sequence
from uuid import UUID

from orchestrator.core.caller import Caller
from orchestrator.mcp.pins import Pins
from orchestrator.mcp.result import ToolInfo
from orchestrator.services.call_gate import ToolCall
from orchestrator.services.server_entry import ServerEntry


class ApprovedTools:
    """Refuses tools that are known to be held back."""

    async def admit(self, call: ToolCall) -> None:
        """Raise ToolQuarantined for one of them."""
        entry = call.entry
        if entry.pins is None or len(entry.seen) == len(entry.tools):
            return
        held = next((tool for tool in entry.seen if tool.name == call.tool), None)
        if held is not None:
            await Pins(entry.pins).require(entry.name, call.tool, held, entry.seen)

    async def shown(
        self, caller: Caller, project_id: UUID | None, entry: ServerEntry, tools: Sequence[ToolInfo]
    ) -> Sequence[ToolInfo]:
        """All of them: no list that comes here has one that is not approved."""
        return tools
