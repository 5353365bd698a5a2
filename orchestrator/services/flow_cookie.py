"""A log-in under way, sealed into a cookie of the browser that started it: nobody else can make, read or finish it.

Used by ``oauth`` (log-in here with an account elsewhere) and ``mcp_connect`` (log-in at MCP servers), each for a use of
its own. What is in a flow is theirs; whether it is the same person is for them to check, too.
"""

import hmac
import json
from dataclasses import asdict
from typing import Any, ClassVar, Protocol, TypeVar

from orchestrator.core.errors import Conflict, NotAuthenticated, NotConfigured
from orchestrator.core.secretbox import SecretBox

FLOW_SECONDS = 600
_LONGEST = 4096


class Flow(Protocol):
    """A frozen dataclass with the state that has to come back."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def state(self) -> str:
        """What nobody can guess."""


Kind = TypeVar("Kind", bound=Flow)


class FlowCookies:
    """Seals and opens the flows of one use."""

    def __init__(self, secretbox: SecretBox, use: str) -> None:
        self._secretbox = secretbox
        self._use = use

    def seal(self, flow: Flow) -> str:
        """The cookie's value. Conflict where browsers would not keep it."""
        cookie = self._secretbox.encrypt(json.dumps({"use": self._use, "flow": asdict(flow)}))
        if len(cookie) > _LONGEST:
            raise Conflict("the addresses and scopes of this authorization server are too long")
        return cookie

    def open(self, kind: type[Kind], cookie: str | None, state: str) -> Kind:
        """The flow that this browser started and whose state came back; NotAuthenticated otherwise."""
        lost = NotAuthenticated("this was not started in this browser, or took too long", hint="start it again")
        if not cookie or len(cookie) > _LONGEST:
            raise lost
        try:
            known = json.loads(self._secretbox.decrypt(cookie, max_age=FLOW_SECONDS))
        except NotConfigured as error:
            raise lost from error
        if known.get("use") != self._use:
            raise lost
        flow = kind(**known["flow"])
        if not hmac.compare_digest(flow.state.encode(), state.encode()):
            raise lost
        return flow
