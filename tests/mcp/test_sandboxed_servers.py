"""Real servers in a sandbox, what they may not see, and what happens where no sandbox can be made."""

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.core.errors import ServerUnreachable, TimedOut, ToolFailed
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import ServerPool
from orchestrator.mcp.result import HINT_KEY
from orchestrator.mcp.supervisor import Limits
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Folder, Wish
from tests.mcp.conftest import NOBODY, SERVERS, hostile, process_alive, python_server, until
from tests.mcp.test_pool import repository as repository
from tests.sandbox.conftest import run

ROOT = Path(__file__).parents[2]


def enclosed(server: ServerDefinition, *folders: Path, **more: object) -> ServerDefinition:
    wish = Wish(mode="required", folders=tuple(Folder(str(one), writable=True) for one in folders), **more)  # type: ignore[arg-type]
    return replace(server, sandbox=wish, revision="")


def quick(*args: str, **fields: object) -> ServerDefinition:
    return ServerDefinition.build(
        id=uuid4(), name="quick", transport="stdio", command=sys.executable,
        args=("-I", "-S", str(SERVERS / "quick.py"), *args), **fields,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture(autouse=True)
async def _possible() -> None:
    verdict = await Starter().verdict()
    if not verdict.possible:
        pytest.skip(f"no sandbox here: {verdict.reason}")


async def test_a_git_server_works_on_the_folder_it_was_granted_and_sees_no_other(
    pool: ServerPool, repository: Path, tmp_path: Path
) -> None:
    git = enclosed(python_server("mcp_server_git"), repository)
    log = await pool.call_tool(git, "git_log", {"repo_path": str(repository)}, context=NOBODY)
    assert "The first commit" in log.text
    (repository / "b.py").write_text("y = 2\n")
    added = await pool.call_tool(git, "git_add", {"repo_path": str(repository), "files": ["b.py"]}, context=NOBODY)
    assert not added.is_error
    elsewhere = await pool.call_tool(git, "git_status", {"repo_path": str(ROOT)}, context=NOBODY)
    assert elsewhere.is_error
    assert pool.state(git.id).open_because is None


async def test_a_time_server_needs_nothing_but_its_environment(pool: ServerPool) -> None:
    clock = enclosed(python_server("mcp_server_time", "--local-timezone", "UTC"))
    assert "UTC" in (await pool.call_tool(clock, "get_current_time", {"timezone": "UTC"}, context=NOBODY)).text


async def test_what_an_entry_puts_into_the_environment_arrives_and_home_is_its_own(pool: ServerPool) -> None:
    server = enclosed(hostile("environment", env={"MINE": "1"}))
    seen = json.loads((await pool.call_tool(server, "poke", {}, context=NOBODY)).text)
    assert (seen["MINE"], seen["HOME"], seen["TMPDIR"]) == ("1", "/home/sandbox", "/tmp")


async def test_a_call_that_lacked_what_the_sandbox_does_not_give_says_which_field_grants_it(
    pool: ServerPool, tmp_path: Path
) -> None:
    shown = Wish(mode="required", folders=(Folder(str(tmp_path)),))
    reader = replace(hostile("writes", str(tmp_path / "new")), sandbox=shown, revision="")
    failed = await pool.call_tool(reader, "poke", {}, context=NOBODY)
    assert "Read-only file system" in failed.text
    assert "`folders`" in failed.meta[HINT_KEY]
    with pytest.raises(ToolFailed) as told:
        failed.raise_for_error()
    assert told.value.hint == failed.meta[HINT_KEY]
    fetching = await pool.call_tool(enclosed(hostile("fetches")), "poke", {}, context=NOBODY)
    assert "`network`" in fetching.meta[HINT_KEY], fetching
    with pytest.raises(ToolFailed) as refused:
        await pool.call_tool(enclosed(hostile("refuses-network")), "poke", {}, context=NOBODY)
    assert "`network`" in refused.value.hint
    writer = enclosed(hostile("writes", str(tmp_path / "new")), tmp_path)
    assert (await pool.call_tool(writer, "poke", {}, context=NOBODY)).meta is None


async def test_outside_a_sandbox_an_error_gets_no_hint(pool: ServerPool) -> None:
    with pytest.raises(ToolFailed) as refused:
        await pool.call_tool(hostile("refuses-network"), "poke", {}, context=NOBODY)
    assert refused.value.hint is None


async def test_a_sandboxed_server_ends_with_its_children(make_pool, tmp_path: Path) -> None:
    pool = make_pool()
    parent = enclosed(hostile("has-children", str(tmp_path / "child")), tmp_path)
    await pool.list_tools(parent)
    launcher = pool.state(parent.id).pid
    inside = [int(pid) for pid in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()]
    assert inside
    await pool.aclose()
    assert not any(map(process_alive, (*inside, launcher)))


async def test_where_no_sandbox_can_be_made_required_refuses_and_preferred_says_so() -> None:
    """Inside a sandbox there is no other: the service's own code runs there, and finds out."""
    script = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from orchestrator.core.errors import NotConfigured
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Wish

async def main():
    starter = Starter()
    start = await starter.start([sys.executable, "-c", "pass"], environment={}, wish=Wish())
    print(start.enclosed, "kernel refused" in start.open_because)
    try:
        await starter.start([sys.executable], environment={}, wish=Wish(mode="required"))
    except NotConfigured as error:
        print(error.field, error.hint is not None)

asyncio.run(main())
"""
    ran = await run(Starter(), script, str(ROOT), wish=Wish(folders=(Folder(str(ROOT / "orchestrator")),)))
    assert ran.out.splitlines()[-2:] == ["False True", "sandbox True"], ran


async def test_a_server_that_ignores_what_it_does_not_know_starts_soon(pool: ServerPool) -> None:
    silent, talking = quick("silent"), quick()
    began = time.monotonic()
    assert (await pool.call_tool(silent, "quick", {}, context=NOBODY)).text == "ok"
    assert time.monotonic() - began < 9  # the SDK alone waits for ten seconds
    assert pool.state(silent.id).era == "legacy"
    assert (await pool.call_tool(talking, "quick", {}, context=NOBODY)).text == "ok"


async def test_starting_a_server_is_not_the_calls_time(pool: ServerPool) -> None:
    start = f"sleep 3; exec {sys.executable} -I -S {SERVERS / 'quick.py'}"
    slow = replace(quick(), command="sh", args=("-c", start), revision="")
    began = time.monotonic()
    assert (await pool.call_tool(slow, "quick", {}, context=NOBODY, timeout=2.0)).text == "ok"
    assert time.monotonic() - began > 2


async def test_the_breaker_opens_after_failures_in_a_row_and_one_call_decides_when_it_closes(tmp_path: Path) -> None:
    now = [0.0]
    pool = ServerPool(limits=Limits(breaker_failures=2, start_seconds=20), clock=lambda: now[0])
    broken = replace(quick("x"), command=str(tmp_path / "program"), args=(), revision="")
    try:
        for failures in (1, 2):
            now[0] += 100
            with pytest.raises(ServerUnreachable):
                await pool.call_tool(broken, "quick", {}, context=NOBODY)
            assert pool.state(broken.id).failures == failures
        assert pool.state(broken.id).breaker == "open"
        with pytest.raises(ServerUnreachable, match="tried again in"):
            await pool.call_tool(broken, "quick", {}, context=NOBODY)
        (tmp_path / "program").write_text(f"#!/bin/sh\nexec {sys.executable} -I -S {SERVERS / 'quick.py'}\n")
        (tmp_path / "program").chmod(0o755)
        now[0] += 100
        assert pool.state(broken.id).breaker == "half_open"
        trying = asyncio.create_task(pool.call_tool(broken, "hang", {}, context=NOBODY, timeout=1.0))
        await until(lambda: pool.state(broken.id).in_flight)
        with pytest.raises(ServerUnreachable, match="being tried"):
            await pool.call_tool(broken, "quick", {}, context=NOBODY)
        with pytest.raises(TimedOut):
            await trying
        assert (await pool.call_tool(broken, "quick", {}, context=NOBODY)).text == "ok"
        assert pool.state(broken.id).breaker == "closed"
    finally:
        await pool.aclose()


async def test_who_listens_hears_when_a_server_that_was_not_waited_for_is_ready(pool: ServerPool) -> None:
    heard: list[str] = []
    slow = hostile("slow-start")
    pool.listen(lambda identifier, method, params: heard.append(method))
    (listed,) = await pool.list_all([slow], seconds=0.01)
    assert listed.error is not None
    pool.tell_when_listed(slow)
    await until(lambda: heard, 20)
    assert heard == ["notifications/tools/list_changed"]
    assert [tool.name for tool in await pool.list_tools(slow)] == ["poke"]
