"""The lint code-mod with the real ruff on real files."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from orchestrator.agents.base import AgentLimits
from orchestrator.agents.lint_fix import LintFixAgent
from orchestrator.agents.program import run_program
from orchestrator.core.errors import AgentFailed, InvalidInput, NotFound, TimedOut
from tests.agents.support import Told, context, write

AGENT = LintFixAgent()


async def test_safe_fixes_are_applied_and_the_rest_is_counted(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "import os\n\ndef f():\n    unused = 1\n"})
    told = Told()
    result = await AGENT.run(context(root, tell=told, select=["F"]))
    assert (root / "a.py").read_text() == "\ndef f():\n    unused = 1\n"
    assert result.data == {"found": {"F401": 1, "F841": 1}, "fixed": {"F401": 1}, "remaining": {"F841": 1}}
    assert result.summary == "Fixed 1 of 2 findings; 1 are left."
    assert len(told.events) == 2


async def test_unsafe_fixes_stay_off_even_if_the_project_turns_them_on(tmp_path: Path) -> None:
    source = "def f():\n    unused = 1\n"
    root = write(tmp_path, {"a.py": source, "ruff.toml": 'unsafe-fixes = true\n[lint]\nselect = ["F841"]\n'})
    await AGENT.run(context(root))
    assert (root / "a.py").read_text() == source


async def test_only_the_named_paths_are_touched(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "import os\n", "b/c.py": "import os\n"})
    await AGENT.run(context(root, paths=["b"], select=["F401"]))
    assert (root / "a.py").read_text() == "import os\n"
    assert (root / "b/c.py").read_text() == ""


async def test_a_broken_file_is_reported_and_the_others_are_fixed(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "import os\n", "broken.py": "def (:\n"})
    result = await AGENT.run(context(root, select=["F401"]))
    assert (root / "a.py").read_text() == ""
    assert "invalid-syntax" in result.data["remaining"]


async def test_a_file_ruff_dies_of_is_named_and_the_others_are_fixed(tmp_path: Path) -> None:
    deep = "x = " + "[" * 20_000 + "]" * 20_000 + "\n"
    files = {f"a{number}.py": "import os\n" for number in range(5)} | {"deep [er], é.py": deep}
    root = write(tmp_path, files)
    told = Told()
    result = await AGENT.run(context(root, tell=told, select=["F401"]))
    assert [(root / f"a{number}.py").read_text() for number in range(5)] == [""] * 5
    assert (root / "deep [er], é.py").read_text() == deep
    assert result.data == {
        "found": {"F401": 5}, "fixed": {"F401": 5}, "remaining": {}, "left_out": ["deep [er], é.py"],
    }  # fmt: skip
    assert "Left out, because ruff dies of it: deep [er], é.py." in result.summary


async def test_nothing_to_fix_is_said_so(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "x = 1\n"})
    assert "Nothing to fix" in (await AGENT.run(context(root, select=["F401"]))).summary


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"paths": ["../elsewhere"]}, "input.paths.0"),
        ({"paths": ["/etc"]}, "input.paths.0"),
        ({"paths": ["missing.py"]}, "input.paths.0"),
        ({"select": ["--config=/x"]}, "input.select.0"),
        ({"select": ["ZZZ9"]}, "input"),
        ({"unsafe": True}, "input.unsafe"),
    ],
)
async def test_wrong_input_names_the_field(tmp_path: Path, given: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await AGENT.run(context(write(tmp_path, {"a.py": ""}), **given))
    assert caught.value.field == field


async def test_a_configuration_cannot_quote_files_of_the_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.env"
    secret.write_text("TOKEN = hunter2 [\n")
    root = write(tmp_path / "project", {"a.py": "", "ruff.toml": f'extend = "{secret}"\n'})
    with pytest.raises(InvalidInput) as caught:
        await AGENT.run(context(root))
    assert "hunter2" not in caught.value.message


async def test_a_link_out_of_the_project_is_no_path(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"a.py": "import os\n"})
    root = write(tmp_path / "project", {"a.py": ""})
    (root / "link").symlink_to(outside)
    with pytest.raises(InvalidInput, match="is not in the project"):
        await AGENT.run(context(root, paths=["link"]))


async def test_without_a_project_it_says_what_to_name() -> None:
    with pytest.raises(NotFound) as caught:
        await AGENT.run(context())
    assert caught.value.field == "project_id"


async def test_a_time_limit_ends_the_program(tmp_path: Path) -> None:
    with pytest.raises(TimedOut):
        await AGENT.run(context(write(tmp_path, {"a.py": ""}), limits=AgentLimits(seconds=0.001)))


async def test_cancelling_kills_the_whole_process_group(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    script = f"sleep 60 & echo $! > {tmp_path / 'pid'}; wait"
    running = asyncio.create_task(run_program(["sh", "-c", script], cwd=tmp_path, timeout=30))
    child = int(await asyncio.to_thread((tmp_path / "pid").read_text))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(psutil.wait_procs, _processes(child), timeout=5)
    assert not [process for process in _processes(child) if process.status() != psutil.STATUS_ZOMBIE]


def _processes(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return []


async def test_a_flood_of_output_is_cut(tmp_path: Path) -> None:
    with pytest.raises(AgentFailed, match="more than 1000 bytes"):
        await run_program(["yes"], cwd=tmp_path, timeout=30, max_output=1000)
