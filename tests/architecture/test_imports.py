"""Rules about imports that import contracts cannot say. The contracts themselves run here too."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

from tests.architecture.source import PACKAGE, ROOT, functions, imported, name_of, package_files, tree

COMMON = {
    "anyio": "threads and processes for asyncio",
    "orjson": "the one serialiser",
    "pydantic": "models of what comes from outside",
    "pydantic_core": "what pydantic is made of",
    "structlog": "the one way to log",
    "rich": "tables and colours of the command line",
}
"""Libraries that any floor with a use for them may import; all others have a room in .importlinter."""


def _foreign() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in package_files():
        for node in ast.walk(tree(path)):
            for module in imported(node):
                top = module.partition(".")[0]
                if top not in sys.stdlib_module_names and top != "orchestrator":
                    found.setdefault(top, set()).add(name_of(path))
    return found


def _with_a_room() -> set[str]:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    lists = (contracts.get(name, "protected_modules", fallback="") for name in contracts.sections())
    return {module for text in lists for module in text.split()}


def test_every_library_has_a_room_or_is_common() -> None:
    homeless = {name: files for name, files in _foreign().items() if name not in _with_a_room() | set(COMMON)}
    assert homeless == {}, "give each a contract in .importlinter"


def test_every_contract_is_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_an_import_inside_a_function_has_its_reason_beside_it() -> None:
    bare = []
    for path in package_files():
        lines = path.read_text().splitlines()
        for number in (node.lineno for function in functions(path) for node in ast.walk(function) if imported(node)):
            said = lines[number - 1].partition("PLC0415")[2].strip() or lines[number - 2].strip().startswith("#")
            bare += [] if said else [f"{name_of(path)}:{number}"]
    assert bare == []


def test_no_import_is_for_types_only() -> None:
    assert [name_of(path) for path in package_files() if "TYPE_CHECKING" in path.read_text()] == []


def test_only_the_database_commits() -> None:
    committers = {
        name_of(path)
        for path in package_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        and not node.args
        and "graph" not in ast.unparse(node.func.value)
    }
    assert committers <= {"orchestrator/models/database.py"}


def test_only_transitions_move_tasks() -> None:
    movers = {name_of(path) for path in package_files() if "UPDATE tasks" in path.read_text()}
    assert movers <= {"orchestrator/models/transitions.py", "orchestrator/models/delivery.py"}


def test_only_the_gate_reaches_a_tool() -> None:
    callers = {
        name_of(path)
        for path in package_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "call_tool"
    }
    assert callers == {"orchestrator/services/call_gate.py"}, "a call that passes no guard leaves no record"


def test_no_package_of_ours_hides_a_library() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()
    assert not (ROOT / "__init__.py").exists()


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_every_module_says_what_it_is() -> None:
    silent = [name_of(path) for path in package_files() if not ast.get_docstring(tree(path))]
    assert silent == []
    assert PACKAGE.is_dir()


def test_nothing_waits_by_sleeping_longer_than_a_moment() -> None:
    """Waiting is for an event with a time limit; a poll of a few milliseconds stands where nobody can tell."""
    slow = [
        f"{name_of(path)}:{node.lineno}"
        for path in (ROOT / "tests").rglob("test_*.py")
        if "node_modules" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, int | float)
        and node.args[0].value > 0.25
    ]
    assert slow == []
