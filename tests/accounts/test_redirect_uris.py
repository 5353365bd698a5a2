"""Where a browser may be sent back to: the rules, for any address."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.redirect_uris import is_local, is_usable, matches, shown_name, way_back, with_answer

REGISTERED = ("https://editor.example/back", "http://127.0.0.1/callback", "cursor://x.y/cb", "com.example.app:/cb")


@pytest.mark.parametrize("uri", [*REGISTERED, "http://localhost:1234/a?b=c", "http://[::1]:9/", "vscode://a.b/c"])
def test_these_may_be_registered(uri: str) -> None:
    assert is_usable(uri)
    assert matches(uri, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://example.org/", "http://127.0.0.2/", "http://127.0.0.1@evil.example/", "javascript:alert(1)//a.b",
        "data:text/html,x", "file:///etc/passwd", "vbscript:x", "ms-msdt:/id", "search-ms:query", "https:///x",
        "https://a@b.example/", "https://a.example/#", "https://a.example/ b", "https://a.example/\u202e", "cursor:x",
        "about:blank", "blob:https://a.example/x", "//a.example/", "/path", "", "https://a.example\\@b.example/",
        "http://localhost:port/", 'https://a.example/"><script>', "https://a.example/" + "x" * 500,
    ],
)  # fmt: skip
def test_these_may_not(uri: str) -> None:
    assert not is_usable(uri)
    assert not matches(uri, uri)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 65535), st.sampled_from(["127.0.0.1", "localhost", "[::1]"]))
def test_on_the_persons_own_computer_any_port_fits(port: int, host: str) -> None:
    assert matches(f"http://{host}/callback", f"http://{host}:{port}/callback")
    assert matches(f"http://{host}:33418", f"http://{host}:{port}/")
    assert not matches(f"http://{host}/callback", f"http://{host}:{port}/other")
    assert not matches(f"http://{host}/callback", f"https://{host}:{port}/callback")
    assert not matches("https://editor.example/back", f"https://editor.example:{port % 442 + 1}/back")


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(REGISTERED), st.text(max_size=30))
def test_nothing_but_the_registered_address_fits_elsewhere(registered: str, more: str) -> None:
    for given_uri in (registered + more, more + registered, registered.replace("/", more)):
        if given_uri != registered and matches(registered, given_uri):
            assert given_uri.startswith("http://127.0.0.1")


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=400))
def test_a_shown_name_is_short_printable_and_one_line(text: str) -> None:
    shown = shown_name(text)
    assert len(shown) <= 80
    assert shown.isprintable()
    assert shown == " ".join(shown.split())


def test_an_answer_is_added_to_what_is_there() -> None:
    assert with_answer("https://a.example/?x=1", {"code": "a b"}) == "https://a.example/?x=1&code=a+b"
    assert with_answer("cursor://x.y/cb", {"code": "a"}) == "cursor://x.y/cb?code=a"


def test_people_read_the_host_or_the_program() -> None:
    assert [way_back(uri) for uri in REGISTERED] == ["editor.example", "127.0.0.1", "cursor:", "com.example.app:"]
    assert [is_local(uri) for uri in REGISTERED] == [False, True, True, True]
