"""Rotating the encryption key: every place of a secret is known, and all secrets outlive the old key."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import insert, select

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.errors import NotConfigured
from orchestrator.core.ids import new_id
from orchestrator.core.secretbox import SecretBox
from orchestrator.models import Base, CustomAgent, Identity, McpConnection, McpCredential, UpstreamClient
from orchestrator.services import secrets_at_rest
from orchestrator.services.secrets_at_rest import SEALED, SecretsAtRest
from tests.mcp_door.conftest import make_caller

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
async def container(settings: Settings, fresh_database_url: str) -> AsyncIterator[Container]:
    update = {"encryption_keys": SecretStr(OLD), "database_url": fresh_database_url}
    made = build_container(settings.model_copy(update=update))
    yield made
    await made.close()


def test_every_column_that_holds_a_sealed_secret_is_in_the_list() -> None:
    columns = {f"{table.name}.{column.name}" for table in Base.metadata.tables.values() for column in table.columns}
    named = {place.name for place in SEALED if place.inside is None}
    assert named == {name for name in columns if name.endswith("_encrypted")}


def test_whatever_seals_a_secret_is_known_here() -> None:
    """A new place for secrets has to be thought of in the list, or be short-lived as a cookie is."""
    found = set()
    for path in (Path(secrets_at_rest.__file__).parents[1]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "encrypt" and "secretbox" in ast.unparse(node.value):
                found.add(path.stem)
    assert found == {
        "agent_service",
        "authorization_requests",
        "entry_rows",
        "flow_cookie",
        "mcp_connect",
        "mcp_connections",
        "mcp_credentials",
        "oauth",
    }


async def _filled(container: Container, count: int) -> None:
    """A secret in every place; many in one, so that there is more than one batch."""
    ada = await make_caller(container)
    seal = container.secretbox.encrypt
    values = {"name": "s", "transport": "streamable_http", "url": "http://127.0.0.1:1/mcp",
              "headers": {"X-Key": "in-server"}}  # fmt: skip
    server = await container.registry.create(ada, values)
    one = {"env": {}, "headers": {}}
    async with container.database.transaction() as connection:
        for table, row in (
            (Identity, {"user_id": ada.user_id, "provider": "github", "subject": "1", "scopes": [],
                        "access_token_encrypted": seal("a"), "refresh_token_encrypted": seal("r")}),
            (McpCredential, {"user_id": ada.user_id, "server_id": server.id,
                             "secrets_encrypted": seal(json.dumps(one))}),
            (McpConnection, {"server_id": server.id, "issuer": "i", "resource": "r", "client_id": "c",
                             "auth_method": "none", "token_endpoint": "t", "secrets_encrypted": seal("{}")}),
            (CustomAgent, {"owner_id": ada.user_id, "name": "a", "kind": "llm",
                           "config": {"kept": 1, "api_key_encrypted": seal("k")}}),
            (CustomAgent, {"owner_id": ada.user_id, "name": "b", "kind": "llm", "config": {"kept": 2}}),
        ):  # fmt: skip
            await connection.execute(insert(table).values(id=new_id(), **row))
        many = [
            {"id": new_id(), "issuer": f"i{number}", "redirect_uri": "r", "client_id": "c", "auth_method": "none",
             "client_secret_encrypted": seal("c")}
            for number in range(count)
        ]  # fmt: skip
        await connection.execute(insert(UpstreamClient), many)


async def _sealed(container: Container) -> list[Any]:
    found = []
    async with container.database.transaction() as connection:
        for place in SEALED:
            table = place.table.__table__
            held = (await connection.execute(select(table.c[place.column]))).scalars()
            found += [one.get(place.inside) if place.inside else one for one in held]
    return [one for one in found if one]


async def test_secrets_are_sealed_anew_in_batches_and_outlive_the_old_key(container: Container) -> None:
    await _filled(container, 450)
    rotated = await SecretsAtRest(container.database, SecretBox([NEW, OLD])).rotate()
    sealed = await _sealed(container)
    assert rotated == len(sealed) == 456
    newest = SecretBox([NEW])
    assert all(newest.decrypt(one) for one in sealed)
    with pytest.raises(NotConfigured):
        container.secretbox.decrypt(sealed[0])


async def test_the_command_does_it_and_the_service_runs_on_with_the_new_key_alone(
    container: Container, settings: Settings
) -> None:
    await _filled(container, 1)
    url = container.settings.database_url
    environment = os.environ | {"DATABASE_URL": url, "ENCRYPTION_KEYS": f"{NEW},{OLD}"}
    command = [sys.executable, "-m", "orchestrator", "rotate-keys"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "7 secrets are sealed" in done.stdout
    update = {"encryption_keys": SecretStr(NEW), "database_url": url}
    later = build_container(settings.model_copy(update=update))
    try:
        entry = next(one for one in await later.registry.all() if one.name == "s")
        assert (await later.registry.definition(entry)).headers == {"X-Key": "in-server"}
    finally:
        await later.close()


def test_without_a_key_to_rotate_to_the_setting_is_named(tmp_path: Path) -> None:
    environment = os.environ | {"DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "orchestrator", "rotate-keys"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "ENCRYPTION_KEYS" in done.stderr
