"""Which questions of a server may be put to whoever is behind a call; the rest is refused in words that say why.

Used wherever a server asks in the middle of a call: by ``relay`` for requests of the older era, by ``rounds`` and
``task_polling`` for the newer one's. A client is never asked what it did not declare.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator.core.errors import ServerMisbehaved

CAPABILITIES = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}
"""What a server may ask of a client, and the capability by which a client says that it can be asked."""
MOST = 20
"""Questions of one round."""


class Askable(Protocol):
    """Whoever is behind a call."""

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the client declared, in wire form."""


def may_be_asked(capabilities: Mapping[str, Any], method: str, params: Mapping[str, Any] | None) -> bool:
    """Whether a client with these capabilities takes this question."""
    declared = capabilities.get(CAPABILITIES.get(method, ""))
    if not isinstance(declared, Mapping):
        return False
    if method != "elicitation/create":
        return True
    mode = str((params or {}).get("mode", "form"))
    # An empty object is the older way to say that forms are understood.
    return mode in declared or (mode == "form" and "url" not in declared)


def lacking(method: str, params: Mapping[str, Any] | None) -> str:
    """What a client would have to declare to be asked this."""
    capability = CAPABILITIES.get(method, method[:100])
    return f"{capability} by url" if (params or {}).get("mode") == "url" else capability


def require_askable(questions: object, behind: Askable | None, during: str) -> dict[str, Mapping[str, Any]]:
    """The questions of one round, by key, all of which may be put. Raises ServerMisbehaved, with the reason."""
    if not isinstance(questions, Mapping) or len(questions) > MOST:
        raise ServerMisbehaved(f"{during!r} asks more than {MOST} questions at once, or none that could be read.")
    for question in questions.values():
        method = question.get("method") if isinstance(question, Mapping) else None
        if not isinstance(method, str) or method not in CAPABILITIES:
            raise ServerMisbehaved(f"{during!r} asks in the middle of a call what nobody can be asked.")
        params = question.get("params")
        if behind is None or not may_be_asked(behind.capabilities, method, params):
            raise ServerMisbehaved(
                f"{during!r} asks for input in the middle of a call, though this client did not declare that it can be "
                f"asked: {lacking(method, params)}."
            )
    return dict(questions)
