"""Whoever is behind a call that a server of ours answers, as the calling side sees them.

Made by the doors, for clients of both eras; passed through pool, supervisor and session to ``relay``. How a client is
asked is not known here.
"""

from collections.abc import Mapping
from typing import Any, Protocol


class Conversation(Protocol):
    """Whoever is behind a call: a client of ours that may be asked and told things while the call runs."""

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client declared, in wire form."""

    @property
    def info(self) -> Mapping[str, Any] | None:
        """Who the client says it is, in wire form."""

    @property
    def log_level(self) -> str | None:
        """From which severity on it wants to hear what the server logs during this call; None: nothing."""

    @property
    def answers_rounds(self) -> bool:
        """Whether it takes ``input_required`` for a result and calls again with the answers."""

    async def ask(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        """Its answer to a question of the server. Raises MCPError where it refuses."""

    async def tell(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Pass on a notification that belongs to the call."""
