"""Registering and logging in with e-mail and password."""

import asyncio
import statistics
import time

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.main import create_app
from orchestrator.models.accounts import RefreshToken, User
from tests.accounts.conftest import (
    PASSWORD,
    another_client,
    bearer,
    log_in,
    log_in_by_cookie,
    refused,
    register,
)


async def test_the_first_user_administers_the_service_and_no_later_one(client: httpx.AsyncClient) -> None:
    assert (await register(client))["is_admin"] is True
    assert (await register(client, "bob@example.org"))["is_admin"] is False


async def test_of_many_first_users_at_once_exactly_one_is_admin(client: httpx.AsyncClient) -> None:
    made = await asyncio.gather(*(register(client, f"user{number}@example.org") for number in range(6)))
    assert sum(user["is_admin"] is True for user in made) == 1


async def test_an_e_mail_is_taken_whatever_its_case(client: httpx.AsyncClient) -> None:
    await register(client, "Ada@Example.org")
    again = await client.post("/auth/register", json={"email": "ada@example.ORG", "password": PASSWORD})
    assert refused(again, 409, "conflict")
    assert again.json()["field"] == "email"
    assert (await log_in(client, "ADA@example.org"))["token_type"] == "bearer"


async def test_the_password_is_stored_as_argon2id_and_nothing_of_it_leaks(
    client: httpx.AsyncClient, container: Container
) -> None:
    answer = await register(client)
    async with container.database.session() as session:
        user = (await session.scalars(select(User))).one()
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(answer)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no", "password": PASSWORD}, "email"),
        ({"email": "a@example.org", "password": "short"}, "password"),
        ({"email": "a@example.org", "password": "x" * 1025}, "password"),
        ({"email": "a@example.org", "password": PASSWORD, "is_admin": True}, "is_admin"),
        ({"email": "a@example.org", "password": PASSWORD, "display_name": "a\x00b"}, "display_name"),
        ({"email": "a@example.org", "password": PASSWORD, "display_name": "x" * 101}, "display_name"),
        ({"email": "a@example.org", "password": ["x"]}, "password"),
        ({"email": f"{'a' * 250}@example.org", "password": PASSWORD}, "email"),
        ({"password": PASSWORD}, "email"),
    ],
)
async def test_a_bad_registration_names_the_field(client: httpx.AsyncClient, body: dict, field: str) -> None:
    answer = await client.post("/auth/register", json=body)
    assert refused(answer, 422, "invalid_input")
    assert answer.json()["field"] == field


async def test_lone_surrogates_are_refused_not_a_crash(client: httpx.AsyncClient) -> None:
    for body in (
        rb'{"email":"a@example.org","password":"\ud800aaaaaaaa"}',
        rb'{"email":"\ud800@x.org","password":"aaaaaaaa"}',
    ):
        answer = await client.post("/auth/register", content=body, headers={"content-type": "application/json"})
        assert refused(answer, 422, "invalid_input")


async def test_registration_can_be_closed(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"allow_registration": False}))
    async with app.router.lifespan_context(app), another_client(app) as client:
        answer = await client.post("/auth/register", json={"email": "a@example.org", "password": PASSWORD})
        assert refused(answer, 403, "forbidden")


async def test_tokens_from_a_log_in_open_the_profile(client: httpx.AsyncClient) -> None:
    await register(client)
    tokens = await log_in(client)
    profile = (await client.get("/user/profile", headers=bearer(tokens["access_token"]))).json()
    assert profile["email"] == "ada@example.org"
    assert profile["has_password"] is True
    assert profile["csrf_token"] is None
    assert (
        "set-cookie" not in (await client.post("/auth/login", json={"email": "x@example.org", "password": "x"})).headers
    )


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(client: httpx.AsyncClient) -> None:
    await register(client)
    wrong = await client.post("/auth/login", json={"email": "ada@example.org", "password": "wrong"})
    unknown = await client.post("/auth/login", json={"email": "eve@example.org", "password": "wrong"})
    assert refused(wrong, 401, "not_authenticated")
    assert wrong.json()["detail"] == unknown.json()["detail"]


async def test_an_unknown_user_takes_as_long_as_a_wrong_password(container: Container) -> None:
    stored = await container.passwords.hash(PASSWORD)

    async def seconds(known: str | None) -> float:
        started = time.perf_counter()
        assert (await container.passwords.verify("wrong", known))[0] is False
        return time.perf_counter() - started

    await seconds(None)
    known = statistics.median([await seconds(stored) for _ in range(5)])
    unknown = statistics.median([await seconds(None) for _ in range(5)])
    assert unknown > known / 3


async def test_hashing_does_not_hold_up_the_event_loop(container: Container) -> None:
    hashing = asyncio.create_task(container.passwords.hash(PASSWORD))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 50


async def test_a_disabled_user_cannot_log_in_refresh_or_use_a_session(app: FastAPI, container: Container) -> None:
    async with another_client(app) as api, another_client(app) as browser:
        await register(api)
        tokens = await log_in(api)
        await log_in_by_cookie(browser)
        async with container.database.session() as session:
            await session.execute(
                update(User).values(disabled_at=RefreshToken.created_at.type.python_type.now().astimezone())
            )
        assert refused(
            await api.post("/auth/login", json={"email": "ada@example.org", "password": PASSWORD}),
            401,
            "not_authenticated",
        )
        assert refused(
            await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}), 401, "not_authenticated"
        )
        assert refused(await browser.get("/user/profile"), 401, "not_authenticated")


async def test_the_eleventh_wrong_try_is_told_to_wait_even_with_the_right_password(client: httpx.AsyncClient) -> None:
    await register(client)
    wrong = {"email": "ada@example.org", "password": "wrong"}
    answers = await asyncio.gather(*(client.post("/auth/login", json=wrong) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 2
    late = await client.post("/auth/login", json={"email": "ada@example.org", "password": PASSWORD})
    assert refused(late, 429, "rate_limited")
    assert 0 < int(late.headers["retry-after"]) <= 900


async def test_log_ins_that_succeed_are_never_counted(client: httpx.AsyncClient) -> None:
    await register(client)
    for _ in range(12):
        await log_in(client)


async def test_a_new_password_ends_every_other_log_in(app: FastAPI) -> None:
    async with another_client(app) as mine, another_client(app) as other:
        await register(mine)
        mine_tokens, other_tokens = await log_in(mine), await log_in(other)
        me = bearer(mine_tokens["access_token"])
        wrong = await mine.put(
            "/user/password", headers=me, json={"current_password": "no", "new_password": "a new one 123"}
        )
        assert refused(wrong, 403, "forbidden")
        done = await mine.put(
            "/user/password", headers=me, json={"current_password": PASSWORD, "new_password": "a new one 123"}
        )
        assert done.status_code == 204
        assert (await mine.get("/user/profile", headers=me)).status_code == 200
        assert refused(
            await other.get("/user/profile", headers=bearer(other_tokens["access_token"])), 401, "not_authenticated"
        )
        again = await other.post("/auth/refresh", json={"refresh_token": other_tokens["refresh_token"]})
        assert refused(again, 401, "not_authenticated")
        assert refused(
            await other.post("/auth/login", json={"email": "ada@example.org", "password": PASSWORD}),
            401,
            "not_authenticated",
        )


async def test_settings_change_what_is_given_and_keep_the_rest(client: httpx.AsyncClient) -> None:
    await register(client)
    me = bearer((await log_in(client))["access_token"])
    await client.put("/user/settings", headers=me, json={"settings": {"preferred_target": "mcp:code"}})
    changed = (await client.put("/user/settings", headers=me, json={"display_name": "Ada L."})).json()
    assert (changed["display_name"], changed["settings"]) == ("Ada L.", {"preferred_target": "mcp:code"})
    unknown = await client.put("/user/settings", headers=me, json={"settings": {"nope": 1}})
    assert refused(unknown, 422, "invalid_input")
    gone = (await client.put("/user/settings", headers=me, json={"settings": {"preferred_target": None}})).json()
    assert gone["settings"] == {"preferred_target": None}
