"""Connecting and killing over and over leaves nothing behind. `make bench-mcp` does it a thousand times."""

import pytest

from benchmarks.mcp_cycles import connect_and_kill
from benchmarks.mcp_cycles_http import connect_and_end


@pytest.mark.timeout(300)
async def test_connecting_and_killing_in_any_phase_leaves_no_process_descriptor_task_or_memory() -> None:
    left = await connect_and_kill(100)
    assert (left.processes, left.descriptors, left.tasks) == (0, 0, 0), left
    assert left.memory_mib < 8, left
    assert left.answered > 15, left


@pytest.mark.timeout(120)
async def test_sessions_over_http_that_end_in_any_phase_leave_nothing_here_and_nothing_at_the_server() -> None:
    left = await connect_and_end(60)
    assert (left.sessions, left.connections, left.descriptors, left.tasks) == (0, 0, 0, 0), left
    assert left.cycles == 60
    assert left.memory_mib < 8, left
    assert left.answered > 10, left
