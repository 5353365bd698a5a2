"""The pool's own promises: one session, kept, healed, replaced, closed; time, size and number bounded."""

import asyncio
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.core.errors import InvalidInput, NotFound, OrchestratorError, ServerUnreachable, TimedOut
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import ServerPool
from tests.mcp.conftest import NOBODY, hostile, process_alive, python_server, until


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "a.py").write_text("x = 1\n")
    who = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "The first commit"]):
        subprocess.run(["git", *command], cwd=folder, check=True, timeout=30)
    return folder


async def _pid(pool: ServerPool, definition: ServerDefinition) -> int:
    result = await pool.call_tool(definition, "poke", {}, context=NOBODY)
    assert result.meta is not None
    return int(result.meta["pid"])


async def test_a_third_party_git_server_answers_through_the_pool(pool: ServerPool, repository: Path) -> None:
    git = python_server("mcp_server_git", "--repository", str(repository))
    probe = await pool.probe(git)
    assert probe.healthy
    assert probe.latency_ms is not None
    assert probe.era == "modern"
    log = await pool.call_tool(git, "git_log", {"repo_path": str(repository)}, context=NOBODY)
    assert "The first commit" in log.text


async def test_a_third_party_time_server_answers_and_its_own_failures_are_results(pool: ServerPool) -> None:
    clock = python_server("mcp_server_time", "--local-timezone", "UTC")
    assert "UTC" in (await pool.call_tool(clock, "get_current_time", {"timezone": "UTC"}, context=NOBODY)).text
    failed = await pool.call_tool(clock, "get_current_time", {"timezone": "Mars/Olympus"}, context=NOBODY)
    assert failed.is_error
    with pytest.raises(OrchestratorError, match="Mars/Olympus"):
        failed.raise_for_error()


async def test_all_calls_share_one_process(pool: ServerPool) -> None:
    fine = hostile("fine")
    assert len(set(await asyncio.gather(*(_pid(pool, fine) for _ in range(20))))) == 1
    assert pool.state(fine.id).starts == 1


async def test_a_server_killed_from_outside_heals_on_the_next_call(pool: ServerPool) -> None:
    fine = hostile("fine")
    first = await _pid(pool, fine)
    os.kill(first, signal.SIGKILL)
    await until(lambda: pool.state(fine.id).status != "ready")
    assert await _pid(pool, fine) != first
    assert pool.state(fine.id).failures == 0


async def test_a_changed_definition_replaces_the_session(pool: ServerPool) -> None:
    fine = hostile("fine")
    first = await _pid(pool, fine)
    changed = replace(fine, env={"NEW": "1"}, revision="")
    assert changed.revision != fine.revision
    assert await _pid(pool, changed) != first
    await until(lambda: not process_alive(first))


async def test_an_idle_session_is_closed_and_a_quiet_probe_leaves_it_so(make_pool) -> None:
    pool, fine = make_pool(idle_seconds=0.2), hostile("fine")
    assert (await pool.probe(fine)).healthy
    pid = pool.state(fine.id).pid
    await until(lambda: pool.state(fine.id).status == "idle")
    await until(lambda: not process_alive(pid))
    assert (await pool.probe(fine, start=False)).healthy
    assert pool.state(fine.id).starts == 1
    await _pid(pool, fine)
    assert pool.state(fine.id).starts == 2


async def test_forgetting_a_server_fails_its_calls_and_ends_it(pool: ServerPool) -> None:
    hanging = hostile("hangs")
    await pool.list_tools(hanging)
    pid = pool.state(hanging.id).pid
    call = asyncio.create_task(pool.call_tool(hanging, "poke", {}, context=NOBODY))
    await until(lambda: pool.state(hanging.id).in_flight == 1)
    await pool.forget(hanging.id)
    with pytest.raises(ServerUnreachable):
        await call
    assert not process_alive(pid)
    assert pool.state(hanging.id).status == "idle"


async def test_the_time_limit_covers_waiting_for_a_free_slot(pool: ServerPool) -> None:
    narrow = hostile("hangs", max_concurrency=1)
    first = asyncio.create_task(pool.call_tool(narrow, "poke", {}, context=NOBODY, timeout=5))
    await until(lambda: pool.state(narrow.id).status == "ready")
    with pytest.raises(TimedOut):
        await pool.call_tool(narrow, "poke", {}, context=NOBODY, timeout=0.2)
    first.cancel()


async def test_closing_the_pool_while_a_server_starts_leaves_nothing_behind(make_pool) -> None:
    pool, slow = make_pool(), hostile("slow-start")
    call = asyncio.create_task(_pid(pool, slow))
    await until(lambda: pool.state(slow.id).status == "starting")
    await pool.aclose()
    with pytest.raises(OrchestratorError):
        await call
    with pytest.raises(OrchestratorError):
        await _pid(pool, slow)


async def test_many_starts_and_kills_leave_no_process_and_no_descriptor(pool: ServerPool) -> None:
    fine = hostile("fine")
    pids = [await _pid(pool, fine)]
    await pool.forget(fine.id)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        pids.append(await _pid(pool, fine))
        await pool.forget(fine.id)
    assert not any(process_alive(pid) for pid in pids)
    assert len(os.listdir("/proc/self/fd")) <= before + 1


async def test_built_in_servers_are_called_probed_and_listed_like_any_other(pool: ServerPool) -> None:
    own = ServerDefinition.build(id=uuid4(), name="diagnostics", transport="builtin")
    assert (await pool.call_tool(own, "echo", {"a": [1]}, context=NOBODY)).structured == {"a": [1]}
    assert (await pool.probe(own)).healthy
    assert [tool.name for tool in await pool.list_tools(own)] == ["echo", "wait", "fail"]
    failed = await pool.call_tool(own, "fail", {"message": "as told"}, context=NOBODY)
    assert (failed.is_error, failed.text) == (True, "as told")


async def test_a_built_in_wait_reports_progress_and_obeys_time_limit_and_cancellation(pool: ServerPool) -> None:
    own = ServerDefinition.build(id=uuid4(), name="diagnostics", transport="builtin")
    heard: list[float] = []

    async def note(done: float, _total: float | None, _message: str | None) -> None:
        heard.append(done)

    await pool.call_tool(own, "wait", {"seconds": 0.01}, context=NOBODY, on_progress=note)
    assert heard == [0.01]
    with pytest.raises(TimedOut):
        await pool.call_tool(own, "wait", {"seconds": 30}, context=NOBODY, timeout=0.05)
    call = asyncio.create_task(pool.call_tool(own, "wait", {"seconds": 30}, context=NOBODY))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_wrong_arguments_and_names_of_built_in_tools_name_the_field(pool: ServerPool) -> None:
    own = ServerDefinition.build(id=uuid4(), name="diagnostics", transport="builtin")
    with pytest.raises(InvalidInput) as caught:
        await pool.call_tool(own, "wait", {"seconds": 61}, context=NOBODY)
    assert caught.value.field == "arguments.seconds"
    with pytest.raises(NotFound):
        await pool.call_tool(own, "sing", {}, context=NOBODY)
    with pytest.raises(NotFound):
        await pool.list_tools(ServerDefinition.build(id=uuid4(), name="unknown", transport="builtin"))


async def test_closing_the_pool_does_not_wait_for_calls_on_a_replaced_session(make_pool) -> None:
    pool, hanging = make_pool(), hostile("hangs")
    call = asyncio.create_task(pool.call_tool(hanging, "poke", {}, context=NOBODY))
    await until(lambda: pool.state(hanging.id).status == "ready")
    await pool.list_tools(replace(hanging, env={"NEW": "1"}, revision=""))
    async with asyncio.timeout(10):
        await pool.aclose()
    with pytest.raises(ServerUnreachable):
        await call


async def test_a_pool_that_closes_does_not_wait_for_a_server_that_never_answers(make_pool) -> None:
    pool, silent = make_pool(start_seconds=60.0), hostile("silent")
    call = asyncio.create_task(pool.list_tools(silent))
    await until(lambda: pool.state(silent.id).status == "starting")
    async with asyncio.timeout(10):
        await pool.aclose()
    with pytest.raises(ServerUnreachable):
        await call


async def test_a_server_that_is_slow_or_dead_does_not_hold_up_a_merged_list(pool: ServerPool) -> None:
    listed = await pool.list_all([hostile("silent"), hostile("fine")], seconds=3)
    assert listed[0].error is not None
    assert listed[0].error["code"] == "timed_out"
    assert [tool.name for tool in listed[1].tools] == ["poke"]
