"""Who clients of the newer era say they are, in every request: it is read once for all that say the same.

Used by the short way. Reading it is the SDK's work and costs a twentieth of a call. Nothing is kept in what is shared
here, and it has no channel to a client: that belongs to each request.
"""

import pydantic_core
from mcp.server.connection import Connection
from mcp.shared.inbound import InboundModernRoute

_MOST, _MOST_BYTES = 1000, 8192


class Clients:
    """The ones met so far, a bounded number of them."""

    def __init__(self) -> None:
        self._known: dict[bytes, Connection] = {}

    def of(self, verdict: InboundModernRoute) -> Connection:
        """What the SDK makes of revision, name and capabilities."""
        told = (verdict.protocol_version, verdict.client_info, verdict.client_capabilities)
        said = pydantic_core.to_json(told, inf_nan_mode="constants")
        if (known := self._known.get(said)) is not None:
            return known
        found = Connection.from_envelope(*told)
        if len(said) <= _MOST_BYTES:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[said] = found
        return found
