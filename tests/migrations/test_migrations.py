"""The migrations on a real, empty database: up, equal to the tables of the code, down, and up again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect

from alembic import command
from orchestrator.cli.upkeep.schema import newest_revision
from orchestrator.models import Base
from orchestrator.models.database import async_url

ROOT = Path(__file__).parents[2]


@pytest.fixture
def url(make_database: Callable[..., str]) -> str:
    return make_database(migrated=False)


@pytest.fixture
def config(url: str) -> Config:
    made = Config(str(ROOT / "alembic.ini"))
    made.attributes["url"] = url
    return made


@pytest.fixture
def engine(url: str) -> Engine:
    return create_engine(async_url(url))


def _tables(engine: Engine) -> set[str]:
    found = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return found


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))


def test_an_empty_database_becomes_what_the_code_says(config: Config, engine: Engine) -> None:
    command.upgrade(config, "head")
    with engine.connect() as connection:
        assert _differences(connection) == []
    engine.dispose()


def test_every_migration_can_be_taken_back_and_made_again(config: Config, engine: Engine) -> None:
    command.upgrade(config, "head")
    command.downgrade(config, "base")
    assert _tables(engine) == set()
    command.upgrade(config, "head")
    assert _tables(engine) == set(Base.metadata.tables)


def test_one_step_down_and_up_again_leaves_no_difference(config: Config, engine: Engine) -> None:
    command.upgrade(config, "head")
    command.downgrade(config, "-1")
    command.upgrade(config, "head")
    with engine.connect() as connection:
        assert _differences(connection) == []
    engine.dispose()


def test_the_history_is_one_line_and_the_short_cut_knows_its_end() -> None:
    script = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini")))
    assert script.get_heads() == [newest_revision()]
    assert all(not revision.is_merge_point and not revision.is_branch_point for revision in script.walk_revisions())
