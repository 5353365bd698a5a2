"""Starts worker processes: light and agents (one event loop), heavy (RQ, a process per attempt), monitor (loops).

Called by the command line with its settings. Signals end each in order: nothing new is taken, what runs gets a grace.
"""

import asyncio
import os
import signal
from importlib import import_module
from typing import Protocol

from orchestrator.bootstrap import build_container
from orchestrator.config import Settings
from orchestrator.event_loop import Loop
from orchestrator.jobqueue.forking import work_until_asked_to_stop
from orchestrator.jobqueue.queues import HEAVY_QUEUES
from orchestrator.jobs import runner
from orchestrator.jobs.light import AgentWorker, LightWorker
from orchestrator.jobs.monitor import Monitor
from orchestrator.logs import configure_logging


class _Stoppable(Protocol):
    def stop(self) -> None: ...

    async def run(self) -> None: ...


def run_light(settings: Settings) -> None:
    """Run a light worker until a signal."""
    _serve(settings, LightWorker)


def run_agents(settings: Settings) -> None:
    """Run a worker for agents until a signal. Its first program should not wait for the protocol's shapes to load."""
    import_module("orchestrator.agents.acp.session")
    _serve(settings, AgentWorker)


def run_monitor(settings: Settings) -> None:
    """Run a monitor until a signal."""
    _serve(settings, Monitor)


def run_heavy(settings: Settings) -> None:
    """Run an RQ worker until a signal. Each attempt is a fork of this process, so its imports are paid once."""
    configure_logging(settings.log_level, as_json=settings.log_json)
    _export(settings)
    work_until_asked_to_stop(settings.redis_url, HEAVY_QUEUES, runner.worker_id("heavy"))


def _serve(settings: Settings, make: type[LightWorker] | type[AgentWorker] | type[Monitor]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_until_stopped(settings, make))


async def _until_stopped(settings: Settings, make: type[LightWorker] | type[AgentWorker] | type[Monitor]) -> None:
    configure_logging(settings.log_level, as_json=settings.log_json)
    container = build_container(settings)
    try:
        server: _Stoppable = make(container)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await server.run()
    finally:
        await container.close()


def _export(settings: Settings) -> None:
    """Forked attempts read their settings from the environment, like every other process."""
    os.environ["DATABASE_URL"] = settings.database_url
    os.environ["REDIS_URL"] = settings.redis_url
    os.environ["DATA_DIR"] = str(settings.data_dir)
