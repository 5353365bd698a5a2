"""Migrations by program, so that nobody has to know alembic. Used by ``migrate`` and, through it, ``up``."""

from pathlib import Path

from alembic.config import Config

from alembic import command
from orchestrator.core.errors import NotConfigured
from orchestrator.models.database import why_not_there

_INI = Path(__file__).parents[3] / "alembic.ini"


def upgrade(database_url: str) -> None:
    """Apply every migration that is missing."""
    if not database_url:
        hint = "Set DATABASE_URL; `orchestrator up` does it for the embedded PostgreSQL."
        raise NotConfigured("There is no database to migrate.", field="DATABASE_URL", hint=hint)
    config = Config(str(_INI))
    config.attributes["url"] = database_url
    hint = "Start that server or correct the URL; leave it empty to use the embedded PostgreSQL."
    try:
        command.upgrade(config, "head")
    except Exception as error:
        why = why_not_there(error)
        if why is None:
            raise
        raise NotConfigured(f"DATABASE_URL: {why}", field="DATABASE_URL", hint=hint) from error
