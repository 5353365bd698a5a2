"""A running service, and the command line as its client: for the modules whose commands go over HTTP."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.cli.app import main
from orchestrator.embedded.processes import end_everything_below

_ROOT = Path(__file__).parents[2]
Cli = Callable[..., tuple[int, str, str]]
AT_ONE_SERVICE = [pytest.mark.xdist_group("cli-service"), pytest.mark.timeout(240)]
"""A service costs more to start than all its tests: they go to one process."""


@pytest.fixture(scope="package")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("repositories") / "shop")


def make_shop(folder: Path) -> Path:
    folder.mkdir()
    (folder / "shop.py").write_text("import os\n\n\ndef price(count):\n    return 3 * count\n\n\nprice(1)\n")
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "Shop")):
        subprocess.run(["git", *command], cwd=folder, check=True, timeout=30)
    return folder


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[str]:
    """One service for all modules that ask, with one worker of each kind. They are of one group: `AT_ONE_SERVICE`."""
    folder = tmp_path_factory.mktemp("service")
    environment = os.environ | {
        "DATA_DIR": str(folder), "HOST": "127.0.0.1", "PORT": "0", "DATABASE_URL": "", "REDIS_URL": "",
        "PROJECT_ROOTS": str(repository.parent),
    }  # fmt: skip
    command = [sys.executable, "-m", "orchestrator", "up"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stderr=subprocess.PIPE, stdout=log, text=True)
    assert process.stderr is not None
    found = next((match for line in process.stderr if (match := re.search(r"Console +(http://\S+)", line))), None)
    assert found, "the service did not start"
    yield found.group(1)
    children = psutil.Process(process.pid).children()
    process.terminate()
    process.communicate(timeout=60)
    psutil.wait_procs(children, timeout=15)
    end_everything_below(folder)


@pytest.fixture
def cli(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in this process, as an account of its own; its code, output and errors."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ORCHESTRATOR_URL", url)
    monkeypatch.setenv("ORCHESTRATOR_PASSWORD", "a long password")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("ORCHESTRATOR_TOKEN", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["orchestrator", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, errors = capsys.readouterr()
        return int(ended.value.code or 0), out, errors

    return run


@pytest.fixture
def logged_in(cli: Cli, tmp_path: Path) -> Cli:
    code, out, errors = cli("login", "--register", "--email", f"{tmp_path.name[:40]}@example.org")
    assert code == 0, out + errors
    return cli
