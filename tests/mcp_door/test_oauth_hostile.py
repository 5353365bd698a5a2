"""What the OAuth endpoints refuse: foreign ways back, weak proofs, second uses, other resources and sites, floods."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.models import OAuthClient, OAuthCode, RefreshToken, User
from orchestrator.services.client_documents import ClientDocuments
from orchestrator.services.oauth_clients import OAuthClients
from tests.mcp_door.browser import DECIDE, WAY_BACK, Person, Program, answer_in, log_in, register, registered
from tests.mcp_door.conftest import Service, make_caller
from tests.mcp_door.test_access import post


@pytest.fixture
async def person(service: Service, ada: Caller) -> AsyncIterator[Person]:
    person = await log_in(service, ada)
    yield person
    await person.browser.aclose()


@pytest.fixture
async def program(service: Service) -> Program:
    return await registered(service)


FOREIGN = (
    "https://evil.example/callback", "http://127.0.0.1:43117/callback/../steal", "http://127.0.0.1:43117/Callback",
    "http://127.0.0.1:43117/callback?x=1", "http://127.0.0.1:43117/callback#x", "http://localhost:43117/callback",
    "http://127.0.0.1:43117@evil.example/callback", "http://evil@127.0.0.1:43117/callback", "",
    "https://127.0.0.1:43117/callback", "http://127.0.0.1.evil.example:43117/callback", "//127.0.0.1/callback",
    "http://127.0.0.1:43117\\@evil.example/callback", "javascript:alert(1)", "http://[::1]:43117/callback",
)  # fmt: skip


async def test_no_browser_is_sent_where_the_program_did_not_register(program: Program, person: Person) -> None:
    for uri in FOREIGN:
        answer = await program.ask(person, redirect_uri=uri)
        assert (uri, answer.status_code, answer.json()["error"]) == (uri, 400, "invalid_request")
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers


async def test_somebody_sent_here_wrongly_gets_a_page_that_runs_nothing(service: Service, person: Person) -> None:
    query = {"client_id": "<script>alert(1)</script>", "redirect_uri": "https://evil.example"}
    answer = await person.browser.get("/oauth/authorize", params=query, headers={"Accept": "text/html"})
    assert answer.status_code == 400
    assert "<script" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"


WRONG_REQUESTS: tuple[tuple[dict[str, str | None], str], ...] = (
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": None}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"scope": "account"}, "invalid_scope"),
    ({"scope": "mcps:write agents:write"}, "invalid_scope"),
    ({"resource": "https://other.example/mcp"}, "invalid_target"),
    ({"resource": "{url}/api/v1"}, "invalid_target"),
    ({"resource": "{url}/mcp/../api"}, "invalid_target"),
    ({"resource": "{url}/mcp?x"}, "invalid_target"),
    ({"state": "x" * 1501}, "invalid_request"),
    ({"state": "a\nb"}, "invalid_request"),
)


async def test_a_wrong_request_is_told_to_its_program(service: Service, program: Program, person: Person) -> None:
    for wrong, error in WRONG_REQUESTS:
        answer = await program.ask(person, **_filled(wrong, service))
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(WAY_BACK + "?")
        told = answer_in(answer.headers["location"])
        assert (wrong, told["error"], told["iss"]) == (wrong, error, service.url)
        assert told.get("state") in ("s&1", None)


async def test_a_wrong_request_opens_no_way_to_another_site(service: Service, person: Person) -> None:
    """Anybody can register an address of theirs, and lure people through us to it."""
    program = await registered(service, "https://evil.example/phish?x='%3Cscript%3E")
    assert (await program.ask(person, scope="nothing")).status_code == 400
    query = program.query(scope="nothing")
    page = await person.browser.get("/oauth/authorize", params=query, headers={"Accept": "text/html"})
    assert (page.status_code, "location" in page.headers) == (400, False)
    assert "Tell the program at evil.example" in page.text
    assert "<script" not in page.text


async def test_a_parameter_given_twice_is_refused(service: Service, program: Program, person: Person) -> None:
    pairs = [*program.query().items(), ("scope", "kg:read"), ("scope", "tasks:read")]
    answer = await person.browser.get("/oauth/authorize", params=pairs)
    assert answer_in(answer.headers["location"])["error"] == "invalid_request"
    pairs = [*program.query().items(), ("redirect_uri", "https://evil.example/")]
    answer = await person.browser.get("/oauth/authorize", params=pairs)
    assert answer.status_code == 400
    form = "grant_type=authorization_code&code=a&code=b&client_id=x"
    async with httpx.AsyncClient(base_url=service.url) as client:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await client.post("/oauth/token", content=form, headers=kind)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_code_works_once_and_its_second_use_ends_what_came_of_it(
    service: Service, program: Program, person: Person
) -> None:
    code = await program.code(person)
    first = (await program.redeem(code)).json()
    assert (await post(service, token=first["access_token"])).status_code == 200
    again = await program.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await post(service, token=first["access_token"])).status_code == 401
    assert (await program.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await person.browser.get("/api/v1/user/applications")).json()["items"] == []


async def test_of_many_redemptions_at_once_one_gets_tokens_and_they_are_ended(
    service: Service, program: Program, person: Person
) -> None:
    code = await program.code(person)
    answers = await asyncio.gather(*(program.redeem(code) for _ in range(5)))
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    assert (await program.refresh(good[0]["refresh_token"])).status_code == 400


WRONG_REDEMPTIONS: tuple[tuple[dict[str, str | None], str], ...] = (
    ({"code_verifier": "x" * 43}, "invalid_grant"),
    ({"code_verifier": "short"}, "invalid_grant"),
    ({"code_verifier": None}, "invalid_request"),
    ({"redirect_uri": "http://127.0.0.1:43118/callback"}, "invalid_grant"),
    ({"redirect_uri": None}, "invalid_request"),
    ({"client_id": "other"}, "invalid_grant"),
    ({"client_id": None}, "invalid_client"),
    ({"resource": "{url}/mcp/other"}, "invalid_grant"),
    ({"resource": "https://other.example/mcp"}, "invalid_target"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"code": "wrong"}, "invalid_grant"),
)


async def test_a_code_is_worth_nothing_with_anything_else_than_it_was_made_for(
    service: Service, program: Program, person: Person
) -> None:
    for wrong, error in WRONG_REDEMPTIONS:
        answer = await program.redeem(await program.code(person), **_filled(wrong, service))
        assert (wrong, answer.json()["error"]) == (wrong, error)
        assert answer.status_code == (401 if error == "invalid_client" else 400)
        assert answer.headers["cache-control"] == "no-store"


def _filled(wrong: dict[str, str | None], service: Service) -> dict[str, str | None]:
    return {name: value and value.replace("{url}", service.url) for name, value in wrong.items()}


async def test_a_code_of_another_program_cannot_be_injected(service: Service, program: Program, person: Person) -> None:
    """Somebody else's code in this program's session: its own proof does not fit."""
    other = await registered(service)
    answer = await other.redeem(await program.code(person))
    assert answer.json()["error"] == "invalid_grant"


async def test_a_code_lives_a_minute(container: Container, program: Program, person: Person) -> None:
    code = await program.code(person)
    async with container.database.session() as session:
        stored = (await session.scalars(select(OAuthCode))).one()
        assert timedelta(seconds=50) < stored.expires_at - datetime.now(UTC) <= timedelta(seconds=60)
        assert code not in (stored.code_hash, stored.challenge)
        stored.expires_at = datetime.now(UTC)
    assert (await program.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_refresh_token_that_is_used_again_later_ends_the_connection(
    service: Service, container: Container, program: Program, person: Person
) -> None:
    first = await program.connect(person)
    second = (await program.refresh(first["refresh_token"])).json()
    assert (await program.refresh(first["refresh_token"])).json()["refresh_token"] == second["refresh_token"]  # a race
    async with container.database.session() as session:
        earlier = datetime.now(UTC) - timedelta(seconds=11)
        rotated = RefreshToken.rotated_at.is_not(None)
        await session.execute(update(RefreshToken).where(rotated).values(rotated_at=earlier))
    stolen = await program.refresh(first["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert (await program.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await post(service, token=second["access_token"])).status_code == 401


async def test_a_refresh_narrows_and_never_widens(service: Service, program: Program, person: Person) -> None:
    tokens = await program.connect(person, scope="kg:read tasks:read")
    for wrong, error in (
        ({"scope": "tasks:write"}, "invalid_scope"),
        ({"resource": f"{service.url}/mcp/other"}, "invalid_target"),
        ({"client_id": "other"}, "invalid_grant"),
    ):
        assert (await program.refresh(tokens["refresh_token"], **wrong)).json()["error"] == error
    assert (await program.refresh(tokens["refresh_token"], scope="kg:read")).json()["scope"] == "kg:read"


async def test_refresh_tokens_of_programs_and_of_log_ins_do_not_pass_for_each_other(
    service: Service, container: Container, ada: Caller, program: Program, person: Person
) -> None:
    tokens = await program.connect(person)
    async with httpx.AsyncClient(base_url=service.url) as client:
        answer = await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 401
    async with container.database.session() as session:
        pair = await container.sessions.start(await session.get_one(User, ada.user_id))
    assert (await program.refresh(pair.refresh_token)).json()["error"] == "invalid_grant"


async def test_no_other_site_can_say_yes(program: Program, person: Person) -> None:
    path = (await program.ask(person)).headers["location"].replace("/connect", DECIDE)
    yes = {"approve": True}
    assert (await person.browser.post(path, json=yes)).status_code == 403
    foreign = person.csrf | {"Origin": "https://evil.example"}
    assert (await person.browser.post(path, json=yes, headers=foreign)).status_code == 403
    crossed = person.csrf | {"Sec-Fetch-Site": "cross-site"}
    assert (await person.browser.post(path, json=yes, headers=crossed)).status_code == 403
    assert (await person.browser.post(path, json=yes, headers=person.csrf)).status_code == 200
    assert (await person.browser.post(path, json=yes, headers=person.csrf)).status_code == 401  # decided once


async def test_a_request_is_decided_in_the_browser_it_came_to_only(
    service: Service, container: Container, program: Program, person: Person
) -> None:
    asking = await program.ask(person)
    path = asking.headers["location"].replace("/connect", DECIDE)
    bob = await log_in(service, await make_caller(container, "bob@example.org"))
    assert (await bob.browser.get(path)).status_code == 401
    assert (await bob.browser.post(path, json={"approve": True}, headers=bob.csrf)).status_code == 401
    cookie = asking.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert f"Path={path}" in cookie
    await bob.browser.aclose()


async def test_no_token_can_connect_a_program(service: Service, program: Program, person: Person, token: str) -> None:
    asking = await program.ask(person)
    path = asking.headers["location"].replace("/connect", DECIDE)
    cookie = asking.headers["set-cookie"].partition(";")[0]
    async with httpx.AsyncClient(base_url=service.url) as client:
        headers = {"Authorization": f"Bearer {token}", "Cookie": cookie}
        assert (await client.post(path, json={"approve": True}, headers=headers)).status_code == 403


async def test_an_endpoint_of_somebody_else_is_not_connected_to(
    service: Service, container: Container, program: Program, person: Person
) -> None:
    bob = await make_caller(container, "bob@example.org")
    await container.endpoints.create(bob, {"name": "private"})
    asking = await program.ask(person, resource=f"{service.url}/mcp/private")
    path = asking.headers["location"].replace("/connect", DECIDE)
    answer = await person.browser.post(path, json={"approve": True}, headers=person.csrf)
    assert answer.status_code == 404


async def test_a_name_cannot_hide_or_reorder_signs(service: Service) -> None:
    nasty = "Claude\u202e Code\u200b\x00\n\u2066(verified)\ufeff" + "x" * 500
    shown = (await register(service, redirect_uris=[WAY_BACK], client_name=nasty)).json()["client_name"]
    assert shown.startswith("Claude Code (verified)")
    assert len(shown) <= 80
    assert shown.isprintable()
    unnamed = (await register(service, redirect_uris=[WAY_BACK], client_name="\u202e\u200f")).json()
    assert unnamed["client_name"] == "Unnamed application"


UNREGISTRABLE: tuple[dict[str, object], ...] = (
    {}, {"redirect_uris": []}, {"redirect_uris": "https://a.example/"}, {"redirect_uris": ["http://a.example/"]},
    {"redirect_uris": ["javascript:alert(1)"]}, {"redirect_uris": ["data:text/html,x"]},
    {"redirect_uris": ["ms-msdt:/id"]}, {"redirect_uris": ["https://a.example/#x"]},
    {"redirect_uris": [WAY_BACK], "grant_types": ["client_credentials"]},
    {"redirect_uris": [WAY_BACK], "response_types": ["token"]},
    {"redirect_uris": [WAY_BACK], "token_endpoint_auth_method": "private_key_jwt"},
    {"redirect_uris": [f"https://a.example/{number}" for number in range(31)]},
    {"redirect_uris": [WAY_BACK], "client_name": "x" * 20_000},
)  # fmt: skip


async def test_what_cannot_work_is_not_registered(service: Service) -> None:
    for metadata in UNREGISTRABLE:
        answer = await register(service, **metadata)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("invalid_")


async def test_a_flood_of_registrations_is_stopped_and_bounded(service: Service, container: Container) -> None:
    answers = [await register(service, redirect_uris=[WAY_BACK]) for _ in range(61)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    few = OAuthClients(container.database, ClientDocuments(allow_private=False), most_unused=3)
    await few.register({"redirect_uris": [WAY_BACK]}, place="elsewhere")
    async with container.database.session() as session:
        assert await session.scalar(select(func.count()).select_from(OAuthClient)) == 3


async def test_a_registration_that_nobody_approves_is_forgotten_and_a_used_one_stays(
    service: Service, container: Container, person: Person
) -> None:
    used, unused = await registered(service), await registered(service)
    await used.code(person)
    async with container.database.session() as session:
        await session.execute(update(OAuthClient).values(created_at=datetime.now(UTC) - timedelta(days=2)))
    await registered(service)
    assert (await used.ask(person)).status_code == 303
    gone = await unused.ask(person)
    assert (gone.status_code, gone.json()["error"]) == (401, "invalid_client")


async def test_a_disabled_person_gets_no_tokens_any_more(
    container: Container, ada: Caller, program: Program, person: Person
) -> None:
    tokens, code = await program.connect(person), await program.code(person)
    async with container.database.session() as session:
        (await session.get_one(User, ada.user_id)).disabled_at = datetime.now(UTC)
    assert (await program.redeem(code)).json()["error"] == "invalid_grant"
    assert (await program.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_logging_out_everywhere_ends_what_is_connected(
    service: Service, program: Program, person: Person
) -> None:
    tokens = await program.connect(person)
    answer = await person.browser.post("/api/v1/auth/logout", json={"everywhere": True}, headers=person.csrf)
    assert answer.status_code == 204
    assert (await post(service, token=tokens["access_token"])).status_code == 401


async def test_a_body_of_another_kind_or_size_is_refused(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.url) as client:
        as_json = await client.post("/oauth/token", json={"grant_type": "authorization_code"})
        large = await client.post("/oauth/token", data={"grant_type": "x" * 20_000})
        secret = await client.post("/oauth/token", data={"grant_type": "refresh_token"}, auth=("a", "b"))
    assert [answer.json()["error"] for answer in (as_json, large)] == ["invalid_request", "invalid_request"]
    assert (secret.status_code, secret.json()["error"]) == (401, "invalid_client")
