"""How the console is served: the page with its policy, files with their caching, and nothing beside them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from orchestrator.api import problems
from orchestrator.api.console import console_router

_HTML = '<html><meta property="csp-nonce" nonce="__CSP_NONCE__"><script nonce="__CSP_NONCE__"></script></html>'


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(_HTML)
    (folder / "assets" / "index-abc123.js").write_text("console.log('hello')\n" * 50)
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not for the web")
    return folder


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)

    @app.post("/api/v1/things")
    async def make_thing() -> dict[str, str]:
        return {}

    app.include_router(console_router(dist))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://console.test") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/projects", "/tasks/019a0000-0000-7000-8000-000000000001", "/index.html"])
async def test_every_path_of_the_console_gives_its_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_page_carries_the_nonce_its_policy_names_and_never_the_same_twice(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/"), await client.get("/")]
    nonces = []
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
        assert answer.text.count(nonce) == 2
        assert "__CSP_NONCE__" not in answer.text
        assert "unsafe" not in policy
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


async def test_hashed_files_are_kept_for_ever_and_compressed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/index-abc123.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    plain = await client.get("/assets/index-abc123.js", headers={"Accept-Encoding": "identity"})
    assert plain.text == answer.text
    assert "content-encoding" not in plain.headers


async def test_an_unchanged_file_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/favicon.svg")
    again = await client.get("/favicon.svg", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_missing_script_is_an_error_not_a_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/index-old.js")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/%2e%2e/secret.txt"]
)
async def test_no_path_leaves_the_folder(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert "not for the web" not in answer.text


async def test_links_in_the_folder_are_not_followed(client: httpx.AsyncClient, dist: Path) -> None:
    (dist / "link.txt").symlink_to(dist.parent / "secret.txt")
    assert "not for the web" not in (await client.get("/link.txt")).text


async def test_other_doors_answer_for_themselves(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/nothing")).status_code == 404
    assert (await client.get("/api/v1/things")).status_code == 405
    assert (await client.get("/mcp")).status_code == 404


async def test_a_new_build_is_served_without_a_restart(client: httpx.AsyncClient, dist: Path) -> None:
    await client.get("/")
    (dist / "assets" / "index-def456.js").write_text("console.log('new')")
    (dist / "index.html").write_text("<html>new</html>")
    assert (await client.get("/")).text == "<html>new</html>"
    assert (await client.get("/assets/index-def456.js")).status_code == 200


async def test_an_unbuilt_console_says_how_to_build_it(client: httpx.AsyncClient, dist: Path) -> None:
    (dist / "index.html").unlink()
    answer = await client.get("/")
    assert answer.status_code == 503
    assert "make console" in answer.json()["hint"]
