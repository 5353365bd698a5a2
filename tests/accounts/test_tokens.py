"""Access tokens and personal API tokens: what opens doors, and what forgeries do not."""

import asyncio
import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import select, update

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Scope
from orchestrator.core.errors import Forbidden, NotAuthenticated, NotConfigured
from orchestrator.core.ids import new_id
from orchestrator.core.states import Reason, TaskState
from orchestrator.models.accounts import ApiToken, User
from orchestrator.models.database import Database
from orchestrator.models.tasks import TaskRow
from orchestrator.services.stored_tokens import StoredTokens
from orchestrator.services.tokens import Tokens
from tests.accounts.conftest import bearer, log_in, log_in_by_cookie, make_project, make_user, refused, register


@pytest.fixture
def tokens() -> Tokens:
    """Stateless checks need no database: this one is never connected to."""
    return Tokens(StoredTokens(Database("postgresql://nowhere"), session_days=1), "k" * 40, access_minutes=15)


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "orchestrator", "aud": "orchestrator-api", "typ": "access", "sub": str(new_id()), "sid": str(new_id()),
        "adm": True, "iat": now, "exp": now + 600,
    } | more  # fmt: skip


def signed(tokens: Tokens, payload: dict[str, Any], **more: Any) -> str:
    return jwt.encode(payload, tokens.key_for(b"access-token"), "HS256", **more)


def test_a_token_of_ours_gives_its_user_log_in_and_rights(tokens: Tokens) -> None:
    user, login = new_id(), new_id()
    caller = tokens.caller_of_access(tokens.issue_access(user, login, is_admin=True))
    assert (caller.user_id, caller.session_id, caller.is_admin) == (user, login, True)
    assert caller.scopes == frozenset(Scope)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"iss": "other"},
        {"aud": "other"},
        {"typ": "refresh"},
        {"iat": int(time.time()) + 3600},
    ],
)
def test_a_signed_token_with_a_wrong_claim_is_refused(tokens: Tokens, changed: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        tokens.caller_of_access(signed(tokens, claims(**changed)))


@pytest.mark.parametrize("missing", ["exp", "sub", "sid", "iss", "aud", "typ", "adm", "iat"])
def test_a_signed_token_without_a_claim_is_refused(tokens: Tokens, missing: str) -> None:
    payload = claims()
    del payload[missing]
    with pytest.raises(NotAuthenticated):
        tokens.caller_of_access(signed(tokens, payload))


def test_forged_headers_keys_and_bodies_are_refused(tokens: Tokens) -> None:
    good = tokens.issue_access(new_id(), new_id())
    header, body, signature = good.split(".")
    none = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims())}."
    elsewhere = jwt.encode(claims(), b"x" * 32, "HS256")
    other_algorithm = jwt.encode(claims(), tokens.key_for(b"access-token") * 2, "HS512")
    own_key = signed(tokens, claims(), headers={"jwk": {"kty": "oct", "k": "eA"}})
    other_use = jwt.encode(claims(), tokens.key_for(b"csrf"), "HS256")
    deep = base64.urlsafe_b64encode(b"[" * 1400).decode()
    flipped = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB")
    forged = [
        none, none + signature, elsewhere, other_algorithm, own_key, other_use, f"{deep}.{body}.{signature}",
        f"{header}.{encoded(claims(adm=True))}.{signature}", f"{header}.{body}.{flipped}", f"{header}.{body}", header,
        "", ".", "..", "a.b.c", "é" * 40, good + "x" * 3000, good + ".x", "x" * 1_000_000,
    ]  # fmt: skip
    for token in forged:
        with pytest.raises(NotAuthenticated):
            tokens.caller_of_access(token)
    assert tokens.caller_of_access(good).is_admin is False


def test_an_expired_token_is_refused_although_it_was_seen_before(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.issue_access(new_id(), new_id())
    tokens.caller_of_access(token)
    later = time.time() + tokens.access_seconds + 1
    monkeypatch.setattr("orchestrator.services.tokens.time.time", lambda: later)
    with pytest.raises(NotAuthenticated, match="expired"):
        tokens.caller_of_access(token)


def test_checking_a_token_again_takes_less_than_sixty_microseconds(tokens: Tokens) -> None:
    token = tokens.issue_access(new_id(), new_id())
    tokens.caller_of_access(token)
    started = time.perf_counter()
    for _ in range(2000):
        tokens.caller_of_access(token)
    assert (time.perf_counter() - started) / 2000 < 60e-6


def test_a_short_secret_key_is_refused_with_what_to_do() -> None:
    with pytest.raises(NotConfigured, match="SECRET_KEY"):
        Tokens(None, "short", access_minutes=15)  # type: ignore[arg-type]


async def new_token(client: httpx.AsyncClient, me: dict[str, str], **more: Any) -> dict[str, Any]:
    answer = await client.post("/user/tokens", headers=me, json={"name": "ci", "scopes": ["account"], **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def me_of(client: httpx.AsyncClient) -> dict[str, str]:
    await register(client)
    return bearer((await log_in(client))["access_token"])


async def test_an_api_token_is_shown_once_stored_hashed_and_opens_what_its_scopes_say(
    client: httpx.AsyncClient, container: Container
) -> None:
    me = await me_of(client)
    made = await new_token(client, me)
    assert made["token"].startswith("orc_")
    assert (await client.get("/user/profile", headers=bearer(made["token"]))).status_code == 200
    listed = (await client.get("/user/tokens", headers=me)).json()
    assert (listed["total"], made["token"] in json.dumps(listed)) == (1, False)
    async with container.database.session() as session:
        row = (await session.scalars(select(ApiToken))).one()
    assert made["token"] not in str(vars(row))
    assert row.last_used_at is not None


async def test_an_api_token_without_the_scope_is_refused(client: httpx.AsyncClient) -> None:
    token = (await new_token(client, await me_of(client), scopes=["tasks:read"]))["token"]
    answer = await client.get("/user/profile", headers=bearer(token))
    assert refused(answer, 403, "forbidden")
    assert answer.json()["details"] == {"scope": "account"}


async def test_an_api_token_cannot_make_tokens_change_the_password_or_link_accounts(client: httpx.AsyncClient) -> None:
    it = bearer((await new_token(client, await me_of(client)))["token"])
    assert refused(
        await client.post("/user/tokens", headers=it, json={"name": "x", "scopes": ["account"]}), 403, "forbidden"
    )
    password = {"current_password": "x", "new_password": "x" * 10}
    assert refused(await client.put("/user/password", headers=it, json=password), 403, "forbidden")
    assert refused(await client.delete("/user/link-account/github", headers=it), 403, "forbidden")
    assert refused(await client.post("/auth/logout", headers=it), 403, "forbidden")


async def test_a_revoked_token_is_refused_at_once_and_others_cannot_revoke_it(client: httpx.AsyncClient) -> None:
    me = await me_of(client)
    made = await new_token(client, me)
    await client.get("/user/profile", headers=bearer(made["token"]))
    await register(client, "eve@example.org")
    eve = bearer((await log_in(client, "eve@example.org"))["access_token"])
    assert refused(await client.delete(f"/user/tokens/{made['id']}", headers=eve), 404, "not_found")
    assert (await client.delete(f"/user/tokens/{made['id']}", headers=me)).status_code == 204
    assert refused(await client.get("/user/profile", headers=bearer(made["token"])), 401, "not_authenticated")
    assert refused(await client.delete(f"/user/tokens/{made['id']}", headers=me), 404, "not_found")


async def test_an_expired_or_made_up_api_token_is_refused(client: httpx.AsyncClient, container: Container) -> None:
    token = (await new_token(client, await me_of(client)))["token"]
    async with container.database.session() as session:
        await session.execute(update(ApiToken).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    for text in (token, "orc_nonsense", "orc_", "orc_" + "x" * 5000, "orc_\udcff"):
        with pytest.raises(NotAuthenticated):
            await container.tokens.caller_of_bearer(text)


async def test_a_disabled_users_api_token_is_refused(client: httpx.AsyncClient, container: Container) -> None:
    token = (await new_token(client, await me_of(client)))["token"]
    async with container.database.session() as session:
        await session.execute(update(User).values(disabled_at=datetime.now(UTC)))
    assert refused(await client.get("/user/profile", headers=bearer(token)), 401, "not_authenticated")


async def test_a_token_narrowed_to_a_project_gives_no_admin_right_and_no_other_project(
    client: httpx.AsyncClient, container: Container
) -> None:
    me = await me_of(client)
    user = container.tokens.caller_of_access(me["Authorization"].split()[1]).user_id
    project, other = await make_project(container, user), await make_project(container, user)
    made = await new_token(client, me, scopes=["projects:read"], project_id=str(project))
    caller = await container.tokens.caller_of_bearer(made["token"])
    assert (caller.is_admin, caller.project_id) == (False, project)
    await container.access.require(caller, project)
    with pytest.raises(Forbidden):
        await container.access.require(caller, other)


async def test_no_token_can_be_made_for_a_project_one_cannot_see(
    client: httpx.AsyncClient, container: Container
) -> None:
    me = await me_of(client)
    body = {"name": "x", "scopes": ["projects:read"], "project_id": str(new_id())}
    assert refused(await client.post("/user/tokens", headers=me, json=body), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "scopes": ["account"]}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"name": "x", "scopes": ["account"], "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "scopes": ["account"], "project_id": "no"}, "project_id"),
        ({"name": "x", "scopes": ["account"], "admin": True}, "admin"),
    ],
)
async def test_a_bad_token_request_names_the_field(client: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await client.post("/user/tokens", headers=await me_of(client), json=body)
    assert refused(answer, 422, "invalid_input")
    assert answer.json()["field"] == field


async def test_a_cookie_session_can_make_a_token(client: httpx.AsyncClient) -> None:
    await register(client)
    await new_token(client, await log_in_by_cookie(client))


async def test_many_requests_of_one_caller_are_told_to_wait(client: httpx.AsyncClient, container: Container) -> None:
    me = await me_of(client)
    container.request_limit._burst, container.request_limit._rate = 3, 0.01
    answers = await asyncio.gather(*(client.get("/user/usage", headers=me) for _ in range(6)))
    slow = [answer for answer in answers if answer.status_code == 429]
    assert len(slow) >= 2
    assert int(slow[0].headers["retry-after"]) >= 1


async def test_usage_counts_nothing_for_a_newcomer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/user/usage", headers=await me_of(client))
    assert answer.json() == {"tasks": 0, "by_state": {}, "days": []}


async def test_usage_counts_the_callers_own_tasks_by_state_and_day(
    client: httpx.AsyncClient, container: Container
) -> None:
    me = await me_of(client)
    mine = container.tokens.caller_of_access(me["Authorization"].split()[1]).user_id
    other = await make_user(container, "bob@example.org")
    states = [
        (mine, TaskState.COMPLETED),
        (mine, TaskState.COMPLETED),
        (mine, TaskState.FAILED),
        (other, TaskState.FAILED),
    ]
    async with container.database.session() as session:
        session.add_all(
            TaskRow(id=new_id(), user_id=user, type="t", state=state, reason=Reason.OK, timeout_seconds=1.0)
            for user, state in states
        )
    usage = (await client.get("/user/usage", headers=me)).json()
    assert (usage["tasks"], usage["by_state"]) == (3, {"completed": 2, "failed": 1})
    assert [(day["created"], day["completed"], day["failed"]) for day in usage["days"]] == [(3, 2, 1)]
