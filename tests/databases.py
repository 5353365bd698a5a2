"""Databases for tests: copies of a migrated template, emptied and used again by the tests of one worker.

Used by ``tests/conftest.py``. A copy costs more than most tests, so a database that a test gives back is emptied and
gets a new name: what that test left running cannot reach it any more. A test that changes tables must ask for a
database of its own (``create``), which is dropped.
"""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg

from orchestrator.embedded.pair import Embedded

_ROOT = Path(__file__).parents[1]
_TEMPLATE = "template_migrated"
_ALONE = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
# Only tables that ever had rows are touched; keys between tables are not looked at meanwhile.
_EMPTY = """
DO $$ DECLARE given regclass; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR given IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
            AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0 LOOP
        EXECUTE format('DELETE FROM %s', given);
    END LOOP;
    FOR given IN SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('ALTER SEQUENCE %s RESTART', given);
    END LOOP;
END $$"""


class Databases:
    """The databases of one test worker in an embedded server."""

    def __init__(self, pair: Embedded) -> None:
        self._url = pair.database_url
        self._free: list[str] = []

    def make_template(self) -> None:
        """Migrate the template, if no other worker has. The caller sees to it that one does so at a time."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone():
                return
            connection.execute(f"CREATE DATABASE {_TEMPLATE}_new")
            command = [sys.executable, "-m", "alembic", "-c", str(_ROOT / "alembic.ini"), "upgrade", "head"]
            environment = os.environ | {"DATABASE_URL": self.url(f"{_TEMPLATE}_new"), "PYTHONPATH": str(_ROOT)}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, f"the migrations failed:\n{done.stdout}{done.stderr}"
            connection.execute(f"ALTER DATABASE {_TEMPLATE}_new RENAME TO {_TEMPLATE}")

    def url(self, name: str) -> str:
        """How a database of this server is reached."""
        return self._url.replace("@/orchestrator?", f"@/{name}?")

    def create(self, *, migrated: bool = True) -> str:
        """The name of a new database."""
        name = f"test_{uuid4().hex}"
        # FILE_COPY: without fsync, copying files beats logging every page.
        source = f"TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY" if migrated else ""
        with self._maintenance() as connection:
            connection.execute(f"CREATE DATABASE {name} {source}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        with self._maintenance() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def take(self) -> str:
        """The name of an empty migrated database."""
        if not self._free:
            return self.create()
        name = self._free.pop()
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(_EMPTY)
        return name

    def give_back(self, name: str) -> None:
        """Cut off who is still connected, and keep the database by a new name for the next one who takes."""
        kept = f"test_{uuid4().hex}"
        try:
            with self._maintenance() as connection:
                connection.execute(_ALONE, [name])
                connection.execute(f"ALTER DATABASE {name} RENAME TO {kept}")
        except psycopg.errors.ObjectInUse:
            # Somebody who was cut off is back already.
            self.drop(name)
        else:
            self._free.append(kept)

    def _maintenance(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url("postgres"), autocommit=True)
