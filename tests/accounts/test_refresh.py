"""Refresh tokens: each works once, theft ends the log-in, races do not."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import select, update

from orchestrator.bootstrap import Container
from orchestrator.models.accounts import RefreshToken
from orchestrator.services.sessions import GRACE
from tests.accounts.conftest import bearer, log_in, log_in_by_cookie, refused, register


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/auth/refresh", json={"refresh_token": token})


async def age_rotations(container: Container) -> None:
    """Let the time of grace pass."""
    async with container.database.session() as session:
        past = datetime.now(UTC) - GRACE - timedelta(seconds=1)
        await session.execute(update(RefreshToken).where(RefreshToken.rotated_at.is_not(None)).values(rotated_at=past))


async def test_a_refresh_gives_a_new_pair_that_works(client: httpx.AsyncClient) -> None:
    await register(client)
    first = await log_in(client)
    second = (await refresh(client, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await client.get("/user/profile", headers=bearer(second["access_token"]))).status_code == 200
    assert (await refresh(client, second["refresh_token"])).status_code == 200


async def test_using_a_refresh_token_again_ends_the_whole_log_in(
    client: httpx.AsyncClient, container: Container
) -> None:
    await register(client)
    first = await log_in(client)
    second = (await refresh(client, first["refresh_token"])).json()
    await age_rotations(container)
    assert refused(await refresh(client, first["refresh_token"]), 401, "not_authenticated")
    assert refused(await refresh(client, second["refresh_token"]), 401, "not_authenticated")
    assert refused(await client.get("/user/profile", headers=bearer(second["access_token"])), 401, "not_authenticated")


async def test_reuse_leaves_the_users_other_log_ins_alone(client: httpx.AsyncClient, container: Container) -> None:
    await register(client)
    stolen, other = await log_in(client), await log_in(client)
    await refresh(client, stolen["refresh_token"])
    await age_rotations(container)
    await refresh(client, stolen["refresh_token"])
    assert (await refresh(client, other["refresh_token"])).status_code == 200


async def test_racing_refreshes_get_the_same_successor_so_the_chain_never_forks(client: httpx.AsyncClient) -> None:
    await register(client)
    first = await log_in(client)
    answers = await asyncio.gather(*(refresh(client, first["refresh_token"]) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_refresh_tokens_are_stored_hashed_only(client: httpx.AsyncClient, container: Container) -> None:
    await register(client)
    token = (await log_in(client))["refresh_token"]
    async with container.database.session() as session:
        row = (await session.scalars(select(RefreshToken))).one()
    assert token not in str(vars(row))


async def test_an_expired_or_unknown_refresh_token_is_refused(client: httpx.AsyncClient, container: Container) -> None:
    await register(client)
    token = (await log_in(client))["refresh_token"]
    async with container.database.session() as session:
        await session.execute(update(RefreshToken).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert refused(await refresh(client, token), 401, "not_authenticated")
    assert refused(await refresh(client, "nonsense"), 401, "not_authenticated")
    assert refused(await refresh(client, "x" * 5000), 422, "invalid_input")


async def test_a_session_cookie_is_no_refresh_token_and_the_reverse(client: httpx.AsyncClient) -> None:
    await register(client)
    await log_in_by_cookie(client)
    assert refused(await refresh(client, client.cookies["orc_session"]), 401, "not_authenticated")
    pair = await log_in(client)
    client.cookies.set("orc_session", pair["refresh_token"], domain="testserver.local")
    client.cookies.clear()
    answer = await client.get("/user/profile", headers={"Cookie": f"orc_session={pair['refresh_token']}"})
    assert refused(answer, 401, "not_authenticated")


async def test_a_log_out_by_refresh_token_ends_access_and_refresh(client: httpx.AsyncClient) -> None:
    await register(client)
    pair = await log_in(client)
    assert (await client.post("/auth/logout", json={"refresh_token": pair["refresh_token"]})).status_code == 204
    assert refused(await refresh(client, pair["refresh_token"]), 401, "not_authenticated")
    assert refused(await client.get("/user/profile", headers=bearer(pair["access_token"])), 401, "not_authenticated")


async def test_a_log_out_that_races_a_refresh_leaves_no_living_successor(
    client: httpx.AsyncClient, container: Container
) -> None:
    await register(client)
    first = await log_in(client)
    second = (await refresh(client, first["refresh_token"])).json()
    async with container.database.session() as session:
        # What a log-out leaves that did not see the successor yet.
        old = RefreshToken.rotated_at.is_not(None)
        await session.execute(update(RefreshToken).where(old).values(revoked_at=datetime.now(UTC)))
    assert refused(await refresh(client, second["refresh_token"]), 401, "not_authenticated")


async def test_logging_out_everywhere_ends_every_log_in(client: httpx.AsyncClient) -> None:
    await register(client)
    one, two = await log_in(client), await log_in(client)
    ended = await client.post("/auth/logout", headers=bearer(one["access_token"]), json={"everywhere": True})
    assert ended.status_code == 204
    for pair in (one, two):
        assert refused(await refresh(client, pair["refresh_token"]), 401, "not_authenticated")
        answer = await client.get("/user/profile", headers=bearer(pair["access_token"]))
        assert refused(answer, 401, "not_authenticated")
