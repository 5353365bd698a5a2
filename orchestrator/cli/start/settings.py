"""The settings as the commands read them: a wrong one is told in two lines that name the variable, and nothing starts.

``read_settings`` is for every command that starts a process; ``check_surroundings`` is for those that start the whole
service, and looks at what the settings point to. The database is asked by ``migrate``, which comes before the rest.
"""

import asyncio
import os
from pathlib import Path

from pydantic import ValidationError

from orchestrator.config import Settings
from orchestrator.core.errors import NotConfigured, OrchestratorError, Unavailable

_PAGE = "docs/reference/settings.md describes every setting."


def read_settings() -> Settings:
    """The settings; NotConfigured names the first variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"]).upper()
        raise NotConfigured(f"{name}={str(fault['input'])[:100]!r}: {fault['msg']}", field=name, hint=_PAGE) from error


async def check_surroundings(settings: Settings) -> None:
    """NotConfigured when folders, files or servers that settings name are not there."""
    for root in settings.roots:
        if not root.is_dir():
            hint = "Name folders that exist, separated by colons, or leave it empty."
            raise NotConfigured(f"PROJECT_ROOTS: there is no folder {root}", field="PROJECT_ROOTS", hint=hint)
    if settings.mcp_config:
        await asyncio.to_thread(_check_mcp_config, Path(settings.mcp_config))
    if settings.redis_url:
        await _check_redis(settings.redis_url)


def _check_mcp_config(path: Path) -> None:
    from orchestrator.mcp.mcp_json import read_mcp_json  # noqa: PLC0415  heavy: only with a file of servers

    hint = "Name an mcp.json with `mcpServers`, or leave it empty."
    try:
        read_mcp_json(path, os.environ)
    except OSError as error:
        message = f"MCP_CONFIG: {path} cannot be read: {error.strerror}"
        raise NotConfigured(message, field="MCP_CONFIG", hint=hint) from error
    except OrchestratorError as error:
        place = f" ({error.field})" if error.field else ""
        message = f"MCP_CONFIG: {path}: {error.message}{place}"
        raise NotConfigured(message, field="MCP_CONFIG", hint=error.hint or hint) from error


async def _check_redis(url: str) -> None:
    from orchestrator.jobqueue.sender import JobSender  # noqa: PLC0415  heavy: only with a Redis that is not ours

    hint = "Start that Redis or correct the URL; leave it empty to use the embedded one."
    try:
        sender = JobSender(url)
        await sender.ping()
        await sender.close()
    except (Unavailable, ValueError) as error:
        message = "REDIS_URL: no Redis answers there" if isinstance(error, Unavailable) else f"REDIS_URL: {error}"
        raise NotConfigured(message, field="REDIS_URL", hint=hint) from error
