"""The operator's mcp.json: registered for everybody at start, changed by name at the next, refused by field."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.bootstrap import Container, build_container
from orchestrator.config import Settings
from orchestrator.core.errors import InvalidInput


@pytest.fixture
async def container(settings: Settings) -> AsyncIterator[Container]:
    made = build_container(settings)
    yield made
    await made.close()


def written(path: Path, **servers: object) -> Path:
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


async def test_an_operators_file_registers_its_servers_for_everybody(container: Container, tmp_path: Path) -> None:
    file = written(tmp_path / "mcp.json", git={"command": "python", "args": ["-m", "mcp_server_git"]})
    assert await container.registry.load_file(file, {}) == 1
    entry = next(entry for entry in await container.registry.all() if entry.name == "git")
    assert (entry.owner_id, entry.transport, entry.args) == (None, "stdio", ("-m", "mcp_server_git"))


async def test_the_next_start_changes_the_entry_instead_of_doubling_it(container: Container, tmp_path: Path) -> None:
    file = written(tmp_path / "mcp.json", git={"command": "old"})
    await container.registry.load_file(file, {})
    first = next(entry for entry in await container.registry.all() if entry.name == "git")
    written(file, git={"command": "new", "env": {"TOKEN": "${GIT_TOKEN}"}})
    await container.registry.load_file(file, {"GIT_TOKEN": "s3cret"})
    entries = [entry for entry in await container.registry.all() if entry.name == "git"]
    assert [entry.id for entry in entries] == [first.id]
    definition = await container.registry.definition(entries[0])
    assert (definition.command, definition.env["TOKEN"]) == ("new", "s3cret")
    assert "s3cret" not in str(entries[0].secrets_encrypted)


async def test_a_malformed_entry_is_refused_by_its_name_and_field(container: Container, tmp_path: Path) -> None:
    file = written(tmp_path / "mcp.json", good={"command": "python"}, bad={"command": 7})
    with pytest.raises(InvalidInput) as refused:
        await container.registry.load_file(file, {})
    assert refused.value.field == "mcpServers.bad.command"
    assert not [entry for entry in await container.registry.all() if entry.name == "good"]
