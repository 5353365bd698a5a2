"""What goes wrong with a model or its provider, in words of our own error tree. Used by ``llm_engine`` only.

A key never appears in a message, even when the provider repeats it. Whether trying again helps follows from the leaf:
rate limits, outages and time-outs may pass; a wrong key, an unknown model or an exhausted budget do not.
"""

from datetime import UTC, datetime
from typing import Any

from pydantic_ai import exceptions as foreign

from orchestrator.agents.llm_config import Endpoint
from orchestrator.core.errors import AgentFailed, OrchestratorError, ProviderFailed, QuotaReached, TimedOut
from orchestrator.core.quota import bounded, wait_in_headers, wait_in_words

FOREIGN = (foreign.AgentRunError,)
_MOST_CHARS = 500


def translate(error: Exception, endpoint: Endpoint, details: dict[str, Any]) -> OrchestratorError:
    """Our error for one of pydantic-ai's."""
    said = _said(error, endpoint)
    if isinstance(error, foreign.UsageLimitExceeded):
        return AgentFailed(f"The agent reached a limit of this run: {said}", details={**details, "limit": "usage"})
    if isinstance(error, foreign.ModelAPIError):
        return _provider(error, said, endpoint, details)
    return AgentFailed(f"The model's answer could not be used: {said}", details=details)


def _provider(
    error: foreign.ModelAPIError, said: str, endpoint: Endpoint, details: dict[str, Any]
) -> OrchestratorError:
    match error:
        case foreign.ModelRateLimitError():
            return QuotaReached(
                f"The model's provider limits the rate: {said}", details={**details, **_wait(error, said)}
            )
        case foreign.ModelQuotaExceededError():
            text = f"The quota at the model's provider is used up: {said}"
            return QuotaReached(text, details={**details, **_wait(error, said)})
        case foreign.ModelUnavailableError() if wait := _wait(error, ""):
            return QuotaReached(f"The model's provider takes no more now: {said}", details={**details, **wait})
        case foreign.ModelAuthenticationError():
            return AgentFailed(
                f"The model's provider refuses the key: {said}", hint="check LLM_API_KEY", details=details
            )
        case foreign.ModelNotFoundError():
            text = f"The model's provider does not know {endpoint.model!r}: {said}"
            return AgentFailed(text, hint="check LLM_MODEL and LLM_BASE_URL", details=details)
        case foreign.ModelRequestRejectedError():
            return AgentFailed(f"The model's provider refuses the request: {said}", details=details)
        case foreign.ModelTimeoutError():
            return TimedOut(f"The model's provider did not answer in time: {said}", details=details)
    return ProviderFailed(f"The model's provider failed: {said}", details=details)


def _wait(error: foreign.ModelAPIError, said: str) -> dict[str, float]:
    """How long the provider wants to be left alone, as far as it says so."""
    now = datetime.now(UTC)
    headers = getattr(error, "headers", None) or {}
    seconds = wait_in_headers(headers, now)
    if seconds is None and error.retry_after is not None:
        seconds = bounded(error.retry_after)
    if seconds is None and said:
        seconds = wait_in_words(said, now)
    return {} if seconds is None else {"retry_after": seconds}


def _said(error: Exception, endpoint: Endpoint) -> str:
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    # The provider's own words, where it has some; else all that is known, as the library writes it.
    told = isinstance(error, foreign.ModelHTTPError) and isinstance(message, str) and message
    text = f"{message} (status {getattr(error, 'status_code', '?')})" if told else str(error)
    if endpoint.api_key:
        text = text.replace(endpoint.api_key, "***")
    return text[:_MOST_CHARS]
