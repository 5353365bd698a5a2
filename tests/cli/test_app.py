"""The command line says what is wrong in words, and starts without loading what it does not need."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.start.service import _free_port
from orchestrator.cli.upkeep.schema import newest_revision
from orchestrator.core.errors import NotConfigured

_ROOT = Path(__file__).parents[2]


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator", *arguments]
    env = os.environ | environment
    return subprocess.run(command, cwd=_ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_the_commands() -> None:
    output = _run("--help").stdout
    assert all(name in output for name in ("up", "api", "worker", "monitor", "migrate"))


@pytest.mark.parametrize("module", ["app", "stdio.door"])
def test_help_and_the_door_over_stdio_load_no_heavy_library(module: str) -> None:
    heavy = ["fastapi", "sqlalchemy", "alembic", "uvicorn", "mcp", "pydantic_ai", "rdflib", "psycopg", "httpx"]
    code = f"import sys, orchestrator.cli.{module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_occupied_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = _run("up", PORT=port, DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "PORT=8001" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "embedded").exists()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "abc", "valid integer"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("PROJECT_ROOTS", "/nonexistent", "/nonexistent"),
        ("MCP_CONFIG", "/nope.json", "/nope.json"),
        ("REDIS_URL", "redis://127.0.0.1:1/0", "no Redis answers"),
        ("REDIS_URL", "http://127.0.0.1:1", "redis://"),
        ("DATABASE_URL", "postgresql://ada:secret@127.0.0.1:1/x", "onnection refused"),
        ("DATABASE_URL", "nonsense secret", "postgresql://"),
    ],
)
def test_a_wrong_setting_is_told_in_two_lines_that_name_it(tmp_path: Path, name: str, value: str, told: str) -> None:
    servers = {"DATABASE_URL": "postgresql://127.0.0.1:1/x"} if name == "REDIS_URL" else {}
    done = _run("up", **({"PORT": "0", "DATA_DIR": str(tmp_path)} | servers | {name: value}))
    lines = done.stderr.strip().splitlines()[-2:]
    assert done.returncode == 1
    assert lines[0].startswith(f"error: {name}")
    assert told in lines[0]
    assert lines[1].startswith("hint:")
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_log_level_may_be_written_in_small_letters() -> None:
    assert _run("migrate", DATABASE_URL="", LOG_LEVEL="debug").stderr.startswith("error: DATABASE_URL: There is no")


def test_a_port_of_zero_becomes_a_free_one() -> None:
    assert _free_port("127.0.0.1", 0) > 0
    with pytest.raises(NotConfigured):
        _free_port("192.0.2.1", 0)


def test_migrating_without_a_database_says_which_setting_is_missing() -> None:
    done = _run("migrate", DATABASE_URL="")
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr


def test_the_newest_revision_is_the_one_nothing_builds_on(tmp_path: Path) -> None:
    (tmp_path / "1.py").write_text("revision = '0001'\ndown_revision = None\n")
    (tmp_path / "2.py").write_text('revision: str = "0002"\ndown_revision: str | None = "0001"\n')
    assert newest_revision(tmp_path) == "0002"
    (tmp_path / "3.py").write_text("revision = '0003'\ndown_revision = '0001'\n")
    assert newest_revision(tmp_path) is None


def test_the_newest_revision_agrees_with_alembic() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(Config(str(_ROOT / "alembic.ini")))
    assert newest_revision() == script.get_current_head()
