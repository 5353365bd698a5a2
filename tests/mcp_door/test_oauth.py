"""Programs log in through the browser: discovery, registration, consent, tokens, and their end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from orchestrator.api.mcp_tools import OWN_TOOLS
from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller, Scope
from orchestrator.services.authorization_requests import SCOPE_WORDS
from tests.mcp_door.browser import (
    DocumentHost,
    Memory,
    Person,
    Program,
    answer_in,
    document_host,
    log_in,
    official,
    register,
    registered,
)
from tests.mcp_door.conftest import Service, serving
from tests.mcp_door.test_access import INITIALIZE, READING, post

ALL = " ".join(sorted(SCOPE_WORDS))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A service whose clients may keep their documents on loopback."""
    return settings.model_copy(update={"allow_private_client_documents": True})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with document_host(tmp_path) as host:
        monkeypatch.setenv("SSL_CERT_FILE", str(host.trusted))
        yield host


@pytest.fixture
async def person(service: Service, ada: Caller) -> AsyncIterator[Person]:
    person = await log_in(service, ada)
    yield person
    await person.browser.aclose()


@asynccontextmanager
async def connected(service: Service, auth: httpx2.Auth, era: str, path: str = "/mcp") -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(auth=auth, timeout=30) as http:
        transport = streamable_http_client(f"{service.url}{path}", http_client=http)
        async with Client(transport, mode=era) as client:
            yield client


async def test_the_official_client_registers_logs_in_and_calls(service: Service, person: Person, era: str) -> None:
    memory = Memory()
    async with connected(service, official(f"{service.url}/mcp", person, memory), era) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("diagnostics__echo", {"a": 1})
    assert answer.structured_content == {"a": 1}
    assert {name for name, tool in OWN_TOOLS.items() if not tool.for_agents} <= names
    assert memory.tokens is not None
    assert memory.tokens.scope == ALL
    assert memory.client is not None
    assert memory.client.issuer == service.url


async def test_the_official_client_is_known_by_its_document(
    service: Service, person: Person, host: DocumentHost, era: str
) -> None:
    memory = Memory()
    auth = official(f"{service.url}/mcp", person, memory, document=host.client_id)
    async with connected(service, auth, era) as client:
        assert (await client.call_tool("diagnostics__echo", {"a": 2})).structured_content == {"a": 2}
    assert memory.client is not None
    assert memory.client.client_id == host.client_id
    (application,) = (await person.browser.get("/api/v1/user/applications")).json()["items"]
    assert (application["name"], application["host"]) == ("Claude Code", host.client_id.split("/")[2])


async def test_it_renews_an_expired_token_by_itself(service: Service, person: Person, era: str) -> None:
    memory = Memory()
    auth = official(f"{service.url}/mcp", person, memory)
    async with connected(service, auth, era) as client:
        assert memory.tokens is not None
        first = memory.tokens
        auth.context.token_expiry_time = 1.0
        assert (await client.call_tool("diagnostics__echo", {"a": 3})).structured_content == {"a": 3}
    assert memory.tokens.refresh_token != first.refresh_token


async def test_an_endpoint_of_ones_own_is_logged_in_to_by_its_own_address(
    service: Service, container: Container, ada: Caller, person: Person, era: str
) -> None:
    await container.endpoints.create(ada, {"name": "reading", "tools": ["diagnostics__*"], "own_tools": False})
    memory = Memory()
    auth = official(f"{service.url}/mcp/reading", person, memory)
    async with connected(service, auth, era, "/mcp/reading") as client:
        assert {tool.name.partition("__")[0] for tool in (await client.list_tools()).tools} == {"diagnostics"}
    assert memory.tokens is not None
    elsewhere = await post(service, token=memory.tokens.access_token)
    assert elsewhere.status_code == 401
    assert 'error="invalid_token"' in elsewhere.headers["www-authenticate"]


async def test_who_is_refused_learns_where_to_log_in(service: Service) -> None:
    for path in ("/mcp", "/mcp/reading"):
        answer = await post(service, path=path)
        told = answer.headers["www-authenticate"]
        address = f"{service.url}/.well-known/oauth-protected-resource{path}"
        assert answer.status_code == 401
        assert told == f'Bearer resource_metadata="{address}", scope="{ALL}"'
        async with httpx.AsyncClient() as client:
            resource = (await client.get(address)).json()
            (issuer,) = resource["authorization_servers"]
            server = (await client.get(f"{issuer}/.well-known/oauth-authorization-server")).json()
        assert resource["resource"] == service.url + path
        assert server["issuer"] == issuer == service.url
        assert server["code_challenge_methods_supported"] == ["S256"]
        assert server["client_id_metadata_document_supported"]
        assert server["authorization_response_iss_parameter_supported"]


async def test_a_service_that_reads_no_documents_of_clients_says_so(settings: Settings) -> None:
    without = settings.model_copy(update={"read_client_documents": False})
    async with serving(without) as service, httpx.AsyncClient(base_url=service.url) as client:
        said = (await client.get("/.well-known/oauth-authorization-server")).json()
    assert said["client_id_metadata_document_supported"] is False


METADATA = (
    "/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/mcp",
    "/.well-known/oauth-authorization-server/mcp/reading", "/.well-known/openid-configuration",
    "/.well-known/openid-configuration/mcp", "/mcp/.well-known/openid-configuration",
    "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp",
)  # fmt: skip


async def test_metadata_is_where_any_client_looks_and_any_page_may_read_it(service: Service) -> None:
    for path in METADATA:
        async with httpx.AsyncClient(base_url=service.url) as client:
            answer = await client.get(path, headers={"Origin": "http://localhost:6274"})
            preflight = await client.options(path, headers={"Origin": "http://localhost:6274"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == preflight.headers["access-control-allow-origin"] == "*"
        said = answer.json()
        assert service.url in (said.get("issuer"), *said.get("authorization_servers", ()))


async def test_a_client_meets_the_name_it_was_given_and_no_made_up_one(service: Service) -> None:
    port = service.url.rpartition(":")[2]
    path = "/.well-known/oauth-protected-resource/mcp"
    async with httpx.AsyncClient(base_url=service.url) as client:
        local = await client.get(path, headers={"Host": f"localhost:{port}"})
        evil = await client.get(path, headers={"Host": "evil.example"})
    assert local.json()["resource"] == f"http://localhost:{port}/mcp"
    assert evil.status_code == 403


async def test_scopes_of_applications_are_those_of_the_endpoint() -> None:
    assert set(SCOPE_WORDS) == {tool.scope for tool in OWN_TOOLS.values()} | {Scope.MCPS_EXECUTE}


async def test_a_token_for_the_endpoint_opens_no_other_door(service: Service, person: Person) -> None:
    program = await registered(service)
    token = (await program.connect(person))["access_token"]
    assert (await post(service, token=token)).status_code == 200
    async with httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {token}"}) as client:
        for path in ("/api/v1/user/profile", "/api/v1/tasks", "/api/v1/mcps", "/api/v1/user/applications"):
            assert (await client.get(path)).status_code == 401


async def test_a_scope_that_is_missing_is_asked_for_and_then_given(service: Service, person: Person, era: str) -> None:
    program = await registered(service)
    memory = Memory()
    auth = official(f"{service.url}/mcp", person, memory)
    narrow = await program.connect(person, scope="tasks:read")
    refused = await post(
        service, _call("create_task", id=7), token=narrow["access_token"], Mcp_Protocol_Version="2025-11-25"
    )
    assert refused.status_code == 403
    told = refused.headers["www-authenticate"]
    assert told.startswith('Bearer error="insufficient_scope", scope="tasks:write", resource_metadata="http')
    assert (refused.json()["id"], refused.json()["error"]["code"]) == (7, -32010)
    memory.tokens = OAuthToken.model_validate(narrow)
    memory.client = OAuthClientInformationFull(client_id=program.client_id, token_endpoint_auth_method="none")
    async with connected(service, auth, era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == READING
        assert (await client.call_tool("diagnostics__echo", {"a": 4})).structured_content == {"a": 4}
    assert set((memory.tokens.scope or "").split()) == {"mcps:execute", "tasks:read"}


async def test_a_narrow_application_reads_no_resources_either(service: Service, person: Person) -> None:
    token = (await (await registered(service)).connect(person, scope="tasks:read"))["access_token"]
    read = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "x:y"}}
    answer = await post(service, read, token=token)
    assert answer.status_code == 403
    assert 'scope="mcps:execute"' in answer.headers["www-authenticate"]


async def test_the_person_sees_and_ends_what_is_connected(service: Service, person: Person) -> None:
    program = await registered(service, name="Some Editor")
    token = (await program.connect(person))["access_token"]
    await program.connect(person, scope="kg:read")
    (item,) = (await person.browser.get("/api/v1/user/applications")).json()["items"]
    assert (item["name"], item["host"], item["connections"]) == ("Some Editor", "127.0.0.1", 2)
    path = f"/api/v1/user/applications/{item['id']}"
    assert (await person.browser.delete(path)).status_code == 403  # without the session's CSRF token
    assert (await person.browser.delete(path, headers=person.csrf)).status_code == 204
    assert (await post(service, token=token)).status_code == 401
    assert (await person.browser.get("/api/v1/user/applications")).json()["items"] == []
    assert (await person.browser.delete(path, headers=person.csrf)).status_code == 404


async def test_a_program_ends_its_own_grant_and_no_other(service: Service, person: Person) -> None:
    program, other = await registered(service), await registered(service)
    tokens = await program.connect(person)
    stolen = await other.post("/oauth/revoke", {"token": tokens["refresh_token"], "client_id": other.client_id})
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    for token in ("nonsense", tokens["access_token"]):
        ended = await program.post("/oauth/revoke", {"token": token, "client_id": program.client_id})
        assert ended.status_code == 200
    assert (await post(service, token=tokens["access_token"])).status_code == 401
    assert (await program.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_remembered_consent_is_not_asked_again_for_the_same_only(service: Service, person: Person) -> None:
    program = await registered(service, "https://editor.example/back")
    await person.decide(await program.ask(person, scope="kg:read tasks:read"), remember=True)
    again = await program.ask(person, scope="kg:read")
    assert again.status_code == 302
    assert (await program.redeem(answer_in(again.headers["location"])["code"])).status_code == 200
    assert (await program.ask(person, scope="kg:read tasks:write")).status_code == 303
    assert (await program.ask(person, scope="kg:read", resource=f"{service.url}/mcp/reading")).status_code == 303
    assert (await program.ask(person, scope="kg:read", prompt="consent")).status_code == 303
    (item,) = (await person.browser.get("/api/v1/user/applications")).json()["items"]
    assert item["remembered"]
    await person.browser.delete(f"/api/v1/user/applications/{item['id']}", headers=person.csrf)
    assert (await program.ask(person, scope="kg:read")).status_code == 303


async def test_who_says_no_tells_the_program_so(service: Service, person: Person) -> None:
    program = await registered(service)
    target = await person.decide(await program.ask(person), approve=False)
    answer = answer_in(target)
    assert target.startswith(program.redirect_uri + "?")
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "s&1", service.url)


async def test_the_consent_says_who_asks_for_what(service: Service, person: Person, host: DocumentHost) -> None:
    asking = await Program(service, host.client_id).ask(person, scope="tasks:write unknown:scope")
    path = asking.headers["location"].replace("/connect/", "/api/v1/user/applications/requests/")
    asked = (await person.browser.get(path)).json()
    assert asked["name"] == "Claude Code"
    assert asked["vouched"]
    assert (asked["way_back"], asked["local"]) == ("127.0.0.1", True)
    assert [scope["scope"] for scope in asked["scopes"]] == ["tasks:write"]
    assert asked["endpoint"] == f"{service.url}/mcp"


KNOWN_WAYS_BACK = (
    (["http://localhost/callback", "http://127.0.0.1/callback"], "http://localhost:55611/callback"),
    (["https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"], "http://127.0.0.1:59656/"),
    (["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect"], "https://vscode.dev/redirect"),
    (["http://127.0.0.1:33418"], "http://127.0.0.1:33418/"),
    (
        [
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "odd-scheme:x",
        ],
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ),
    (["http://localhost:6274/oauth/callback"], "http://localhost:6274/oauth/callback"),
    (["http://localhost:6274/oauth/callback/debug"], "http://localhost:6274/oauth/callback/debug"),
)
"""Claude Code, VS Code, VS Code on the web, VS Code without a slash, Cursor, the Inspector and its debugger."""


async def test_the_ways_back_of_known_programs_work(service: Service, person: Person) -> None:
    for registered_uris, used in KNOWN_WAYS_BACK:
        answer = await register(
            service, redirect_uris=registered_uris, client_name="x", token_endpoint_auth_method="client_secret_post",
            grant_types=["authorization_code", "refresh_token"], response_types=["code"], application_type="native",
        )  # fmt: skip
        assert answer.json()["token_endpoint_auth_method"] == "none"
        assert "odd-scheme:x" not in answer.json()["redirect_uris"]
        program = Program(service, answer.json()["client_id"], used)
        target = await person.decide(await program.ask(person, resource=None))
        assert target.startswith(used)
        assert (await program.redeem(answer_in(target)["code"])).status_code == 200


async def test_a_program_that_wants_no_refresh_token_gets_none(service: Service, person: Person) -> None:
    program = await registered(service, grant_types=["authorization_code"])
    tokens = await program.connect(person)
    assert "refresh_token" not in tokens
    assert (await post(service, token=tokens["access_token"])).status_code == 200


async def test_access_tokens_and_personal_tokens_open_the_door_as_before(
    service: Service, container: Container, ada: Caller, token: str
) -> None:
    for bearer in (token, container.tokens.issue_access(ada.user_id, ada.session_id)):  # type: ignore[arg-type]
        assert (await post(service, INITIALIZE, token=bearer)).status_code == 200


def _call(name: str, *, id: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {}}}
