"""Linking and unlinking accounts elsewhere."""

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from orchestrator.bootstrap import Container
from orchestrator.core.errors import NotConfigured
from orchestrator.models.accounts import Identity, User
from tests.accounts.conftest import another_client, bearer, log_in, log_in_by_cookie, refused, register
from tests.accounts.oauth.conftest import visit, walk
from tests.fakes.github import FakeGitHub


async def start_link(client: httpx.AsyncClient, headers: dict[str, str]) -> str:
    answer = await client.post("/user/link-account", json={"provider": "github"}, headers=headers)
    assert answer.status_code == 200, answer.text
    return await visit(answer.json()["authorize_url"])


@pytest.fixture
def ada(github: FakeGitHub) -> FakeGitHub:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    return github


async def test_a_linked_account_logs_in_and_proves_the_e_mail(
    app: FastAPI, client: httpx.AsyncClient, ada: FakeGitHub
) -> None:
    mine = await register(client)
    done = await client.get(await start_link(client, await log_in_by_cookie(client)))
    assert (done.status_code, done.headers["location"]) == (303, "/settings")
    async with another_client(app) as later:
        await walk(later, "github")
        profile = (await later.get("/user/profile")).json()
    assert (profile["id"], profile["email_verified"]) == (mine["id"], True)


async def test_a_stored_token_is_sealed_and_may_reach_repositories(
    client: httpx.AsyncClient, ada: FakeGitHub, container: Container
) -> None:
    await register(client)
    await client.get(await start_link(client, await log_in_by_cookie(client)))
    async with container.database.session() as session:
        identity = (await session.scalars(select(Identity))).one()
    token = await container.oauth.token_of(identity.user_id, "github")
    assert ada.tokens[token] == "ada"
    assert token not in str(vars(identity))
    assert "repo" in identity.scopes


async def test_a_plain_log_in_does_not_weaken_the_stored_token(
    client: httpx.AsyncClient, ada: FakeGitHub, container: Container
) -> None:
    mine = await register(client)
    await client.get(await start_link(client, await log_in_by_cookie(client)))
    await walk(client, "github")
    async with container.database.session() as session:
        identity = (await session.scalars(select(Identity))).one()
    assert str(identity.user_id) == mine["id"]
    assert "repo" in ada.scopes[await container.oauth.token_of(identity.user_id, "github")]


async def test_nobody_can_link_their_account_to_anothers_session(
    app: FastAPI, client: httpx.AsyncClient, ada: FakeGitHub
) -> None:
    ada.add_user("eve", emails=["eve@example.org"])
    ada.oauth.login_as = "eve"
    async with another_client(app) as attacker:
        await register(attacker, "eve@example.org")
        back = await start_link(attacker, await log_in_by_cookie(attacker, "eve@example.org"))
        flow = attacker.cookies["orc_oauth_github"]
    await register(client)
    csrf = await log_in_by_cookie(client)
    assert refused(await client.get(back), 401, "not_authenticated")
    client.cookies.set("orc_oauth_github", flow, domain="testserver.local")
    assert refused(await client.get(back), 403, "forbidden")
    assert (await client.get("/user/profile", headers=csrf)).json()["identities"] == []


async def test_a_linking_cannot_be_finished_after_logging_out(client: httpx.AsyncClient, ada: FakeGitHub) -> None:
    await register(client)
    csrf = await log_in_by_cookie(client)
    back = await start_link(client, csrf)
    await client.post("/auth/logout", headers=csrf, json={})
    assert refused(await client.get(back), 401, "not_authenticated")


async def test_linking_needs_a_log_in(client: httpx.AsyncClient) -> None:
    body = {"provider": "github"}
    assert refused(await client.post("/user/link-account", json=body), 401, "not_authenticated")
    await register(client)
    me = bearer((await log_in(client))["access_token"])
    token = (await client.post("/user/tokens", headers=me, json={"name": "x", "scopes": ["account"]})).json()["token"]
    assert refused(await client.post("/user/link-account", json=body, headers=bearer(token)), 403, "forbidden")


async def test_an_identity_belongs_to_one_user_and_a_user_has_one_of_each(
    app: FastAPI, client: httpx.AsyncClient, ada: FakeGitHub
) -> None:
    async with another_client(app) as first:
        await walk(first, "github")
    await register(client, "bob@example.org")
    csrf = await log_in_by_cookie(client, "bob@example.org")
    assert refused(await client.get(await start_link(client, csrf)), 409, "conflict")
    for login in ("bob", "bob2"):
        ada.add_user(login, emails=[f"{login}@example.org"])
    ada.oauth.login_as = "bob"
    assert (await client.get(await start_link(client, csrf))).status_code == 303
    ada.oauth.login_as = "bob2"
    assert refused(await client.get(await start_link(client, csrf)), 409, "conflict")


async def test_the_only_way_in_cannot_be_unlinked_until_there_is_a_password(
    client: httpx.AsyncClient, ada: FakeGitHub
) -> None:
    await walk(client, "github")
    csrf = {"X-CSRF-Token": (await client.get("/user/profile")).json()["csrf_token"]}
    assert refused(await client.delete("/user/link-account/github", headers=csrf), 409, "conflict")
    new = {"new_password": "a password at last"}
    assert (await client.put("/user/password", headers=csrf, json=new)).status_code == 204
    assert (await client.delete("/user/link-account/github", headers=csrf)).status_code == 204
    assert refused(await client.delete("/user/link-account/github", headers=csrf), 404, "not_found")
    assert (await client.get("/user/profile")).json()["identities"] == []


async def test_without_a_linked_account_there_is_no_token_and_the_hint_says_where(
    client: httpx.AsyncClient, ada: FakeGitHub, container: Container
) -> None:
    await register(client)
    async with container.database.session() as session:
        user = (await session.scalars(select(User))).one()
    assert await container.oauth.find_token(user.id, "github") is None
    with pytest.raises(NotConfigured, match="GitHub"):
        await container.oauth.token_of(user.id, "github")


async def test_an_expired_token_without_a_renewal_is_none(
    client: httpx.AsyncClient, ada: FakeGitHub, container: Container
) -> None:
    await walk(client, "github")
    async with container.database.session() as session:
        await session.execute(update(Identity).values(expires_at=Identity.created_at))
        user = (await session.scalars(select(Identity.user_id))).one()
    assert await container.oauth.find_token(user, "github") is None
