"""Where a browser may be sent back to after a consent, and how strangers' names are shown. Pure rules.

Used by the authorization services. An address is ``https``, or ``http`` on the person's own computer (RFC 8252: at any
port), or of a scheme that belongs to a program: one with a dot in it, or of a known editor. Everything else, above all
what a browser would execute or hand to the system, is refused. Nothing is fetched here.
"""

import re
import unicodedata
from urllib.parse import SplitResult, urlencode, urlsplit

LONGEST = 500
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_EDITORS = frozenset({
    "claude", "cursor", "goose", "kiro", "raycast", "trae", "vscode", "vscode-insiders", "vscodium", "windsurf", "zed",
})  # fmt: skip
_SIGNS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")  # those of RFC 3986
_NAME = 80


def is_usable(uri: str) -> bool:
    """Whether a client may name this address as its way back."""
    parts = _parts(uri)
    if parts is None or parts.fragment or "#" in uri or "\\" in uri or len(uri) > LONGEST:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname) and "@" not in parts.netloc
    if parts.scheme == "http":
        return parts.hostname in _LOOPBACK and "@" not in parts.netloc
    return "." in parts.scheme or (parts.scheme in _EDITORS and bool(parts.netloc))


def is_local(uri: str) -> bool:
    """Whether the address is a program on the person's own computer, which nobody can tell from another."""
    parts = _parts(uri)
    return parts is not None and parts.scheme != "https"


def matches(registered: str, given: str) -> bool:
    """Whether a given address is the registered one: exactly, but for the port on the person's own computer."""
    if not is_usable(registered) or not is_usable(given):
        return False
    if registered == given:
        return True
    known, asked = urlsplit(registered), urlsplit(given)
    if known.scheme != "http" or asked.scheme != "http":
        return False
    return _portless(known) == _portless(asked)


def way_back(uri: str) -> str:
    """The host or the program that a browser is sent to, for people to read. Ports of their own computer vary."""
    parts = urlsplit(uri)
    return {"https": parts.netloc, "http": parts.hostname or ""}.get(parts.scheme, f"{parts.scheme}:")


def with_answer(uri: str, answer: dict[str, str]) -> str:
    """The address with more in its query; what is there already stays as it is."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(answer)}"


def shown_name(text: object) -> str:
    """A stranger's name in characters that cannot hide, reorder or overlay others; empty when none is left."""
    if not isinstance(text, str):
        return ""
    normal = unicodedata.normalize("NFKC", text[: _NAME * 4])
    kept = "".join(sign if unicodedata.category(sign)[0] not in "CZM" else " " for sign in normal)
    return " ".join(kept.split())[:_NAME].rstrip()


def _portless(parts: SplitResult) -> tuple[str | None, str, str]:
    return parts.hostname, parts.path or "/", parts.query


def _parts(uri: str) -> SplitResult | None:
    if not _SIGNS.fullmatch(uri):
        return None
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises for one that is no number
    except ValueError:
        return None
    return parts if parts.scheme else None
