"""What may be a repository's URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import InvalidInput
from orchestrator.git.url import parse_repository_url

GOOD = {
    "https://github.com/owner/name": ("https://github.com", "owner/name"),
    "https://github.com/owner/name.git": ("https://github.com", "owner/name"),
    "HTTPS://GitHub.com:443/owner/name/": ("https://github.com", "owner/name"),
    "http://127.0.0.1:8080/x.git": ("http://127.0.0.1:8080", "x"),
    "https://[::1]:8443/a/b": ("https://[::1]:8443", "a/b"),
    "ssh://git@github.com:2222/owner/name.git": ("ssh://github.com:2222", "owner/name"),
    "git@github.com:owner/name.git": ("ssh://github.com", "owner/name"),
    "gitlab.com:group/sub/name": ("ssh://gitlab.com", "group/sub/name"),
}
BAD = [
    "",
    "x" * 3000,
    "name",
    "-oProxyCommand=touch /tmp/x",
    "--upload-pack=touch",
    "ext::sh -c touch% /tmp/x",
    "ext::sh",
    "fd::17/foo",
    "git::https://example.org/x",
    "git://example.org/x.git",
    "ftp://example.org/x",
    "javascript://example.org/x",
    "file:///etc",
    "/etc/passwd",
    "../x",
    "C:\\repo",
    "C:repo",
    "https://user:pass@example.org/x",
    "https://token@example.org/x",
    "https://:pass@example.org/x",
    "https://@example.org/x",
    "ssh://git:pass@example.org/x",
    "ssh://-oProxyCommand=x@example.org/x",
    "ssh://-oProxyCommand=x/x",
    "-x@example.org:y",
    "git@-oProxyCommand=x:y",
    "git@example.org:-x",
    "git@example.org:/a/../../b",
    "https://example.org",
    "https://example.org/",
    "https://example.org/a/../b",
    "https://example.org/a?b=c",
    "https://example.org/a#b",
    "https://example.org/a?",
    "https://exa mple.org/a",
    "https://example.org/a\n",
    "https://example.org/a%0ahost=evil",
    "https://example.org/a%zz",
    "https://example.org%0a/a",
    "https://example.org\\@evil.org/a",
    "https://exämple.org/a",
    "https://example.org:99999/a",
    "https://example.org:x/a",
    "https://[::1/a",
    "https://-example.org/a",
    "https:///a",
    "https://example.org/-a",
    "\u2028https://example.org/a",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_plain_url_is_taken_apart(text: str) -> None:
    url = parse_repository_url(text)
    assert (url.origin, url.full_name) == GOOD[text]
    assert url.text == text
    assert url.name == url.full_name.rsplit("/", 1)[-1]


@pytest.mark.parametrize("text", BAD)
def test_a_hostile_or_broken_url_is_refused_by_its_field_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_repository_url(text)
    assert caught.value.field == "repository_url"
    assert not text or "pass" not in caught.value.message.replace("password", "")


def test_a_file_is_allowed_only_where_the_caller_says_so() -> None:
    assert parse_repository_url("file:///srv/x.git", allow_file=True).path == "/srv/x.git"
    with pytest.raises(InvalidInput):
        parse_repository_url("file://host/srv/x.git", allow_file=True)
    with pytest.raises(InvalidInput):
        parse_repository_url("git@github.com:a/b", allow_ssh=False)


@given(st.text(max_size=60) | st.from_regex(r"(https?|ssh|ext|file)(://|::).{0,40}"))
def test_any_text_is_either_refused_or_safe_to_hand_to_git(text: str) -> None:
    try:
        url = parse_repository_url(text)
    except InvalidInput:
        return
    assert url.scheme in ("https", "http", "ssh")
    assert not text.startswith("-")
    assert not url.host.startswith("-")
    assert "::" not in text.split("/")[0].split("[")[0]
    assert url.scheme == "ssh" or "@" not in text.split("/")[2]
