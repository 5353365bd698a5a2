"""Logging in with GitHub and Hugging Face, and what attackers try with it."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from sqlalchemy import select

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.main import create_app
from orchestrator.models.accounts import Identity, User
from tests.accounts.conftest import another_client, bearer, refused, register
from tests.accounts.oauth.conftest import SigningHuggingFace, visit, walk
from tests.fakes.github import FakeGitHub

HTML = {"Accept": "text/html"}


async def test_a_browser_comes_back_logged_in_where_it_wanted_to_go(
    client: httpx.AsyncClient, github: FakeGitHub
) -> None:
    github.add_user("ada", emails=["ada@example.org"], name="Ada")
    github.oauth.login_as = "ada"
    done = await walk(client, "github", next="/projects?x=1")
    assert (done.status_code, done.headers["location"]) == (303, "/projects?x=1")
    profile = (await client.get("/user/profile")).json()
    assert (profile["email"], profile["email_verified"], profile["has_password"]) == ("ada@example.org", True, False)
    assert [identity["login"] for identity in profile["identities"]] == ["ada"]
    assert profile["csrf_token"]


async def test_an_api_client_exchanges_code_and_state_for_tokens(client: httpx.AsyncClient, github: FakeGitHub) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    start = await client.get("/auth/github/login")
    query = parse_qs(urlsplit(await visit(start.headers["location"])).query)
    body = {"code": query["code"][0], "state": query["state"][0]}
    tokens = (await client.post("/auth/github", json=body)).json()
    assert (await client.get("/user/profile", headers=bearer(tokens["access_token"]))).status_code == 200


async def test_the_same_person_gets_the_same_account_again(client: httpx.AsyncClient, github: FakeGitHub) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    await walk(client, "github")
    first = (await client.get("/user/profile")).json()["id"]
    github.users["ada"].emails.clear()
    await walk(client, "github")
    assert (await client.get("/user/profile")).json()["id"] == first


async def test_hugging_face_logs_in_by_openid_connect(
    client: httpx.AsyncClient, huggingface: SigningHuggingFace
) -> None:
    huggingface.add_user("ada", email="ada@example.org")
    huggingface.oauth.login_as = "ada"
    assert (await walk(client, "huggingface")).status_code == 303
    assert (await client.get("/user/profile")).json()["email"] == "ada@example.org"


async def test_pkce_state_and_nonce_are_sent(client: httpx.AsyncClient) -> None:
    sent = parse_qs(urlsplit((await client.get("/auth/huggingface/login")).headers["location"]).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert sent["redirect_uri"] == ["http://testserver/api/v1/auth/huggingface"]
    assert {"state", "nonce", "code_challenge"} <= set(sent)
    assert (
        "repo" not in parse_qs(urlsplit((await client.get("/auth/github/login")).headers["location"]).query)["scope"][0]
    )


@pytest.mark.parametrize("change", ["missing", "forged", "none", "other_cookie"])
async def test_a_wrong_state_or_cookie_is_refused(client: httpx.AsyncClient, github: FakeGitHub, change: str) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    start = await client.get("/auth/github/login")
    back = urlsplit(await visit(start.headers["location"]))
    query = {name: values[0] for name, values in parse_qs(back.query).items()}
    if change == "missing":
        del query["state"]
    if change == "forged":
        query["state"] = "x" * 32
    if change == "none":
        client.cookies.clear()
    if change == "other_cookie":
        client.cookies.clear()
        client.cookies.set("orc_oauth_github", Fernet(Fernet.generate_key()).encrypt(b"{}").decode())
    answer = await client.get(f"{back.path}?{urlencode(query)}")
    assert refused(answer, 401, "not_authenticated")
    assert "orc_session" not in client.cookies


async def test_another_browser_cannot_finish_a_flow(
    app: FastAPI, client: httpx.AsyncClient, github: FakeGitHub
) -> None:
    github.add_user("eve", emails=["eve@example.org"])
    github.oauth.login_as = "eve"
    back = await visit((await client.get("/auth/github/login")).headers["location"])
    async with another_client(app) as victim:
        await victim.get("/auth/github/login")
        assert refused(await victim.get(back), 401, "not_authenticated")
        assert "orc_session" not in victim.cookies


async def test_the_flow_of_one_provider_does_not_fit_the_other(client: httpx.AsyncClient, github: FakeGitHub) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    back = await visit((await client.get("/auth/github/login")).headers["location"])
    client.cookies.set("orc_oauth_huggingface", client.cookies["orc_oauth_github"], domain="testserver.local")
    assert refused(await client.get(back.replace("github", "huggingface")), 401, "not_authenticated")


async def test_a_flow_that_took_too_long_is_refused(
    client: httpx.AsyncClient, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    back = await visit((await client.get("/auth/github/login")).headers["location"])
    monkeypatch.setattr("orchestrator.services.flow_cookie.FLOW_SECONDS", -1)
    assert refused(await client.get(back), 401, "not_authenticated")


async def test_a_stolen_code_is_worthless_without_the_verifier(
    app: FastAPI, client: httpx.AsyncClient, github: FakeGitHub
) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    stolen = parse_qs(urlsplit(await visit((await client.get("/auth/github/login")).headers["location"])).query)[
        "code"
    ][0]
    async with another_client(app) as thief:
        own = parse_qs(urlsplit((await thief.get("/auth/github/login")).headers["location"]).query)["state"][0]
        answer = await thief.get("/auth/github", params={"code": stolen, "state": own})
        assert refused(answer, 401, "not_authenticated")


async def test_a_callback_works_once(client: httpx.AsyncClient, github: FakeGitHub) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    back = await visit((await client.get("/auth/github/login")).headers["location"])
    assert (await client.get(back)).status_code == 303
    assert refused(await client.get(back), 401, "not_authenticated")


async def test_an_unverified_e_mail_makes_no_account(
    client: httpx.AsyncClient, github: FakeGitHub, huggingface: SigningHuggingFace
) -> None:
    github.add_user("eve", unverified=["ada@example.org"], public_email="ada@example.org")
    huggingface.add_user("eve", email="ada@example.org", email_verified=False)
    github.oauth.login_as = huggingface.oauth.login_as = "eve"
    assert refused(await walk(client, "github"), 403, "forbidden")
    assert refused(await walk(client, "huggingface"), 403, "forbidden")


async def test_an_outside_log_in_never_takes_over_an_account_with_its_e_mail(
    app: FastAPI, client: httpx.AsyncClient, github: FakeGitHub, container: Container
) -> None:
    async with another_client(app) as owner:
        await register(owner, "Ada@example.org")
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    answer = await walk(client, "github")
    assert refused(answer, 409, "conflict")
    assert "link" in answer.json()["hint"]
    async with container.database.session() as session:
        assert (await session.scalars(select(Identity))).all() == []


async def test_whoever_registers_anothers_e_mail_first_does_not_get_their_log_in(
    app: FastAPI, client: httpx.AsyncClient, github: FakeGitHub, huggingface: SigningHuggingFace
) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    huggingface.add_user("ada", email="ada@example.org")
    github.oauth.login_as = huggingface.oauth.login_as = "ada"
    assert (await walk(client, "github")).status_code == 303
    async with another_client(app) as second:
        assert refused(await walk(second, "huggingface"), 409, "conflict")


async def test_a_refusal_at_the_provider_is_said_and_a_browser_is_led_back(
    client: httpx.AsyncClient, github: FakeGitHub
) -> None:
    github.oauth.login_as = None
    assert refused(await walk(client, "github"), 401, "not_authenticated")
    start = await client.get("/auth/github/login")
    led = await client.get(await visit(start.headers["location"]), headers=HTML)
    assert (led.status_code, led.headers["location"]) == (303, "/login?error=not_authenticated")


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a b", "x", "/%0d", "/\n"]
)
async def test_the_way_back_leads_only_into_the_console(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get("/auth/github/login", params={"next": path})
    assert answer.status_code == (302 if path == "/%0d" else 422)


async def test_a_provider_in_trouble_is_a_clear_error(client: httpx.AsyncClient, github: FakeGitHub) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    for status, body in ((500, {}), (200, []), (200, {"access_token": 7}), (200, {"token_type": "bearer"}), (429, {})):
        back = await visit((await client.get("/auth/github/login")).headers["location"])
        github.fail_next(status, body)
        assert refused(await client.get(back), 502, "provider_failed")


@pytest.mark.parametrize(
    "wrong", [{"nonce": "other"}, {"aud": "other"}, {"iss": "https://evil"}, {"sub": "x"}, {"exp": 1}]
)
async def test_an_id_token_for_another_log_in_is_refused(
    client: httpx.AsyncClient, huggingface: SigningHuggingFace, wrong: dict[str, object]
) -> None:
    huggingface.add_user("ada", email="ada@example.org")
    huggingface.oauth.login_as = "ada"
    huggingface.claims = wrong
    assert (await walk(client, "huggingface")).status_code in (401, 502)
    assert "orc_session" not in client.cookies


async def test_an_id_token_signed_by_another_is_refused(
    client: httpx.AsyncClient, huggingface: SigningHuggingFace
) -> None:
    huggingface.add_user("ada", email="ada@example.org")
    huggingface.oauth.login_as = "ada"
    huggingface.signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert refused(await walk(client, "huggingface"), 502, "provider_failed")


async def test_a_disabled_user_cannot_come_in_by_another_door(
    client: httpx.AsyncClient, github: FakeGitHub, container: Container
) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    await walk(client, "github")
    async with container.database.session() as session:
        user = (await session.scalars(select(User))).one()
        user.disabled_at = user.created_at + timedelta(seconds=1)
    assert refused(await walk(client, "github"), 403, "forbidden")


async def test_closed_registration_is_closed_for_strangers_from_elsewhere_too(
    settings: Settings, github: FakeGitHub
) -> None:
    github.add_user("eve", emails=["eve@example.org"])
    github.oauth.login_as = "eve"
    app = create_app(settings.model_copy(update={"allow_registration": False}))
    async with app.router.lifespan_context(app), another_client(app) as client:
        assert refused(await walk(client, "github"), 403, "forbidden")


async def test_a_provider_that_is_not_set_up_says_what_to_set(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"github_client_id": ""}))
    async with app.router.lifespan_context(app), another_client(app) as client:
        listed = (await client.get("/auth/providers")).json()["items"]
        answer = await client.get("/auth/github/login")
    assert [(item["name"], item["configured"]) for item in listed] == [("github", False), ("huggingface", True)]
    assert refused(answer, 503, "not_configured")
    assert "GITHUB_CLIENT_ID" in answer.json()["hint"]


async def test_a_wrong_client_secret_names_the_setting(settings: Settings, github: FakeGitHub) -> None:
    github.add_user("ada", emails=["ada@example.org"])
    github.oauth.login_as = "ada"
    github.oauth.client_secret = "changed"
    app = create_app(settings)
    async with app.router.lifespan_context(app), another_client(app) as client:
        assert refused(await walk(client, "github"), 503, "not_configured")
