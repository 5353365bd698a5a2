"""Servers that lie, hang, flood, die and print rubbish cost one clear error each and nothing else."""

import asyncio
import gc
import json
import time
from pathlib import Path

import pytest

from orchestrator.core.errors import (
    InvalidInput,
    NotFound,
    OrchestratorError,
    ServerMisbehaved,
    ServerUnreachable,
    TimedOut,
)
from orchestrator.mcp.definition import ServerDefinition
from orchestrator.mcp.pool import ServerPool
from tests.mcp.conftest import NOBODY, hostile, process_alive, python_server, until


async def _refusal(pool: ServerPool, definition: ServerDefinition, **more: float) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        await pool.call_tool(definition, "poke", {}, context=NOBODY, **more)
    return caught.value


async def test_a_server_that_dies_at_start_is_unreachable_and_its_last_words_are_shown_without_secrets(
    pool: ServerPool,
) -> None:
    error = await _refusal(pool, hostile("dies-at-start", env={"API_KEY": "s3cret-value"}))
    assert isinstance(error, ServerUnreachable)
    assert "no module named luck" in error.message
    assert "s3cret-value" not in error.message
    assert "key=***" in error.message


async def test_a_server_that_cannot_start_fails_fast_until_the_back_off_passes(pool: ServerPool) -> None:
    broken = hostile("dies-at-start")
    await _refusal(pool, broken)
    error = await _refusal(pool, broken)
    assert error.details["retry_after"] > 0
    assert pool.state(broken.id).starts == 1
    await until(lambda: pool.state(broken.id).retry_in_seconds == 0)
    await _refusal(pool, broken)
    assert pool.state(broken.id).starts == 2


async def test_a_probe_tries_even_while_the_back_off_runs(pool: ServerPool) -> None:
    broken = hostile("dies-at-start")
    await _refusal(pool, broken)
    probe = await pool.probe(broken)
    assert not probe.healthy
    assert probe.error is not None
    assert probe.error["code"] == "server_unreachable"
    assert pool.state(broken.id).starts == 2


async def test_a_command_that_does_not_exist_is_named(pool: ServerPool) -> None:
    missing = ServerDefinition.build(id=hostile("x").id, name="gone", transport="stdio", command="no-such-program-here")
    error = await _refusal(pool, missing)
    assert isinstance(error, ServerUnreachable)
    assert error.field == "command"


async def test_a_death_in_the_middle_of_a_call_fails_the_call_at_once(pool: ServerPool) -> None:
    began = time.monotonic()
    error = await _refusal(pool, hostile("dies-mid-call", env={"API_KEY": "s3cret-value"}))
    assert isinstance(error, ServerUnreachable)
    assert error.retry
    assert "out of luck" in error.message
    assert "s3cret" not in error.message
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("kind", ["no-object", "no-error"])
async def test_an_answer_that_is_none_of_the_protocol_fails_the_call_at_once(pool: ServerPool, kind: str) -> None:
    odd = hostile(kind)
    began = time.monotonic()
    error = await _refusal(pool, odd)
    assert isinstance(error, ServerMisbehaved), error
    assert "object" in error.message or "JSON-RPC" in error.message
    assert time.monotonic() - began < 10
    assert [tool.name for tool in await pool.list_tools(odd)] == ["poke"]
    assert pool.state(odd.id).starts == 1


async def test_a_dead_server_hides_only_itself(pool: ServerPool) -> None:
    fine, dead = hostile("fine"), hostile("dies-at-start")
    listed = await pool.list_all([dead, fine])
    assert listed[0].error is not None
    assert listed[0].tools == ()
    assert [tool.name for tool in listed[1].tools] == ["poke"]


async def test_a_hanging_call_times_out_and_a_server_that_answers_nothing_is_replaced(pool: ServerPool) -> None:
    hanging = hostile("hangs")
    error = await _refusal(pool, hanging, timeout=0.5)
    assert isinstance(error, TimedOut)
    assert error.details == {"seconds": 0.5}
    await until(lambda: pool.state(hanging.id).status == "failed", 15)
    assert "does not answer" in (pool.state(hanging.id).last_error or "")


async def test_a_server_that_never_answers_its_greeting_is_given_up(make_pool) -> None:
    error = await _refusal(make_pool(start_seconds=0.5), hostile("silent"))
    assert isinstance(error, ServerUnreachable)
    assert "within 0.5 s" in error.message


async def test_a_start_that_is_given_up_between_two_greetings_leaves_nothing_that_is_told_elsewhere(
    make_pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second greeting fails when the connection closes; nobody waits for it, so asyncio would complain later."""
    monkeypatch.setattr("orchestrator.mcp.relay._SILENCE_SECONDS", 0.05)
    loop, told = asyncio.get_running_loop(), []
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    try:
        await _refusal(make_pool(start_seconds=0.5), hostile("silent"))
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(handler)
    assert told == []


async def test_rubbish_instead_of_an_answer_is_reported_as_such(make_pool) -> None:
    error = await _refusal(make_pool(start_seconds=1.0), hostile("rubbish"))
    assert isinstance(error, ServerMisbehaved)
    assert "please wait" in error.message


async def test_some_rubbish_before_real_answers_is_tolerated(pool: ServerPool) -> None:
    result = await pool.call_tool(hostile("rubbish-then-fine"), "poke", {}, context=NOBODY)
    assert result.text == "ok"


async def test_endless_rubbish_ends_the_server(pool: ServerPool) -> None:
    error = await _refusal(pool, hostile("rubbish-forever"))
    assert isinstance(error, ServerMisbehaved)
    assert "no JSON-RPC" in error.message


async def test_a_slow_start_is_waited_for_once_by_all_callers(pool: ServerPool) -> None:
    slow = hostile("slow-start")
    calls = [pool.call_tool(slow, "poke", {}, context=NOBODY) for _ in range(5)]
    results = await asyncio.gather(*calls)
    assert len({result.meta["pid"] for result in results if result.meta}) == 1
    assert pool.state(slow.id).starts == 1


async def test_an_answer_over_the_limit_fails_its_call_and_spares_the_server(pool: ServerPool) -> None:
    huge = hostile("huge")
    error = await _refusal(pool, huge)
    assert isinstance(error, ServerMisbehaved)
    assert "too large" in error.message
    assert pool.state(huge.id).status == "ready"


async def test_a_flood_without_a_line_break_ends_the_server(pool: ServerPool) -> None:
    error = await _refusal(pool, hostile("flood"))
    assert isinstance(error, ServerMisbehaved)
    assert "without a line break" in error.message


async def test_a_lie_about_the_output_schema_is_caught(pool: ServerPool) -> None:
    error = await _refusal(pool, hostile("lies"))
    assert isinstance(error, ServerMisbehaved)
    assert "structuredContent.n" in error.message


async def test_a_tool_that_asks_for_input_nobody_can_give_is_told_so(pool: ServerPool) -> None:
    error = await _refusal(pool, hostile("input-required"))
    assert isinstance(error, ServerMisbehaved)
    assert "asks for input" in error.message


@pytest.mark.parametrize("mode", ["not-the-protocol", "not-the-newer-protocol", "endless-list", "schema-bomb"])
async def test_breaking_the_protocol_is_misbehaviour(pool: ServerPool, mode: str) -> None:
    began = time.monotonic()
    assert isinstance(await _refusal(pool, hostile(mode)), ServerMisbehaved)
    assert time.monotonic() - began < 10


async def test_a_protocol_version_nobody_knows_is_refused(pool: ServerPool) -> None:
    error = await _refusal(pool, hostile("unknown-version"))
    assert isinstance(error, ServerUnreachable)
    assert "9999-01-01" in error.message


async def test_unknown_fields_of_tools_and_results_pass_unchanged(pool: ServerPool) -> None:
    odd = hostile("odd")
    (tool,) = await pool.list_tools(odd)
    assert tool.to_wire()["x-vendor"] == {"a": [1]}
    assert tool.to_wire()["inputSchema"]["$defs"] == {"T": {"$anchor": "t"}}
    result = await pool.call_tool(odd, "poke", {}, context=NOBODY)
    assert result.to_wire()["x-unknown"] == 1


async def test_a_server_sees_a_minimal_environment(pool: ServerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "of the service")
    monkeypatch.setenv("LC_TIME", "C")
    result = await pool.call_tool(hostile("environment", env={"MINE": "1"}), "poke", {}, context=NOBODY)
    seen = json.loads(result.text)
    assert seen["MINE"] == "1"
    assert seen["LC_TIME"] == "C"
    assert set(seen) <= {"PATH", "HOME", "LANG", "LANGUAGE", "TMPDIR", "MINE"} | {
        n for n in seen if n.startswith("LC_")
    }


async def test_cancelling_the_caller_cancels_upstream(pool: ServerPool, tmp_path: Path) -> None:
    mark = tmp_path / "cancelled"
    waiting = hostile("waits-for-cancel", str(mark))
    await pool.list_tools(waiting)
    call = asyncio.create_task(pool.call_tool(waiting, "poke", {}, context=NOBODY))
    await until(lambda: mark.exists() and mark.read_text() == "called")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: mark.read_text() == "true")


async def test_a_changed_tool_list_is_read_again(pool: ServerPool) -> None:
    changing = hostile("lists-change")
    assert [tool.name for tool in await pool.list_tools(changing)] == ["poke"]
    await pool.call_tool(changing, "poke", {}, context=NOBODY)
    assert [tool.name for tool in await pool.list_tools(changing)] == ["poked"]


async def test_nothing_a_server_started_outlives_the_pool(make_pool, tmp_path: Path) -> None:
    pool, note = make_pool(), tmp_path / "child"
    parent = hostile("has-children", str(note))
    await pool.list_tools(parent)
    child, server = int(note.read_text()), pool.state(parent.id).pid
    assert process_alive(child)
    await pool.aclose()
    assert not process_alive(child)
    assert not process_alive(server)


async def test_a_server_that_ignores_term_is_killed(make_pool) -> None:
    pool, stubborn = make_pool(), hostile("stubborn")
    await pool.list_tools(stubborn)
    server = pool.state(stubborn.id).pid
    await pool.aclose()
    assert not process_alive(server)


async def test_a_tool_nobody_offers_is_not_found(pool: ServerPool) -> None:
    with pytest.raises(NotFound, match="it has: poke"):
        await pool.call_tool(hostile("fine"), "prod", {}, context=NOBODY)


async def test_wrong_arguments_never_reach_the_server(pool: ServerPool) -> None:
    clock = python_server("mcp_server_time", "--local-timezone", "UTC")
    with pytest.raises(InvalidInput) as caught:
        await pool.call_tool(clock, "get_current_time", {"timezone": 3}, context=NOBODY)
    assert caught.value.field == "arguments.timezone"


async def test_a_server_that_dies_right_after_its_greeting_backs_off_like_any_other(pool: ServerPool) -> None:
    brief = hostile("dies-after-greeting")
    assert isinstance(await _refusal(pool, brief), ServerUnreachable)
    await until(lambda: pool.state(brief.id).status == "failed")
    assert (await _refusal(pool, brief)).details["retry_after"] > 0
