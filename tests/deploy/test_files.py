"""The files that cannot be run here hold together: compose, .env.example, Makefile, the scripts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from orchestrator.config import Settings

_ROOT = Path(__file__).parents[2]


def test_compose_names_every_process_and_exact_images() -> None:
    compose = yaml.safe_load((_ROOT / "compose.yaml").read_text())
    services = compose["services"]
    workers = {"worker-light", "worker-agents", "worker-heavy"}
    assert set(services) == {"postgres", "redis", "migrate", "api", *workers, "monitor"}
    assert all(re.search(r":\d+\.\d+(\.\d+)?$", service["image"]) for service in services.values())
    for name in ("postgres", "redis", "api"):
        assert services[name]["healthcheck"]["test"]
    known = {name.upper() for name in Settings.model_fields}
    assert set(services["api"]["environment"]) <= known
    needed = [wanted for service in services.values() for wanted in service.get("depends_on", {})]
    assert set(needed) <= set(services)


def test_env_example_shows_every_setting() -> None:
    shown = set(re.findall(r"^# ([A-Z0-9_]+)=", (_ROOT / ".env.example").read_text(), re.MULTILINE))
    known = {name.upper() for name in Settings.model_fields}
    assert known - shown == set()
    assert shown - known == {"POSTGRES_PASSWORD"}


def test_make_alone_prints_the_targets() -> None:
    done = subprocess.run(["make"], cwd=_ROOT, capture_output=True, text=True, timeout=20, check=True)
    for target in ("demo", "run", "test", "check", "setup", "console", "bench-mcp"):
        assert re.search(rf"^  {target} ", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("script", ["deploy/setup.sh", "deploy/npm.sh", "deploy/progress.sh", ".ci/run"])
def test_scripts_are_plain_sh(script: str) -> None:
    subprocess.run(["sh", "-n", str(_ROOT / script)], check=True, timeout=20)


def _copy(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    for name in ("setup.sh", "progress.sh"):
        shutil.copy(_ROOT / "deploy" / name, tmp_path / "deploy" / name)
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def _setup(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "deploy/setup.sh", "requirements.txt"]
    env = os.environ | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)


def test_setup_names_the_python_that_is_too_old(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    old = folder / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = _setup(folder, PYTHON=str(old))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr


def test_setup_says_when_the_venv_module_is_missing(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    bare = folder / "python-bare"
    bare.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\nexit 0\n')
    bare.chmod(0o755)
    done = _setup(folder, PYTHON=str(bare))
    assert done.returncode == 1
    assert "python3-venv" in done.stderr


def test_a_second_setup_does_nothing_until_a_requirement_changes(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").write_text("#!/bin/sh\nexit 0\n")
    (folder / ".venv/bin/python").chmod(0o755)
    first, second = _setup(folder), _setup(folder)
    assert "Installing Python packages" in first.stdout
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    (folder / "requirements.txt").write_text("anything\n")
    assert "Installing Python packages" in _setup(folder).stdout


def test_setup_compiles_the_package_where_processes_may_write_no_bytecode(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    (folder / "orchestrator").mkdir()
    (folder / "orchestrator/module.py").write_text("x = 1\n")
    done = _setup(folder, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    assert list((folder / "orchestrator/__pycache__").glob("module.*.pyc"))


def test_the_launcher_starts_ours_in_a_folder_that_has_a_package_of_that_name(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    venv = [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", folder / ".venv"]
    subprocess.run(venv, check=True, timeout=60)
    for root, says in ((folder, "ours"), (folder / "elsewhere", "theirs")):
        (root / "orchestrator").mkdir(parents=True)
        (root / "orchestrator/__main__.py").write_text(f"import sys\nprint({says!r}, sys.argv[1:])\n")
    done = _setup(folder)
    assert done.returncode == 0, done.stderr
    started = [folder / ".venv/bin/orchestrator", "mcp", "a b"]
    said = subprocess.run(started, cwd=folder / "elsewhere", capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "ours ['mcp', 'a b']\n"


def test_a_failed_setup_explains_itself_and_is_tried_again(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    (folder / ".venv/bin").mkdir(parents=True)
    failing = "#!/bin/sh\n[ $1 = -c ] && exit 0\necho 'No matching distribution found for x'\nexit 1\n"
    (folder / ".venv/bin/python").write_text(failing)
    (folder / ".venv/bin/python").chmod(0o755)
    for _ in range(2):
        done = _setup(folder)
        assert done.returncode == 1
        assert "no build for this Python" in done.stderr
