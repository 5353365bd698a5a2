"""The console's own checks: its unit tests, run by Node from the wheel, and its locked packages.

That its types fit the API is checked by every build: they are generated from docs/reference/openapi.json first.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.console.conftest import node, npm

_ROOT = Path(__file__).parents[2]
_UI = _ROOT / "ui"


@pytest.fixture(scope="session", autouse=True)
def packages() -> None:
    npm("ui")


def _node(*command: str | Path) -> str:
    done = subprocess.run([node(), *command], cwd=_UI, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_unit_tests_pass() -> None:
    told = _node("--test", "src/**/*.test.ts")
    assert "fail 0" in told


@pytest.mark.parametrize("folder", ["ui", "tests/browser"])
def test_packages_are_pinned_and_the_lock_names_no_registry(folder: str) -> None:
    package = json.loads((_ROOT / folder / "package.json").read_text())
    pins = package.get("dependencies", {}) | package.get("devDependencies", {})
    assert pins
    assert all(version[0].isdigit() for version in pins.values()), "exact versions only"
    locked = json.loads((_ROOT / folder / "package-lock.json").read_text())["packages"]
    for name, entry in locked.items():
        assert "resolved" not in entry, f"{name} names a host to download from"
        assert not name or "integrity" in entry, name


def test_every_reference_in_the_apis_document_leads_somewhere() -> None:
    text = (_ROOT / "docs" / "reference" / "openapi.json").read_text()
    known = json.loads(text)["components"]["schemas"]
    named = set(re.findall(r'"\$ref": "([^"]+)"', text))
    assert named
    assert named <= {f"#/components/schemas/{name}" for name in known}
