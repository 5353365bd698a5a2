"""What a provider says when its account takes no more: until when, read from headers and from words. Pure.

Used by agents, which turn it into QuotaReached, and by ``services.quota``, which keeps one breaker for each account.
What is not said is not guessed here: None means that the provider named no time.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import urlsplit

MOST_SECONDS = 7 * 86_400.0
LEAST_SECONDS = 1.0
STOPS = frozenset({402, 429})
"""HTTP statuses that say stop by themselves; 503 and 529 do when they name a time."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_EPOCH = 1_000_000_000.0
_REMAINING = re.compile(r"(?:.*-)?ratelimit-remaining(-\w+)?$|(?:.*-)?ratelimit-(\w+)-remaining$")
_FIELDS = re.compile(r"(?:^|;)\s*([rt])=(\d+)")

_SAYS_STOP = re.compile(
    r"rate.?limit|too many requests|usage limit|insufficient_quota|(?:exceeded|out of|no) .{0,30}(?:quota|credit)"
    r"|quota .{0,20}(?:exceeded|exhausted|reached)|resource_exhausted|credit balance|hit your .{0,30}limit"
    r"|\b429\b",
    re.IGNORECASE,
)
_ANSWER_IS_STOP = re.compile(
    r"\s*(?:API Error: 429|Claude(?: AI| Code)? usage limit reached|You(?:'|\u2019)ve hit your .{0,30}limit"
    r"|You have exhausted your .{0,40}(?:quota|capacity))",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    r"(?:try again|retry|reset[s]?|available)[^.\n]{0,20}?\b(?:in|after)\s+((?:\d+(?:\.\d+)?\s*"
    r"(?:ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_WORD_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|[smhd])", re.IGNORECASE)
_AT_EPOCH = re.compile(r"\|\s*(\d{10})\b")
_AT_TIME = re.compile(r"\b(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))")
_MOST_TEXT = 4000


def account_of(base_url: str, secret: str) -> str:
    """An account's name: the provider's host, and which key; the key cannot be read from it."""
    host = urlsplit(base_url).netloc.rpartition("@")[2] or "provider"
    return f"{host}~{sha256(f'{base_url} {secret}'.encode()).hexdigest()[:8]}"


def wait_in_headers(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the provider takes requests again, from the headers of its refusal."""
    known = {name.lower(): value.strip() for name, value in headers.items()}
    told = [
        _milliseconds(known.get("retry-after-ms", "")),
        _moment(known.get("retry-after", ""), now),
    ]
    said = [seconds for seconds in told if seconds is not None]
    if said:
        return bounded(said[0])
    spent = [seconds for name in known if (seconds := _reset_of(name, known, now)) is not None]
    return bounded(max(spent)) if spent else None


def wait_in_words(text: str, now: datetime) -> float | None:
    """The same from a sentence, as programs write it."""
    text = text[:_MOST_TEXT]
    if match := _AT_EPOCH.search(text):
        return bounded(float(match[1]) - now.timestamp())
    if match := _IN_WORDS.search(text):
        return bounded(sum(float(n) * _UNITS["ms" if u.lower() in ("ms", "milli") else u.lower()]
                           for n, u in _WORD_PART.findall(match[1])))  # fmt: skip
    if match := _AT_TIME.search(text):
        return _bounded_or_none(_moment(match[1], now))
    return None


def says_stop(text: str) -> bool:
    """Whether an error's text speaks of a rate limit, a quota or credits."""
    return _SAYS_STOP.search(text[:_MOST_TEXT]) is not None


def answer_says_stop(text: str) -> bool:
    """Whether a program's whole answer is nothing but such a refusal: short, and begins with known words."""
    return len(text) <= 400 and _ANSWER_IS_STOP.match(text) is not None


def bounded(seconds: float) -> float:
    """A wait nobody can stretch for ever, and that is no busy loop."""
    return min(MOST_SECONDS, max(LEAST_SECONDS, seconds))


def _bounded_or_none(seconds: float | None) -> float | None:
    return None if seconds is None else bounded(seconds)


def _reset_of(name: str, known: Mapping[str, str], now: datetime) -> float | None:
    """When a limit that is used up starts anew; None for headers that say something else."""
    if name == "ratelimit":  # the draft standard: ``"default";r=0;t=30``
        fields = dict(_FIELDS.findall(known[name]))
        return float(fields["t"]) if fields.get("r") == "0" and "t" in fields else None
    if not _REMAINING.match(name) or _number(known[name]) != 0:
        return None
    return _moment(known.get(name.replace("remaining", "reset"), ""), now)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _milliseconds(text: str) -> float | None:
    number = _number(text)
    return None if number is None else number / 1000


def _moment(text: str, now: datetime) -> float | None:
    """Seconds until a moment that is told as seconds, a duration, an epoch, an ISO time or an HTTP date."""
    text = text.strip()[:100]
    number = _number(text)
    if number is not None:
        return number - now.timestamp() if number > _EPOCH else number
    if _DURATION.fullmatch(text):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(text)
        except (ValueError, TypeError):
            continue
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return (at - now).total_seconds()
    return None
