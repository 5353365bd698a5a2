"""Every error the orchestrator raises on purpose, as one tree.

Each leaf says the HTTP status a caller gets, a stable ``code``, and whether trying the same thing again can help.
Adapters translate foreign exceptions into these and keep the cause. Anything else that escapes is a bug (500).

    OrchestratorError
    ├── InvalidInput 422            the request is wrong; ``field`` names the part
    │   ├── BadQuery 400            a SPARQL text that cannot be answered
    │   │   ├── QueryRefused 403    one that is understood and not allowed
    │   │   └── NotAcceptable 406   its answer is wanted in a format we do not write
    │   └── TooLarge 413            over a size limit
    ├── OAuthRefused 400            an OAuth client asked for what it cannot have; ``details.error`` is RFC 6749's word
    ├── NotAuthenticated 401        no, wrong or expired credentials
    ├── Forbidden 403               known caller, not allowed
    │   ├── DeniedByPolicy 403      a rule forbids this tool call
    │   └── ConsentDenied 403       a person was asked, and said no or nothing
    ├── ConsentNeeded 428           a person must agree first; ``details`` say how to tell us
    ├── NotFound 404                absent, or hidden from this caller
    ├── CredentialsNeeded 424       an MCP server wants credentials first; ``details`` say which
    ├── Conflict 409                does not fit the present state
    │   ├── IllegalTransition 409   the state machine has no such step
    │   ├── StaleLease 409          an older generation tried to write
    │   └── ToolQuarantined 409     a tool's definition is not the approved one
    ├── RateLimited 429 (retry)     too many requests
    │   └── QuotaReached 429 (retry)  a provider's account takes no more for a while
    ├── BudgetReached 402           a budget is used up; a person may raise it
    ├── ChoiceNeeded 409            a person must choose before the work goes on
    ├── ToolFailed 502              the tool itself reported an error
    ├── AgentFailed 502             the agent could not do its work
    │   ├── DiskLimitReached 502    what it works in takes more of the disk than it may
    │   ├── Stalled 502             nothing was heard of it for too long
    │   └── Looping 502             it did the same over and over
    ├── RepositoryFailed 502        git said no
    ├── ProviderFailed 502 (retry)  GitHub, Hugging Face or a language model answered wrongly
    ├── ServerUnreachable 502 (retry)  an MCP server cannot be started or reached, or died
    ├── ServerMisbehaved 502        an MCP server broke the protocol or its own schema
    ├── CriteriaUnmet 409 (retry)   a result did not meet the task's acceptance criteria
    │   └── CriteriaUnchecked 409   none failed, and some could not be checked
    ├── NotConfigured 503           a setting is missing; ``hint`` says which
    ├── Unavailable 503 (retry)     a part of ours is not there right now
    ├── TimedOut 504 (retry)        a time limit passed
    ├── Cancelled 409               somebody asked us to stop
    └── Paused 409                  somebody asked us to rest, and the work can be taken up again
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class OrchestratorError(Exception):
    """Base of the tree; never raised itself."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retry: ClassVar[bool] = False

    def __init__(
        self, message: str, *, field: str | None = None, hint: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint
        self.details = details or {}

    def as_dict(self) -> dict[str, Any]:
        """The shape stored with a task and sent in a problem document: code, message, and what is known beside them."""
        known = {"field": self.field, "hint": self.hint, "details": self.details or None}
        return {"code": self.code, "message": self.message, "retry": self.retry} | {k: v for k, v in known.items() if v}


class InvalidInput(OrchestratorError):
    """The request is wrong; ``field`` names the part."""

    code, status = "invalid_input", 422


class BadQuery(InvalidInput):
    """A SPARQL text that cannot be parsed, or asks for what is not allowed."""

    code, status = "bad_query", 400


class QueryRefused(BadQuery):
    """A SPARQL text that was understood and may not run: it writes, or reaches for what is not here."""

    code, status = "query_refused", 403


class NotAcceptable(BadQuery):
    """The answer is wanted only in formats we do not write; ``details.offered`` are those we do."""

    code, status = "not_acceptable", 406


class TooLarge(InvalidInput):
    """Something is over a size limit."""

    code, status = "too_large", 413


class OAuthRefused(OrchestratorError):
    """An OAuth client asked for what it cannot have; ``details.error`` is the word of RFC 6749."""

    code, status = "oauth_refused", 400


class NotAuthenticated(OrchestratorError):
    """No, wrong or expired credentials."""

    code, status = "not_authenticated", 401


class Forbidden(OrchestratorError):
    """The caller is known and not allowed."""

    code, status = "forbidden", 403


class DeniedByPolicy(Forbidden):
    """A rule forbids this tool call; ``details.rule_id`` says which."""

    code = "denied_by_policy"


class ConsentDenied(Forbidden):
    """A person was asked whether this may be done, and said no or nothing."""

    code = "consent_denied"


class ConsentNeeded(OrchestratorError):
    """A person must agree first, and nobody could be asked here; ``details`` say how to tell us that they do."""

    code, status = "consent_needed", 428


class NotFound(OrchestratorError):
    """The thing is absent, or hidden from this caller."""

    code, status = "not_found", 404


class CredentialsNeeded(OrchestratorError):
    """An MCP server wants credentials first; ``details`` say which names to set, or which ``url`` to open."""

    code, status = "credentials_needed", 424


class Conflict(OrchestratorError):
    """The request does not fit the present state."""

    code, status = "conflict", 409


class IllegalTransition(Conflict):
    """The state machine has no such step."""

    code = "illegal_transition"


class StaleLease(Conflict):
    """An attempt whose lease generation has passed tried to write."""

    code = "stale_lease"


class ToolQuarantined(Conflict):
    """A tool's definition is new or changed and nobody approved it: the registry stands in the way, not the caller."""

    code = "tool_quarantined"


class RateLimited(OrchestratorError):
    """Too many requests in a window; ``details.retry_after`` is in seconds."""

    code, status, retry = "rate_limited", 429, True


class QuotaReached(RateLimited):
    """A provider's account takes no more for a while; ``details.seconds`` says how long, where the provider did."""

    code = "quota_reached"

    conversation: Sequence[Any] = ()
    """What was said so far, for whoever goes on with it; never shown."""


class BudgetReached(OrchestratorError):
    """A budget is used up; ``details`` say which, how much was used, and of what."""

    code, status = "budget_reached", 402

    conversation: Sequence[Any] = ()
    """What was said so far, for whoever goes on with it; never shown."""


class ChoiceNeeded(OrchestratorError):
    """A person must choose before the work goes on; ``details``: the step, its choices, and which counts in the end."""

    code, status = "choice_needed", 409


class ToolFailed(OrchestratorError):
    """The tool ran and reported an error of its own."""

    code, status = "tool_failed", 502


class AgentFailed(OrchestratorError):
    """The agent could not do its work."""

    code, status = "agent_failed", 502


class DiskLimitReached(AgentFailed):
    """What was worked in takes more of the disk than the setting that ``details`` name allows."""

    code = "disk_limit_reached"


class Stalled(AgentFailed):
    """Nothing was heard of the agent for too long; ``details.seconds`` says how long."""

    code = "stalled"


class Looping(AgentFailed):
    """The agent called the same tools with the same arguments over and over; ``details`` say which and how often."""

    code = "looping"


class RepositoryFailed(OrchestratorError):
    """Git refused or could not reach the repository."""

    code, status = "repository_failed", 502


class ProviderFailed(OrchestratorError):
    """GitHub, Hugging Face or a language model answered wrongly or not at all."""

    code, status, retry = "provider_failed", 502, True


class ServerUnreachable(OrchestratorError):
    """An MCP server cannot be started or reached, or died."""

    code, status, retry = "server_unreachable", 502, True


class ServerMisbehaved(OrchestratorError):
    """An MCP server broke the protocol, its own schema or a size limit."""

    code, status = "server_misbehaved", 502


class CriteriaUnmet(OrchestratorError):
    """A result did not meet the task's acceptance criteria; ``details.proof`` says which and why."""

    code, status, retry = "criteria_unmet", 409, True


class CriteriaUnchecked(CriteriaUnmet):
    """No criterion failed, but some could not be checked: doing the work again would not help."""

    code, retry = "criteria_unchecked", False


class NotConfigured(OrchestratorError):
    """A setting is missing; ``hint`` says which one."""

    code, status = "not_configured", 503


class Unavailable(OrchestratorError):
    """A part of the service is not there right now."""

    code, status, retry = "unavailable", 503, True


class TimedOut(OrchestratorError):
    """A time limit passed; ``details.seconds`` says which."""

    code, status, retry = "timed_out", 504, True


class Cancelled(OrchestratorError):
    """Somebody asked for the work to stop."""

    code, status = "cancelled", 409


class Paused(OrchestratorError):
    """Somebody asked for the work to rest; what there is of it is kept, and it is taken up when they say so."""

    code, status = "paused", 409
