"""Connecting to a server that wants OAuth: per user or shared, as whom, renewed, widened, ended."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import update

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import CredentialsNeeded, Forbidden, InvalidInput, NotConfigured
from orchestrator.models import McpConnection
from orchestrator.services.mcp_connect import tag_of
from tests.fakes.authorization import FakeAuthorization
from tests.mcp_door.conftest import make_caller
from tests.upstream.oauth.conftest import call, log_in, register, visit
from tests.upstream.protected import Protected


async def test_a_call_before_the_log_in_fails_at_once_with_the_address_to_open(
    container: Container, ada: Caller, protected: Protected
) -> None:
    entry = await register(container, ada, protected)
    with pytest.raises(CredentialsNeeded) as needed:
        await call(container, ada, entry)
    url = f"http://testserver/api/v1/mcps/{entry.id}/connect"
    assert needed.value.details == {"server_id": str(entry.id), "url": url}
    assert url in needed.value.message


async def test_each_user_logs_in_and_calls_as_themselves(
    container: Container, ada: Caller, bob: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await register(container, ada, protected)
    for caller, name in ((ada, "ada"), (bob, "bob")):
        place.login_as = name
        seen = await log_in(container, caller, entry)
        assert f"of_{name}" in [tool.name for tool in seen.tools]
    assert await call(container, ada, entry) == "whoami by ada"
    assert await call(container, bob, entry) == "whoami by bob"
    base = next(one for one in await container.registry.all() if one.id == entry.id)
    assert base.tools == ()
    asked = parse_qs(urlsplit((await container.connect.begin(ada, entry.id))[0]).query)
    assert asked["resource"] == [protected.url]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["read"]


async def test_a_shared_connection_serves_all_and_is_made_by_who_may_write_the_entry(
    container: Container, ada: Caller, bob: Caller, protected: Protected
) -> None:
    entry = await register(container, ada, protected, mode="shared")
    with pytest.raises(Forbidden):
        await container.connect.begin(bob, entry.id)
    with pytest.raises(CredentialsNeeded, match="somebody who may change"):
        await call(container, bob, entry)
    await log_in(container, ada, entry)
    assert await call(container, bob, entry) == "whoami by ada"
    assert container.pool.state(entry.id).starts == 1


async def test_tokens_rest_sealed_and_are_never_told(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization, settings: Settings
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    with psycopg.connect(settings.database_url) as connection:
        stored = str(connection.execute("SELECT * FROM mcp_connections").fetchall())
        stored += str(connection.execute("SELECT * FROM upstream_clients").fetchall())
    for secret in (*place.tokens, *place.refreshing):
        assert secret not in stored
        assert secret not in repr(await container.registry.definition(entry, ada.user_id))
        assert secret not in repr(await container.connect.status(ada, entry.id))


async def test_an_expired_token_is_renewed_and_the_session_stays(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    assert await call(container, ada, entry) == "whoami by ada"
    place.expire()
    assert await call(container, ada, entry) == "whoami by ada"
    assert container.pool.state(entry.id, str(ada.user_id)).starts == 1
    async with container.database.transaction() as connection:
        soon = datetime.now(UTC) + timedelta(seconds=5)
        await connection.execute(update(McpConnection).values(expires_at=soon))
    container.registry.connections.forget()
    old = set(place.tokens)
    assert await call(container, ada, entry) == "whoami by ada"
    assert set(place.tokens) - old
    assert len(place.asked("/token")) == 3


async def test_one_renewal_at_a_time_across_processes(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization, settings: Settings
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    other = build_container(settings)
    try:
        for one in (container, other):
            assert await call(one, ada, entry) == "whoami by ada"
        place.expire()
        calls = [call(one, ada, entry) for one in (container, other) for _ in range(5)]
        assert await asyncio.gather(*calls) == ["whoami by ada"] * 10
    finally:
        await other.close()
    assert len(place.asked("/token")) == 2


async def test_a_claim_of_a_process_that_died_ends_by_itself(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    async with container.database.transaction() as connection:
        until = datetime.now(UTC) + timedelta(seconds=1)
        await connection.execute(update(McpConnection).values(claim=entry.id, claimed_until=until))
    place.expire()
    assert await call(container, ada, entry) == "whoami by ada"


async def test_a_refused_refresh_token_asks_for_a_log_in_and_nothing_else_is_tried(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    place.expire()
    place.refreshing.clear()
    for _ in range(2):
        with pytest.raises(CredentialsNeeded, match="log in at"):
            await call(container, ada, entry)
    assert len(place.asked("/token")) == 2
    _, found = await container.connect.status(ada, entry.id)
    assert found is not None
    assert found.status == "needs_login"
    await log_in(container, ada, entry)
    assert await call(container, ada, entry) == "whoami by ada"


async def test_a_scope_that_is_missing_is_asked_for_together_with_those_before(
    container: Container, ada: Caller, protected: Protected
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    with pytest.raises(CredentialsNeeded, match=r"needs consent: log in at .* and allow write"):
        await call(container, ada, entry, "write")
    url, _ = await container.connect.begin(ada, entry.id)
    assert parse_qs(urlsplit(url).query)["scope"] == ["read write"]
    await log_in(container, ada, entry)
    assert await call(container, ada, entry, "write") == "write by ada"


async def test_disconnecting_revokes_and_forgets(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    entry = await log_in(container, ada, await register(container, ada, protected))
    refresh = next(iter(place.refreshing))
    await container.connect.disconnect(ada, entry.id)
    assert place.revoked == [refresh]
    assert container.pool.state(entry.id, str(ada.user_id)).status == "idle"
    assert (await container.registry.get(ada, entry.id)).tools == ()
    with pytest.raises(CredentialsNeeded):
        await call(container, ada, entry)


async def test_we_introduce_ourselves_by_document_where_we_can_be_read(
    settings: Settings, protected: Protected, place: FakeAuthorization
) -> None:
    container = build_container(settings.model_copy(update={"public_url": "https://orchestrator.example"}))
    place.takes_documents = True
    place.documents = lambda url: container.connect.document(url.rpartition("/")[2])
    try:
        ada = await make_caller(container)
        entry = await log_in(container, ada, await register(container, ada, protected))
        assert await call(container, ada, entry) == "whoami by ada"
        _, found = await container.connect.status(ada, entry.id)
    finally:
        await container.close()
    assert found is not None
    assert found.client_id.startswith("https://orchestrator.example/.well-known/mcp-client/")
    assert place.asked("/register") == []


async def test_a_document_about_us_that_is_published_elsewhere_is_named_by_the_entry(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    address = "https://about.example/orchestrator.json"
    back = f"http://testserver/api/v1/mcps/callback/{tag_of(place.url)}"
    place.documents = lambda url: {"client_id": address, "redirect_uris": [back]}
    with pytest.raises(InvalidInput, match="has no secret"):
        await register(container, ada, protected, client_id=address, client_secret="s3cret")
    entry = await register(container, ada, protected, client_id=address)
    await container.connect.begin(ada, entry.id)
    assert len(place.asked("/register")) == 1, "where documents are not read, we register"
    place.takes_documents = True
    await log_in(container, ada, entry)
    assert await call(container, ada, entry) == "whoami by ada"
    _, found = await container.connect.status(ada, entry.id)
    assert found is not None
    assert found.client_id == address
    assert len(place.asked("/register")) == 1


async def test_we_register_once_for_all_users_where_documents_are_not_read(
    container: Container, ada: Caller, bob: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    place.methods = ["client_secret_basic"]
    entry = await register(container, ada, protected)
    for caller in (ada, bob):
        await log_in(container, caller, entry)
        assert await call(container, caller, entry) == "whoami by ada"
    (asked,) = place.asked("/register")
    assert asked.json()["application_type"] == "web"


async def test_a_client_registered_by_hand_is_used_with_its_secret(
    container: Container, ada: Caller, protected: Protected, place: FakeAuthorization
) -> None:
    place.registers = False
    entry = await register(container, ada, protected)
    with pytest.raises(NotConfigured) as needed:
        await container.connect.begin(ada, entry.id)
    redirect_uri = str(needed.value.hint).partition("redirect URI ")[2].partition(",")[0]
    place.add_client("by-hand", "s3cret", redirect_uri)
    oauth = {"mode": "per_user", "client_id": "by-hand", "client_secret": "s3cret", "issuer": place.url}
    entry = await container.registry.change(ada, entry.id, {"oauth": oauth})
    assert "s3cret" not in repr(entry.oauth)
    await log_in(container, ada, entry)
    assert await call(container, ada, entry) == "whoami by ada"
    url, _ = await container.connect.begin(ada, entry.id)
    assert (await visit(url))[1]["iss"] == place.url
