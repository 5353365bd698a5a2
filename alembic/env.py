"""Runs migrations against DATABASE_URL, or the URL the caller puts into the configuration's attributes."""

import os

from sqlalchemy import create_engine, pool

from alembic import context
from orchestrator.models import Base
from orchestrator.models.database import async_url


def run() -> None:
    """Run every migration that is missing, in one transaction, one process at a time."""
    url = context.config.attributes.get("url") or os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("DATABASE_URL is not set: name the database to migrate")
    engine = create_engine(async_url(url), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=False)
        with context.begin_transaction():
            # Two processes may start at once; the second waits here and then finds nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(724001)")
            context.run_migrations()


run()
