"""The built-in ``code`` server: honest answers about a checkout, and no way out of it."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.mcp.builtin import BuiltinServer, CallContext
from orchestrator.mcp.builtin_code import code_server
from orchestrator.mcp.result import ToolResult

SERVER: BuiltinServer = code_server()
FILES = {
    "README.md": "# Title\n\ntext\n\n```\n# no heading\n```\n## Part\n",
    ".gitignore": "ignored/\n",
    "ignored/secret.py": "needle = 1\n",
    "src/pool.py": "class Pool:\n    def call(self):\n        needle = 2\n\n\nasync def make():\n    pass\n",
    "src/pool_helpers.py": "x = 1\n",
    "tests/test_pool.py": "def test_it():\n    assert True\n",
    "src/broken.py": "def fine():\n    pass\n\ndef broken(:\n",
    "ümlaut name.txt": "needle in ümlaut\n",
}


@pytest.fixture(params=["git", "plain"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project, as a git checkout and as a plain folder."""
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "blob.bin").write_bytes(b"needle\0\1\2" * 100)
    (tmp_path / "outside.txt").write_text("needle outside\n")
    (folder / "leak.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "leakdir").symlink_to(tmp_path)
    if request.param == "git":
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True, timeout=30)
        subprocess.run(["git", "add", "src"], cwd=folder, check=True, timeout=30)
    return folder


async def _ask(root: Path, tool: str, **arguments: Any) -> ToolResult:
    return await SERVER.call(tool, arguments, CallContext(project_root=root))


async def _answer(root: Path, tool: str, **arguments: Any) -> Any:
    result = await _ask(root, tool, **arguments)
    assert not result.is_error, result.text
    return result.structured


async def test_files_are_found_best_first(root: Path) -> None:
    found = await _answer(root, "search_files", pattern="pool")
    assert found["files"] == ["src/pool.py", "src/pool_helpers.py", "tests/test_pool.py"]
    assert (await _answer(root, "search_files", query="src/*.py", limit=1))["truncated"]
    assert (await _answer(root, "search_files", pattern="*.py", under="tests"))["files"] == ["tests/test_pool.py"]
    assert (await _answer(root, "search_files", pattern="ümlaut"))["files"] == ["ümlaut name.txt"]


async def test_what_git_ignores_is_not_seen(root: Path) -> None:
    seen = (await _answer(root, "search_files", pattern="secret"))["files"]
    matches = (await _answer(root, "grep", pattern="needle = 1"))["matches"]
    if (root / ".git").exists():
        assert seen == []
        assert matches == []


async def test_a_file_is_read_whole_and_in_part(root: Path) -> None:
    whole = await _answer(root, "read_file", path="src/pool.py")
    assert whole["text"] == FILES["src/pool.py"]
    assert (whole["total_lines"], whole["truncated"]) == (7, False)
    part = await _answer(root, "read_file", path="src/pool.py", start_line=2, end_line=3)
    assert part["text"] == "    def call(self):\n        needle = 2\n"
    assert (part["start_line"], part["end_line"]) == (2, 3)
    assert (await _answer(root, "read_file", path="src/pool.py", max_bytes=5))["text"] == "class"


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/passwd", "leak.txt", "leakdir/outside.txt", "a\0b", ".git/x"])
async def test_a_path_out_of_the_tree_is_refused_by_name(root: Path, path: str) -> None:
    for tool in ("read_file", "outline"):
        result = await _ask(root, tool, path=path if tool == "read_file" else f"{path}.py")
        assert result.is_error
        assert "needle" not in result.text
        assert result.structured["error"]["code"] in ("invalid_input", "not_found")
        assert result.structured["error"]["field"] == "arguments.path"


@pytest.mark.parametrize("path", ["absent.txt", "src", "blob.bin", "pipe"])
async def test_what_is_no_text_file_is_refused_at_once(root: Path, path: str) -> None:
    os.mkfifo(root / "pipe")
    began = time.monotonic()
    assert (await _ask(root, "read_file", path=path)).is_error
    assert time.monotonic() - began < 2


async def test_grep_finds_lines_and_stays_inside(root: Path) -> None:
    found = await _answer(root, "grep", pattern=r"need\w+\b")
    places = {(match["path"], match["line"]) for match in found["matches"]}
    assert ("src/pool.py", 3) in places
    assert ("ümlaut name.txt", 1) in places
    assert not any(path.startswith("leak") or path == "blob.bin" for path, _ in places)
    assert (await _ask(root, "grep", pattern="needle", under="../")).is_error
    assert (await _ask(root, "grep", pattern="needle", under="leakdir")).is_error


async def test_grep_takes_plain_text_and_ignores_case_on_demand(root: Path) -> None:
    assert len((await _answer(root, "grep", pattern="CLASS pool", ignore_case=True))["matches"]) == 1
    assert (await _answer(root, "grep", pattern="call(self)", plain=True))["matches"][0]["line"] == 2
    assert (await _answer(root, "grep", pattern="nothing like this"))["matches"] == []


async def test_a_bad_expression_is_told_and_a_catastrophic_one_cannot_hang(root: Path) -> None:
    assert (await _ask(root, "grep", pattern="(")).structured["error"]["field"] == "arguments.pattern"
    (root / "src" / "trap.txt").write_text("a" * 50_000 + "!\n")
    began = time.monotonic()
    await _ask(root, "grep", pattern="^(a|a|aa)+$", seconds=2)
    assert time.monotonic() - began < 8


async def test_a_pattern_that_is_too_costly_is_not_called_a_wrong_one(root: Path) -> None:
    (root / "costly.txt").write_text("a" * 60 + "b\n")
    result = await _ask(root, "grep", pattern="(a+)+$")
    assert result.is_error
    assert "match limit exceeded" in result.text
    assert "plain text" in str(result.structured)
    assert "missing closing parenthesis" in (await _ask(root, "grep", pattern="(a")).text


async def test_a_file_whose_name_is_no_utf_8_is_found(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.py")).write_text("x = 1\n")
    assert (await _answer(root, "search_files", pattern="caf"))["files"] == ["caf\ufffd.py"]
    assert "caf\ufffd.py" in (await _answer(root, "search_files", pattern="*.py"))["files"]
    assert "caf\ufffd.py" in (await _answer(root, "search_files", pattern="**/caf?.py"))["files"]


async def test_a_link_that_is_checked_out_as_a_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "to.py").symlink_to("src/there.py")
    (tmp_path / "no_link.py").write_text("src/there.py")
    for command in ("init -q", "add .", "config core.symlinks false"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True, timeout=30)
    (tmp_path / "to.py").unlink()
    subprocess.run(["git", "checkout-index", "-f", "to.py"], cwd=tmp_path, check=True, timeout=30)
    assert not (tmp_path / "to.py").is_symlink()
    assert (await _answer(tmp_path, "read_file", path="to.py"))["link_to"] == "src/there.py"
    assert "link_to" not in await _answer(tmp_path, "read_file", path="no_link.py")


async def test_an_outline_names_symbols_with_their_lines(root: Path) -> None:
    symbols = (await _answer(root, "outline", path="src/pool.py"))["symbols"]
    shown = [(one["qualified_name"], one["kind"], one["start_line"], one["end_line"]) for one in symbols]
    assert shown == [("Pool", "class", 1, 3), ("Pool.call", "method", 2, 3), ("make", "function", 6, 7)]
    headings = (await _answer(root, "outline", path="README.md"))["symbols"]
    assert [(one["name"], one["start_line"]) for one in headings] == [("Title", 1), ("Part", 8)]


async def test_a_broken_file_still_gives_what_is_whole(root: Path) -> None:
    outline = await _answer(root, "outline", path="src/broken.py")
    assert outline["has_errors"]
    assert outline["symbols"][0]["name"] == "fine"


async def test_a_deeply_nested_file_does_not_overflow_anything(root: Path) -> None:
    (root / "deep.py").write_text("(" * 20_000 + ")" * 20_000)
    assert (await _answer(root, "outline", path="deep.py"))["symbols"] == []


async def test_a_suffix_without_an_outline_is_named(root: Path) -> None:
    assert ".txt" in (await _ask(root, "outline", path="ümlaut name.txt")).text


async def test_the_configuration_of_a_repository_runs_no_program(tmp_path: Path) -> None:
    folder, mark = tmp_path / "evil", tmp_path / "mark"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True, timeout=30)
    (folder / "a.txt").write_text("needle\n")
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "diff.x.textconv"):
        subprocess.run(["git", "config", key, str(hook)], cwd=folder, check=True, timeout=30)
    (folder / ".gitattributes").write_text("* diff=x\n")
    assert (await _answer(folder, "search_files", pattern="a.txt"))["files"] == ["a.txt"]
    assert (await _answer(folder, "grep", pattern="needle"))["matches"]
    assert not mark.exists()


async def test_a_call_without_a_project_says_what_is_missing() -> None:
    result = await SERVER.call("search_files", {"pattern": "x"}, CallContext())
    assert result.structured["error"]["code"] == "not_found"
    assert result.structured["error"]["field"] == "project_id"
