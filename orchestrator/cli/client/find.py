"""Finds what a person names by its name or its id. Used by the client commands.

Two things of one name are not guessed between: the error lists their ids.
"""

import json
import sys
from typing import Annotated, Any
from uuid import UUID

import typer

from orchestrator.cli.client.api import Api
from orchestrator.core.errors import InvalidInput, NotFound

Limit = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]
Offset = Annotated[int, typer.Option(min=0, help="How many to skip.")]
InputJson = Annotated[
    str, typer.Option("--input", "-i", help="Input as a JSON object; @FILE reads it, - is standard input.")
]
ProjectName = Annotated[str, typer.Option("--project", "-p", help="The project, by name or id.")]


async def project_id(api: Api, wanted: str) -> str:
    """The id of the project meant."""
    return await _find(api, "/projects", wanted, key="project_id", what="project")


async def optional_project(api: Api, wanted: str) -> str | None:
    """The id of the project meant, if one is."""
    return await project_id(api, wanted) if wanted else None


async def server_id(api: Api, wanted: str) -> str:
    """The id of the MCP server meant."""
    return await _find(api, "/mcps", wanted, key="id", what="MCP server")


async def agent_id(api: Api, wanted: str) -> str:
    """The id of the agent meant; ``lint-fix`` and ``Lint fix`` mean ``agent:lint-fix``."""
    return wanted if wanted.startswith("agent:") else await _find(api, "/agents", wanted, key="id", what="agent")


async def _find(api: Api, path: str, wanted: str, *, key: str, what: str) -> str:
    if _is_id(wanted):
        return wanted
    fitting = [
        str(item[key]) async for item in api.every(path) if wanted in (item["name"], str(item[key]).partition(":")[2])
    ]
    if not fitting:
        raise NotFound(f"There is no {what} named {wanted!r}.")
    if len(fitting) > 1:
        raise InvalidInput(f"{len(fitting)} are named {wanted!r}.", hint=f"Name one by its id: {', '.join(fitting)}")
    return fitting[0]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def json_object(text: str, name: str = "--input") -> dict[str, Any]:
    """A JSON object given as text, as ``@file`` or through standard input."""
    if not text:
        return {}
    try:
        value = json.loads(_given(text))
    except OSError as error:
        raise InvalidInput(f"{name}: {text[1:]} cannot be read: {error.strerror}.", field=name) from error
    except ValueError as error:
        raise InvalidInput(f"{name} is no JSON: {error}", field=name, hint="""As: '{"pattern": "*.py"}'""") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} must be a JSON object.", field=name)
    return value


def _given(text: str) -> str:
    if text == "-":
        return sys.stdin.read()
    if text.startswith("@"):
        with open(text[1:], encoding="utf-8") as file:
            return file.read()
    return text
