"""The demo does the main job on a small repository, tells the truth about it, and leaves nothing behind."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.embedded.processes import end_everything_below

_ROOT = Path(__file__).parents[2]
_SECONDS = 150
_FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": 'def price(count):\n    """Three each."""\n    return 3 * count\n',
    "shop/cart.py": "from shop.prices import price\n\n\ndef total(counts):\n    return sum(price(n) for n in counts)\n",
    "tests/test_cart.py": "from shop.cart import total\n\n\ndef test_total():\n    assert total([1, 2]) == 9\n",
}
_Run = Callable[..., "Finished"]

pytestmark = pytest.mark.timeout(2 * _SECONDS + 30)


@dataclass
class Finished:
    code: int
    out: str
    errors: str


def _repository(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for command in (("init", "-q", "-b", "main"), ("add", "."), (*author, "commit", "-q", "-m", "Shop")):
        subprocess.run(["git", *command], cwd=folder, check=True, timeout=30)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Iterator[_Run]:
    """Runs the demo with a data folder of this test."""
    data = tmp_path / "data"
    environment = os.environ | {
        "DATA_DIR": str(data), "PORT": "0", "HOST": "127.0.0.1", "COLUMNS": "100", "DATABASE_URL": "", "REDIS_URL": "",
    }  # fmt: skip

    def demo(repo: str | Path, **more: str) -> Finished:
        command = [sys.executable, "-m", "orchestrator", "demo", "--repo", str(repo), "--exit"]
        done = subprocess.run(
            command, cwd=_ROOT, env=environment | more, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    yield demo
    assert not end_everything_below(tmp_path), "the demo left processes behind"


def test_it_does_the_whole_job_twice_and_shows_a_diff_each_time(run: _Run, tmp_path: Path) -> None:
    untidy = {"shop/cart.py": "import os\n" + _FILES["shop/cart.py"]}
    done = run(_repository(tmp_path / "untidy", _FILES | untidy))
    assert (done.code, done.errors) == (0, ""), done.out + done.errors
    for told in ("▶ code", "▶ git", "▶ Graph analyst", "▶ Lint fix", "mcp-git", "mcp-time", "-import os"):
        assert told in done.out
    assert re.search(r"no target: 0 of \d+ candidates fit", done.out)
    assert re.search(r"shop\.prices\.price +shop/prices\.py +1 +1", done.out)
    assert "demo@example.org registered" in done.out
    assert re.search(r"Console +http://127\.0\.0\.1:\d+", done.out)
    assert (tmp_path / "data/logs/api.log").exists()

    again = run(_repository(tmp_path / "tidy", _FILES))
    assert again.code == 0, again.out + again.errors
    assert "as made by an earlier run" in again.out
    assert "Nothing to fix here, so nothing was changed" in again.out
    assert re.search(r"\+def (price|total)_renamed\(", again.out)


def test_a_folder_that_is_no_repository_is_refused_before_anything_starts(run: _Run, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    done = run(tmp_path / "plain", GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert done.code == 1
    assert "is not in a git repository" in done.errors
    assert "Traceback" not in done.errors
    assert not (tmp_path / "data").exists()
