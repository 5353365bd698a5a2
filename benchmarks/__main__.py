"""``python -m benchmarks TARGET``: runs one target's measurements and publishes its rows."""

import asyncio
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import structlog

from benchmarks import (
    execute,
    kg_build,
    kg_javascript_accuracy,
    kg_python_accuracy,
    kg_python_accuracy_traced,
    kg_queries,
    kg_traces,
    kg_update,
    kg_w3c,
    mcp_cold_start,
    mcp_cycles,
    mcp_cycles_http,
    mcp_gateway,
    mcp_memory,
    mcp_stdio,
    orchestrator,
    orchestrator_overlaps,
    orchestrator_quota,
    orchestrator_worktree,
    pipeline,
    reads,
    start,
)
from benchmarks.readme import write_readme
from benchmarks.report import NotMeasuredError, Row, not_measured, publish
from orchestrator.core.errors import OrchestratorError

Measurement = Callable[[Path], Awaitable[list[Row]]]

TARGETS: dict[str, tuple[Measurement, ...]] = {
    "bench": (
        pipeline.throughput,
        pipeline.latency,
        pipeline.waiting_calls,
        execute.execute,
        reads.reads,
        start.start,
    ),
    "bench-kg": (
        kg_w3c.w3c,
        kg_queries.queries,
        kg_build.build,
        kg_update.update,
        kg_python_accuracy.python_accuracy,
        kg_python_accuracy_traced.python_traced,
        kg_javascript_accuracy.javascript_accuracy,
        kg_traces.tracing_cost,
        kg_traces.traced_recall,
    ),
    "bench-orchestrator": (
        orchestrator.first_event,
        orchestrator.overhead,
        orchestrator.many_at_once,
        orchestrator.recovery,
        orchestrator_worktree.worktrees_ready,
        orchestrator_overlaps.overlaps,
        orchestrator_quota.quota_storm,
    ),
    "bench-mcp": (
        mcp_gateway.gateway,
        mcp_stdio.stdio,
        mcp_memory.memory,
        mcp_cold_start.cold_start,
        mcp_cycles.connect_and_kill_cycles,
        mcp_cycles_http.connect_and_end_cycles,
    ),
}


_FAILURES = (RuntimeError, OSError, EOFError, httpx.HTTPError, OrchestratorError)


async def _run(target: str, only: str | None) -> tuple[list[Row], list[str]]:
    """All rows, and the measurements that failed."""
    rows: list[Row] = []
    failed: list[str] = []
    measures = [measure for measure in TARGETS[target] if only in (None, measure.__name__)]
    for number, measure in enumerate(measures, 1):
        print(f"measuring, {number} of {len(measures)}: {measure.__name__} …", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="orchestrator-bench-") as folder:
            try:
                rows += await measure(Path(folder))
            except NotMeasuredError as error:
                print(f"not measured: {error}", flush=True)
                rows.append(not_measured(measure.__name__, measure.__name__.replace("_", " "), str(error)))
            except _FAILURES as error:
                # What was measured before and comes after is worth having; the row tells of this one.
                traceback.print_exc()
                failed.append(measure.__name__)
                why = f"{type(error).__name__}: {error}"[:200]
                rows.append(not_measured(measure.__name__, measure.__name__.replace("_", " "), why))
        print(f"measured: {measure.__name__}, {time.monotonic() - began:.0f} s", flush=True)
    return rows, failed


def _quiet() -> None:
    """What the services and the SDK note while servers are killed on purpose is no news here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.getLogger("mcp.client.streamable_http").setLevel(logging.ERROR)


def main() -> None:
    """Run what the command line names; ends with 1 when a measurement failed."""
    _quiet()
    target = sys.argv[1] if len(sys.argv) > 1 else "bench"
    if target not in TARGETS:
        sys.exit(f"no benchmark named {target}; there are: {', '.join(TARGETS)}")
    only = sys.argv[2] if len(sys.argv) > 2 else None
    rows, failed = asyncio.run(_run(target, only))
    publish(target if not only else f"{target}-{only}", rows)
    write_readme()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
