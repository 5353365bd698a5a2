"""Authorization servers and metadata that lie: nothing of ours goes where it should not."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import (
    CredentialsNeeded,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    OrchestratorError,
    ServerMisbehaved,
    ServerUnreachable,
)
from orchestrator.services.mcp_connect import tag_of
from tests.fakes.authorization import FakeAuthorization
from tests.mcp_door.conftest import make_caller
from tests.upstream.oauth.conftest import call, log_in, register, visit
from tests.upstream.protected import Protected


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"issuer": "https://issuer.example"}, "another authorization server"),
        ({"token_endpoint": "http://192.0.2.1/token"}, "no https address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not what they should be"),
        ({"registration_endpoint": "ftp://127.0.0.1/"}, "not what they should be"),
        ({"revocation_endpoint": "http://169.254.169.254/"}, "no https address"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"scopes_supported": ["x" * 300_000]}, "larger than"),
    ],
)
async def test_metadata_that_lie_are_refused_before_anything_is_sent(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization, told: dict[str, Any], why: str
) -> None:
    place.overrides = told
    entry = await register(container, ada, protected)
    with pytest.raises(ServerMisbehaved, match=why):
        await container.connect.begin(ada, entry.id)
    assert place.asked("/register") == []


async def test_metadata_about_another_resource_are_refused(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    protected.described = {"resource": "https://bank.example/mcp", "authorization_servers": [place.url]}
    entry = await register(container, ada, protected)
    with pytest.raises(ServerMisbehaved, match="another resource"):
        await container.connect.begin(ada, entry.id)


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/", "https://[fe80::1]/", "http://10.0.0.1:9/"])
async def test_an_authorization_server_in_forbidden_places_is_not_asked(
    container: Container, ada: Caller, protected: Protected, target: str
) -> None:
    protected.described = {"resource": protected.url, "authorization_servers": [target]}
    entry = await register(container, ada, protected)
    with pytest.raises((ServerMisbehaved, ServerUnreachable)) as refused:
        await container.connect.begin(ada, entry.id)
    assert "no https address" in refused.value.message or "never allowed" in refused.value.message


async def test_redirects_are_not_followed(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await register(container, ada, protected)
    place.fail_next(302, headers={"Location": "http://169.254.169.254/latest/"}, times=2)
    with pytest.raises(ServerMisbehaved, match="publishes no metadata"):
        await container.connect.begin(ada, entry.id)


async def test_where_private_addresses_are_forbidden_no_step_reaches_one(
    settings: Settings, protected: Protected
) -> None:
    open_one = build_container(settings)
    closed = build_container(settings.model_copy(update={"allow_private_urls": False}))
    try:
        ada = await make_caller(open_one, f"{uuid4()}@example.org")
        entry = await log_in(open_one, ada, await register(open_one, ada, protected))
        with pytest.raises(ServerUnreachable, match="not allowed here"):
            await closed.connect.begin(ada, entry.id)
        with pytest.raises(ServerUnreachable, match="not allowed here"):
            await call(closed, ada, entry)
    finally:
        await closed.close()
        await open_one.close()


async def test_an_answer_of_somebody_else_is_not_redeemed(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await register(container, ada, protected)
    url, cookie = await container.connect.begin(ada, entry.id)
    tag, answer = await visit(url)
    for changed in ({"iss": "https://evil.example"}, {"iss": None}):
        with pytest.raises(InvalidInput):
            await container.connect.finish(ada, cookie, tag, {**answer, **changed})
    for wrong_tag, wrong_cookie, given in (
        (tag_of("https://evil.example"), cookie, answer),
        (tag, cookie, {**answer, "state": "another"}),
        (tag, None, answer),
        (tag, cookie[:-8] + "AAAAAAA=", answer),
        (tag, cookie, {"state": answer["state"], "iss": place.url, "error": "access_denied"}),
    ):
        with pytest.raises(NotAuthenticated):
            await container.connect.finish(ada, wrong_cookie, wrong_tag, given)
    assert place.asked("/token") == []
    await container.connect.finish(ada, cookie, tag, answer)
    with pytest.raises(NotAuthenticated, match="invalid_grant"):
        await container.connect.finish(ada, cookie, tag, answer)


async def test_only_the_log_in_that_started_it_can_finish_it(
    container: Container, ada: Caller, bob: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await register(container, ada, protected)
    url, cookie = await container.connect.begin(ada, entry.id)
    tag, answer = await visit(url)
    with pytest.raises(Forbidden):
        await container.connect.finish(bob, cookie, tag, answer)
    assert place.asked("/token") == []


async def test_a_new_authorization_server_gets_nothing_of_the_old_one(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    place.methods = ["client_secret_post"]
    entry = await log_in(container, ada, await register(container, ada, protected))
    known = {*place.tokens, *place.refreshing, *(str(one["client_secret"]) for one in place.clients.values())}
    with FakeAuthorization() as other:
        protected.described = {"resource": protected.url, "authorization_servers": [other.url]}
        place.expire()
        place.refreshing.clear()
        with pytest.raises(CredentialsNeeded):
            await call(container, ada, entry)
        assert other.requests == []
        url, _ = await container.connect.begin(ada, entry.id)
        assert url.startswith(other.url)
        sent = "".join(f"{request.headers} {request.body!r} {request.query}" for request in other.requests)
        assert not [secret for secret in known if secret in sent + url]
        pinned = {"mode": "per_user", "issuer": place.url}
        await container.registry.change(ada, entry.id, {"oauth": pinned})
        before = len(other.requests)
        with pytest.raises(ServerMisbehaved, match="now names another authorization server"):
            await container.connect.begin(ada, entry.id)
        assert len(other.requests) == before


async def test_a_token_goes_to_the_server_alone_and_no_token_of_ours_goes_there(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    await call(container, ada, entry)
    assert set(protected.seen) <= {"", *place.tokens}
    moved = {"url": protected.url.replace("127.0.0.1", "localhost")}
    entry = await container.registry.change(ada, entry.id, moved)
    with pytest.raises(CredentialsNeeded):
        await call(container, ada, entry)


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 400_000,
        b"no json",
        {"access_token": "with\nline", "token_type": "Bearer"},
        {"access_token": "", "token_type": "Bearer"},
        {"access_token": "mac-token", "token_type": "mac"},
        {"token_type": "Bearer"},
    ],
)
async def test_an_answer_that_is_no_token_is_an_error_and_not_stored(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization, body: Any
) -> None:
    entry = await register(container, ada, protected)
    url, cookie = await container.connect.begin(ada, entry.id)
    tag, answer = await visit(url)
    place.fail_next(200, body)
    with pytest.raises(ServerMisbehaved):
        await container.connect.finish(ada, cookie, tag, answer)
    assert (await container.connect.status(ada, entry.id))[1] is None


async def test_an_authorization_server_that_hangs_costs_no_more_than_its_time(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.mcp.oauth_client._SECONDS", 0.5)
    place.rotates = False  # what was spent while nobody listened would be lost for good
    entry = await log_in(container, ada, await register(container, ada, protected))
    place.expire()
    place.hold()
    async with asyncio.timeout(20):
        with pytest.raises(OrchestratorError) as late:
            await call(container, ada, entry)
    place.release()
    assert late.value.retry
    assert await call(container, ada, entry) == "whoami by ada"


async def test_the_refusal_of_an_authorization_server_repeats_nothing_we_sent(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await register(container, ada, protected)
    url, cookie = await container.connect.begin(ada, entry.id)
    tag, answer = await visit(url)
    place.fail_next(400, {"error": f"bad code {answer['code']}", "error_description": answer["code"]})
    with pytest.raises(NotAuthenticated) as refused:
        await container.connect.finish(ada, cookie, tag, answer)
    assert answer["code"] not in str(refused.value.as_dict())
