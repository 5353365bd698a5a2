"""An attempt may fill so much of the disk and no more: what is counted, and what becomes of who takes more."""

import asyncio
import os
from pathlib import Path

import pytest

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import DiskLimitReached
from orchestrator.core.ids import new_id
from orchestrator.services.disk_watch import DiskWatch, measure
from tests.agents.conftest import MakeProject, RunTask
from tests.agents.test_acp_tasks import hand_in, terminals
from tests.sandbox.conftest import gone

MIB = 1024**2
MOST = 16 * MIB


@pytest.fixture
def llm_settings(settings: Settings) -> Settings:
    """The settings that the container is built of."""
    return Settings(_env_file=None, **(settings.model_dump() | {"attempt_disk_bytes": MOST}))


async def test_an_attempt_that_fills_the_disk_is_ended_with_the_limits_name_and_its_tree_is_kept(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    terminals(container)
    project = await make_project({"a.py": "x = 1\n"})
    mark = f"mark-{new_id().hex}"
    line = f"head -c {2 * MOST} /dev/zero > big; sh -c 'sleep 600; : {mark}'"
    row = await run_task(await hand_in(container, caller, project, {"do": "run", "text": line}))
    assert (row["state"], row["reason"]) == ("failed", "agent_error")
    assert row["error"]["code"] == "disk_limit_reached"
    assert row["error"]["details"] == {"limit": MOST, "setting": "ATTEMPT_DISK_BYTES"}
    assert "ATTEMPT_DISK_BYTES" in row["error"]["message"]
    await gone(mark)
    (kept,) = await container.worktrees.list(project)
    assert (kept.path / "big").stat().st_size == 2 * MOST


async def test_what_was_written_too_fast_to_be_seen_is_found_at_the_end(tmp_path: Path) -> None:
    async def fill() -> str:
        await asyncio.to_thread((tmp_path / "big").write_bytes, os.urandom(2 * MIB))
        return "done"

    with pytest.raises(DiskLimitReached):
        await DiskWatch(MIB, "ATTEMPT_DISK_BYTES").within(fill(), [tmp_path])
    assert await DiskWatch(3 * MIB, "ATTEMPT_DISK_BYTES").within(fill(), [tmp_path]) == "done"
    assert await DiskWatch(0, "ATTEMPT_DISK_BYTES").within(fill(), [tmp_path]) == "done"


def test_no_link_is_followed_and_a_file_of_two_names_counts_once(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "big").write_bytes(os.urandom(4 * MIB))
    (inside / "link").symlink_to(outside)
    (inside / "deep" / "circle").symlink_to(inside)
    (inside / "one").write_bytes(os.urandom(MIB))
    os.link(inside / "one", inside / "deep" / "two")
    assert MIB <= measure([inside], 100 * MIB) < MIB + 64 * 1024


def test_files_without_a_byte_count_and_nobody_counts_beyond_the_limit(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert measure([tmp_path], 10 * MIB) == 100 * 1024
    assert measure([tmp_path], 10 * 1024) == 11 * 1024
    assert measure([tmp_path / "nothing"], MIB) == 0
