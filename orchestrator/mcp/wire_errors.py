"""JSON-RPC error codes our own transports put on the wire towards the session, which turns them into our errors.

Used by the transports and ``session``. They lie outside the codes of the protocol and of the SDK and never leave
this process.
"""

UNREACHABLE = -32810
"""The connection failed, or a gateway in between says the server is away."""

ANSWER_TOO_LARGE = -32811
"""The answer is over the size limit."""

DENIED = -32812
"""The server wants other credentials (401, 403)."""

EXPIRED = -32814
"""The server does not know our session any more (404)."""

CREDENTIALS = -32815
"""The person behind the request has to do something first; ``data`` is our error."""

MISBEHAVED = -32813
"""The answer breaks HTTP or what was agreed."""
