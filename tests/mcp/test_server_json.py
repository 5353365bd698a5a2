"""The official registry's ``server.json`` (schema 2025-12-11): read with what it asks for, and written back validly."""

import json
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from orchestrator.core.errors import Conflict, InvalidInput, TooLarge
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.server_json import read_servers
from orchestrator.mcp.server_json_export import SCHEMA, export_server_json
from orchestrator.sandbox.wish import Wish


def _local(name: str, **more: Any) -> ServerDefinition:
    return ServerDefinition.build(
        id=uuid4(), name=name, transport="stdio", **{"command": "x", "sandbox": Wish(), **more}
    )


def _remote(name: str, **more: Any) -> ServerDefinition:
    made = {"transport": "streamable_http", "url": "https://example.org/mcp", **more}
    return ServerDefinition.build(id=uuid4(), name=name, **made)


def _document(**parts: Any) -> dict[str, Any]:
    about = {"$schema": SCHEMA, "name": "io.github.ada/weather", "description": "Weather.", "version": "1.0.2"}
    return about | parts


BRAVE = _document(
    packages=[
        {
            "registryType": "npm",
            "registryBaseUrl": "https://registry.npmjs.org",
            "identifier": "@modelcontextprotocol/server-brave-search",
            "version": "1.0.2",
            "transport": {"type": "stdio"},
            "environmentVariables": [
                {"name": "BRAVE_API_KEY", "description": "Brave Search API Key", "isRequired": True, "isSecret": True},
                {"name": "LOG_LEVEL", "default": "info", "choices": ["info", "debug"]},
                {"name": "PROXY"},
            ],
        }
    ]
)
CONTAINER = _document(
    packages=[
        {
            "registryType": "oci",
            "identifier": "docker.io/example/database-manager:3.1.0",
            "transport": {"type": "stdio"},
            "runtimeHint": "docker",
            "runtimeArguments": [
                {
                    "type": "named",
                    "name": "--mount",
                    "value": "type=bind,src={source_path},dst={target_path}",
                    "isRepeated": True,
                    "variables": {
                        "source_path": {"description": "Source path", "format": "filepath", "isRequired": True},
                        "target_path": {"isRequired": True, "default": "/project"},
                    },
                }
            ],
            "packageArguments": [
                {"type": "named", "name": "--host", "default": "localhost", "isRequired": True},
                {"type": "named", "name": "--port", "format": "number"},
                {"type": "named", "name": "--verbose", "format": "boolean", "default": "true"},
                {"type": "positional", "valueHint": "database_name", "isRequired": True},
            ],
            "environmentVariables": [{"name": "DB_PASSWORD", "isRequired": True, "isSecret": True}],
        }
    ]
)
TENANTS = _document(
    packages=BRAVE["packages"],
    remotes=[
        {"type": "sse", "url": "https://old.example.com/sse"},
        {
            "type": "streamable-http",
            "url": "https://{tenant}.example.com/mcp",
            "variables": {"tenant": {"description": "Your tenant", "isRequired": True, "choices": ["a", "b"]}},
            "headers": [
                {
                    "name": "Authorization",
                    "value": "Bearer {token}",
                    "variables": {"token": {"isRequired": True, "isSecret": True}},
                },
                {"name": "X-Region", "default": "eu"},
            ],
        },
    ],
)


def test_an_npm_package_is_run_by_npx_with_what_it_asks_for() -> None:
    (brave,) = read_servers(BRAVE, {"BRAVE_API_KEY": "k3y"})
    assert (brave.name, brave.description, brave.transport, brave.command) == ("weather", "Weather.", "stdio", "npx")
    assert brave.args == ("-y", "@modelcontextprotocol/server-brave-search@1.0.2")
    assert brave.env == {"BRAVE_API_KEY": "k3y", "LOG_LEVEL": "info"}
    answered = {"server": BRAVE, "_meta": {"io.modelcontextprotocol.registry/official": {"status": "active"}}}
    assert read_servers(answered, {"BRAVE_API_KEY": "k3y"}) == (brave,)


def test_a_container_gets_its_variables_by_name_and_its_arguments_in_order() -> None:
    given = {"source_path": "/data", "database_name": "shop", "DB_PASSWORD": "s3cret"}
    (made,) = read_servers(CONTAINER, given)
    assert (made.command, *made.args) == (
        "docker", "run", "-i", "--rm", "-e", "DB_PASSWORD", "--mount", "type=bind,src=/data,dst=/project",
        "docker.io/example/database-manager:3.1.0", "--host", "localhost", "--verbose", "shop",
    )  # fmt: skip
    assert made.env == {"DB_PASSWORD": "s3cret"}
    assert "--port" in read_servers(CONTAINER, given | {"port": "5432"})[0].args


def test_python_and_dotnet_packages_have_their_runners() -> None:
    def run(**package: Any) -> tuple[str, ...]:
        (made,) = read_servers(_document(packages=[{"transport": {"type": "stdio"}, **package}]))
        return (str(made.command), *made.args)

    assert run(registryType="pypi", identifier="weather-mcp", version="0.5.0") == ("uvx", "weather-mcp==0.5.0")
    arguments = [{"type": "positional", "value": "mcp"}, {"type": "positional", "value": "start"}]
    made = run(registryType="nuget", identifier="Knapcode.SampleMcpServer", version="0.5.0", packageArguments=arguments)
    assert made == ("dnx", "Knapcode.SampleMcpServer@0.5.0", "--yes", "--", "mcp", "start")


def test_a_remote_address_comes_first_and_takes_its_variables() -> None:
    (made,) = read_servers(TENANTS, {"tenant": "a", "token": "t0k"})
    assert (made.transport, made.url) == ("streamable_http", "https://a.example.com/mcp")
    assert made.headers == {"Authorization": "Bearer t0k", "X-Region": "eu"}


@pytest.mark.parametrize(
    ("document", "given", "missing"),
    [
        (BRAVE, {}, ["BRAVE_API_KEY"]),
        (CONTAINER, {"database_name": "x"}, ["DB_PASSWORD", "source_path"]),
        (TENANTS, {}, ["tenant", "token"]),
    ],
    ids=["npm", "oci", "remote"],
)
def test_missing_inputs_are_each_named(document: Any, given: dict[str, str], missing: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_servers(document, given)
    assert sorted(one["name"] for one in refused.value.details["inputs"]) == missing
    assert all(name in refused.value.message for name in missing)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"packages": []}, "remotes"),
        ({"packages": "x"}, "packages"),
        ({"packages": [3]}, "packages[0]"),
        ({"packages": [{"registryType": "mcpb", "identifier": "https://x/y.mcpb"}]}, "packages"),
        ({"packages": [{"registryType": "npm", "identifier": "x", "transport": {"type": "sse"}}]}, "packages"),
        ({"packages": [{"registryType": "npm"}]}, "packages[0].identifier"),
        ({"packages": [{"registryType": "npm", "identifier": "x", "runtimeHint": "sh"}]}, "packages[0].runtimeHint"),
        ({"remotes": [{"type": "streamable-http"}]}, "remotes[0].url"),
        ({"remotes": [{"type": "streamable-http", "url": "file:///etc/passwd"}]}, "server.json.url"),
        (
            {"packages": [{"registryType": "npm", "identifier": "x", "packageArguments": [
                {"type": "named", "name": "--key", "isSecret": True}]}]},
            "packages[0].packageArguments[0]",
        ),
        (
            {"packages": [{"registryType": "npm", "identifier": "x", "environmentVariables": [
                {"name": "A", "choices": ["1"], "default": "2"}]}]},
            "variables.A",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_registered_names_its_place(parts: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_servers(_document(**parts))
    assert refused.value.field == field


_INPUT = {
    "type": "object",
    "properties": {
        "value": {"type": "string"},
        "default": {"type": "string"},
        "isRequired": {"type": "boolean"},
        "isSecret": {"type": "boolean"},
        "variables": {"type": "object", "additionalProperties": {"$ref": "#/$defs/input"}},
    },
}
_SHAPE = {
    "$defs": {
        "input": _INPUT,
        "named": {"allOf": [{"$ref": "#/$defs/input"}], "required": ["name"]},
        "argument": {
            "allOf": [{"$ref": "#/$defs/input"}],
            "required": ["type"],
            "oneOf": [
                {"properties": {"type": {"const": "positional"}}, "anyOf": [{"required": ["value"]}]},
                {"properties": {"type": {"const": "named"}}, "required": ["name"]},
            ],
        },
    },
    "type": "object",
    "required": ["$schema", "name", "description", "version"],
    "properties": {
        "name": {"pattern": r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "minLength": 3, "maxLength": 200},
        "description": {"minLength": 1, "maxLength": 100},
        "version": {"type": "string", "maxLength": 255, "not": {"const": "latest"}},
        "packages": {
            "items": {
                "required": ["registryType", "identifier", "transport"],
                "properties": {
                    "version": {"minLength": 1, "not": {"const": "latest"}},
                    "transport": {"properties": {"type": {"enum": ["stdio"]}}, "required": ["type"]},
                    "runtimeArguments": {"items": {"$ref": "#/$defs/argument"}},
                    "packageArguments": {"items": {"$ref": "#/$defs/argument"}},
                    "environmentVariables": {"items": {"$ref": "#/$defs/named"}},
                },
            }
        },
        "remotes": {
            "items": {
                "required": ["type", "url"],
                "properties": {
                    "type": {"enum": ["streamable-http", "sse"]},
                    "url": {"pattern": r"^(https?://[^\s]+|\{[a-zA-Z_][a-zA-Z0-9_]*\}[^\s]*)$"},
                    "headers": {"items": {"$ref": "#/$defs/named"}},
                },
            }
        },
    },
}
"""What the published schema demands of the parts written here, in our words."""


@pytest.mark.parametrize(
    ("definition", "given"),
    [
        (_local("a", command="npx", args=("-y", "@scope/pkg@1.2.3", "--flag", "v"), env={"K": "s3cret"}),
         {"K": "s3cret"}),
        (_local("b", command="/usr/bin/uvx", args=("weather==0.5.0",)), {}),
        (_local("c", command="docker", args=("run", "-i", "--rm", "-e", "K", "ghcr.io/x/y:1"), env={"K": "v"}),
         {"K": "v"}),
        (_local("d", command="dnx", args=("A.B@1.0.0", "--yes", "--", "mcp")), {}),
        (_remote("e", headers={"Authorization": "Bearer s3cret", "X-Key": "s3cret"}),
         {"credentials": "s3cret", "X-Key": "s3cret"}),
        (_remote("f", transport="sse"), {}),
    ],
    ids=["npm", "pypi", "oci", "nuget", "http", "sse"],
)  # fmt: skip
def test_an_exported_server_json_is_valid_and_reads_back_the_same(
    definition: ServerDefinition, given: dict[str, str]
) -> None:
    document = export_server_json(definition, namespace="io.github.ada", version="2.0.0")
    Draft202012Validator(_SHAPE).validate(document)
    assert "s3cret" not in json.dumps(document)
    assert (document["name"], document["version"]) == (f"io.github.ada/{definition.name}", "2.0.0")
    (again,) = read_servers(document, given)
    program = str(definition.command).rpartition("/")[2] if definition.command else None
    assert (again.transport, again.command, again.args) == (definition.transport, program, definition.args)
    assert (again.url, again.env, again.headers) == (definition.url, definition.env, definition.headers)


@pytest.mark.parametrize("command", ["python", "./run.sh"])
def test_what_is_no_package_is_refused(command: str) -> None:
    with pytest.raises(Conflict):
        export_server_json(_local("a", command=command, args=("-m", "x")), namespace="local.x")


_TOKEN = {"description": "A token from your profile", "isRequired": True, "isSecret": True}
_CAME = [
    _document(
        title="Weather", websiteUrl="https://example.org", icons=[{"src": "https://example.org/i.png"}],
        repository={"url": "https://github.com/ada/weather", "source": "github"},
        remotes=[{
            "type": "streamable-http",
            "url": "https://example.org/mcp",
            "headers": [
                {"name": "Authorization", "value": "Bearer {token}!", "variables": {"token": _TOKEN}},
                {"name": "X-Region", "description": "Where", "choices": ["eu", "us"], "default": "eu"},
                {"name": "X-Trace", "description": "Nobody has to give it", "placeholder": "abc"},
            ],
        }],
    ),
    _document(packages=[BRAVE["packages"][0] | {"runtimeHint": "npx", "runtimeArguments": [
        {"type": "positional", "value": "-y"}
    ]}]),
]  # fmt: skip


@pytest.mark.parametrize("document", _CAME, ids=["remote", "package"])
def test_a_server_json_that_came_in_goes_out_the_same_but_for_values(document: dict[str, Any]) -> None:
    given = {"token": "s3cret", "BRAVE_API_KEY": "s3cret"}
    (entry,) = read_servers(document, given)
    assert "s3cret" not in json.dumps(entry.origin)
    written = export_server_json(entry.definition(uuid4()), description=entry.description, origin=entry.origin)
    expected = json.loads(json.dumps(document))
    expected.get("packages", [{}])[0].pop("registryBaseUrl", None)  # said nowhere in the command line
    assert written == expected
    (again,) = read_servers(written, given)
    assert again == entry
    assert again.origin == entry.origin


def test_an_input_whose_value_changed_its_form_or_is_gone_is_not_told_as_it_was() -> None:
    headers = [
        {"name": "Authorization", "value": "Bearer {token}", "variables": {"token": _TOKEN}},
        {"name": "X-Fixed", "value": "s3cret", "description": "Always the same"},
        {"name": "X-Gone", "isRequired": True},
    ]
    remote = {"type": "streamable-http", "url": "https://example.org/mcp", "headers": headers}
    (entry,) = read_servers(_document(remotes=[remote]), {"token": "x", "X-Gone": "y"})
    changed = _remote(entry.name, headers={"Authorization": "Basic s3cret", "X-Fixed": "s3cret", "X-New": "s3cret"})
    written = export_server_json(changed, origin=entry.origin)
    assert "s3cret" not in json.dumps(written)
    by_name = {one["name"]: one for one in written["remotes"][0]["headers"]}
    assert list(by_name) == ["Authorization", "X-Fixed", "X-New"]
    assert by_name["Authorization"]["value"] == "Basic {credentials}"
    told = {"name": "X-Fixed", "description": "Always the same", "isRequired": True, "isSecret": True}
    assert by_name["X-Fixed"] == told


def test_a_secret_is_no_part_of_an_address_and_what_is_kept_of_a_document_is_bounded() -> None:
    url = {"type": "sse", "url": "https://example.org/{key}", "variables": {"key": _TOKEN}}
    with pytest.raises(InvalidInput, match="not kept encrypted") as refused:
        read_servers(_document(remotes=[url]), {"key": "s3cret"})
    assert refused.value.field == "remotes[0].url"
    icons = [{"src": "x" * 70_000}]
    with pytest.raises(TooLarge):
        read_servers(_document(remotes=[{"type": "sse", "url": "https://example.org"}], icons=icons))
