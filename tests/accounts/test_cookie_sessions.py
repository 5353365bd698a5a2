"""The console's cookie session, and what other sites cannot do with it."""

import httpx
import pytest
from fastapi import FastAPI

from orchestrator.config import Settings
from orchestrator.main import create_app
from tests.accounts.conftest import another_client, log_in_by_cookie, refused, register

CHANGE = {"display_name": "Changed"}


async def test_a_session_reads_without_and_changes_only_with_its_csrf_token(client: httpx.AsyncClient) -> None:
    await register(client)
    csrf = await log_in_by_cookie(client)
    profile = (await client.get("/user/profile")).json()
    assert profile["csrf_token"] == csrf["X-CSRF-Token"]
    assert refused(await client.put("/user/settings", json=CHANGE), 403, "forbidden")
    wrong = {"X-CSRF-Token": "0" * 64}
    assert refused(await client.put("/user/settings", json=CHANGE, headers=wrong), 403, "forbidden")
    odd = {"X-CSRF-Token": "é".encode("latin-1")}
    assert refused(await client.put("/user/settings", json=CHANGE, headers=odd), 403, "forbidden")
    assert (await client.put("/user/settings", json=CHANGE, headers=csrf)).status_code == 200


async def test_the_csrf_token_of_another_session_does_not_fit(app: FastAPI, client: httpx.AsyncClient) -> None:
    await register(client)
    await log_in_by_cookie(client)
    async with another_client(app) as attacker:
        await register(attacker, "eve@example.org")
        theirs = await log_in_by_cookie(attacker, "eve@example.org")
    assert refused(await client.put("/user/settings", json=CHANGE, headers=theirs), 403, "forbidden")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://testserver.evil.example", "null", "http://testserver:81"]
)
async def test_a_request_from_another_origin_is_refused_even_with_the_token(
    client: httpx.AsyncClient, origin: str
) -> None:
    await register(client)
    csrf = await log_in_by_cookie(client)
    answer = await client.put("/user/settings", json=CHANGE, headers=csrf | {"Origin": origin})
    assert refused(answer, 403, "forbidden")


async def test_our_own_origin_passes_and_a_cross_site_fetch_without_origin_does_not(client: httpx.AsyncClient) -> None:
    await register(client)
    csrf = await log_in_by_cookie(client)
    own = await client.put("/user/settings", json=CHANGE, headers=csrf | {"Origin": "http://testserver"})
    assert own.status_code == 200
    crossed = await client.put("/user/settings", json=CHANGE, headers=csrf | {"Sec-Fetch-Site": "cross-site"})
    assert refused(crossed, 403, "forbidden")


async def test_another_site_cannot_log_a_browser_in(client: httpx.AsyncClient) -> None:
    await register(client)
    body = {"email": "ada@example.org", "password": "correct horse battery", "cookie": True}
    answer = await client.post("/auth/login", json=body, headers={"Origin": "https://evil.example"})
    assert refused(answer, 403, "forbidden")
    assert "orc_session" not in client.cookies


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: httpx.AsyncClient) -> None:
    await register(client)
    body = {"email": "ada@example.org", "password": "correct horse battery", "cookie": True}
    cookie = (await client.post("/auth/login", json=body)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://orchestrator.example"}))
    async with app.router.lifespan_context(app), another_client(app) as client:
        await register(client)
        body = {"email": "ada@example.org", "password": "correct horse battery", "cookie": True}
        cookie = (await client.post("/auth/login", json=body)).headers["set-cookie"]
    assert cookie.startswith("__Host-orc_session=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_logging_out_ends_the_session_at_once_and_clears_the_cookie(client: httpx.AsyncClient) -> None:
    await register(client)
    csrf = await log_in_by_cookie(client)
    held = client.cookies["orc_session"]
    assert refused(await client.post("/auth/logout", json={}), 403, "forbidden")
    assert (await client.post("/auth/logout", json={}, headers=csrf)).status_code == 204
    assert "orc_session" not in client.cookies
    answer = await client.get("/user/profile", headers={"Cookie": f"orc_session={held}"})
    assert refused(answer, 401, "not_authenticated")


async def test_logging_out_of_a_dead_session_clears_the_cookie(client: httpx.AsyncClient) -> None:
    dead = await client.post("/auth/logout", json={}, headers={"Cookie": "orc_session=dead"})
    assert dead.status_code == 204
    assert 'orc_session=""' in dead.headers["set-cookie"]
    assert refused(await client.post("/auth/logout"), 401, "not_authenticated")


async def test_a_new_log_in_of_a_browser_ends_its_former_one(client: httpx.AsyncClient) -> None:
    await register(client)
    await log_in_by_cookie(client)
    former = client.cookies["orc_session"]
    await log_in_by_cookie(client)
    assert client.cookies["orc_session"] != former
    client.cookies.clear()
    assert refused(
        await client.get("/user/profile", headers={"Cookie": f"orc_session={former}"}), 401, "not_authenticated"
    )


async def test_a_bearer_token_wins_over_a_cookie_and_a_bad_one_does_not_fall_back(client: httpx.AsyncClient) -> None:
    await register(client)
    await log_in_by_cookie(client)
    for header in ("Bearer nonsense", "Bearer ", "Bearer", "Basic YTpi", "nonsense"):
        answer = await client.get("/user/profile", headers={"Authorization": header})
        assert refused(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
