"""Migrations by program, so that nobody has to know alembic. Used by ``migrate`` and, through it, ``up``."""

from pathlib import Path

from alembic.config import Config
from sqlalchemy.exc import ArgumentError, OperationalError

from alembic import command
from orchestrator.core.errors import NotConfigured

_INI = Path(__file__).parents[2] / "alembic.ini"


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
    except ArgumentError as error:
        # The URL holds a password: it is not repeated.
        message = "DATABASE_URL: this is not a postgresql:// URL"
        raise NotConfigured(message, field="DATABASE_URL", hint=hint) from error
    except OperationalError as error:
        why = str(error.orig).strip().partition("\n")[0][:300]
        raise NotConfigured(f"DATABASE_URL: {why}", field="DATABASE_URL", hint=hint) from error
