"""What providers say when they take no more, and what is read of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.quota import (
    LEAST_SECONDS,
    MOST_SECONDS,
    account_of,
    answer_says_stop,
    says_stop,
    wait_in_headers,
    wait_in_words,
)

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17),
        ({"retry-after-ms": "2500", "retry-after": "90"}, 2.5),
        ({"Retry-After": "Mon, 30 Nov 2026 12:01:00 GMT"}, 60),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-remaining-tokens": "12", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-11-30T12:00:30Z"}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 45)}, 45),
        ({"RateLimit": '"default";r=0;t=30'}, 30),
        ({"RateLimit": '"default";r=5;t=30'}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, LEAST_SECONDS),
        ({"Retry-After": "nan"}, LEAST_SECONDS),
        ({"Retry-After": "1e300"}, MOST_SECONDS),
        ({}, None),
    ],
)
def test_the_wait_is_read_as_providers_write_it(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_in_headers(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 1h2m3s.", 3723),
        ("Please retry after 20 seconds", 20),
        ("usage limit; resets in 2 hours and 5 minutes", 7500),
        (f"Claude AI usage limit reached|{int(NOW.timestamp()) + 600}", 600),
        ("quota exceeded, available again 2026-11-30T13:00:00Z", 3600),
        ("rate limited", None),
    ],
)
def test_the_wait_is_read_in_words(text: str, seconds: float | None) -> None:
    assert wait_in_words(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    ["429 Too Many Requests", "You exceeded your current quota", "insufficient_quota", "RESOURCE_EXHAUSTED",
     "Your credit balance is too low", "You've hit your usage limit", "rate_limit_error"],
)  # fmt: skip
def test_errors_that_speak_of_a_limit_are_known(text: str) -> None:
    assert says_stop(text)


def test_an_answer_about_limits_is_no_refusal() -> None:
    assert answer_says_stop("Claude AI usage limit reached|1796040000")
    assert not answer_says_stop("I added a rate limit to the client: too many requests now wait.")
    assert not says_stop("the file could not be parsed")


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit"]),
                       st.text(max_size=60)), st.text(max_size=300))  # fmt: skip
def test_whatever_is_said_the_wait_is_within_bounds(headers: dict[str, str], text: str) -> None:
    for seconds in (wait_in_headers(headers, NOW), wait_in_words(text, NOW + timedelta(0))):
        assert seconds is None or LEAST_SECONDS <= seconds <= MOST_SECONDS


def test_an_account_names_its_host_and_not_its_key() -> None:
    ours = account_of("https://api.example.com/v1", "sk-secret")
    assert ours.startswith("api.example.com~")
    assert "secret" not in ours
    assert ours != account_of("https://api.example.com/v1", "sk-other")
    assert ours == account_of("https://api.example.com/v1", "sk-secret")
