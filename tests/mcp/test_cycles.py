"""Connecting and killing over and over leaves nothing behind. `make bench-mcp` does it a thousand times."""

import pytest

from benchmarks.mcp_cycles import connect_and_kill


@pytest.mark.timeout(300)
async def test_connecting_and_killing_in_any_phase_leaves_no_process_descriptor_task_or_memory() -> None:
    left = await connect_and_kill(100)
    assert (left.processes, left.descriptors, left.tasks) == (0, 0, 0), left
    assert left.memory_mib < 8, left
    assert left.answered > 15, left
