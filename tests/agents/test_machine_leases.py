"""Ports and folders of its own: nobody else on the machine has them meanwhile, and a killed holder keeps nothing."""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.config import Settings
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Unavailable
from orchestrator.core.ids import new_id
from orchestrator.services.machine_leases import MachineLeases, forget_projects, projects_with_folders
from orchestrator.services.task_service import TaskRequest
from tests.agents.conftest import MakeProject, RunTask
from tests.agents.test_acp_tasks import hand_in, terminals

PROJECT = new_id()
HOLDER = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from orchestrator.services.machine_leases import MachineLeases

async def hold():
    first = int(sys.argv[2])
    leases = MachineLeases(
        Path(sys.argv[1]), "agents", ports=2, between=(first, first + 2), names=["cache"], most_bytes=10**6
    )
    async with leases.leased(UUID(sys.argv[3])) as leased:
        print(*leased.ports, leased.paths[0], flush=True)
        await asyncio.sleep(600)

asyncio.run(hold())
"""


@pytest.fixture
def llm_settings(settings: Settings) -> Settings:
    """The settings that the container is built of."""
    more = {"attempt_ports": 2, "attempt_folders": "cache", "criteria_folders": "cache"}
    return Settings(_env_file=None, **(settings.model_dump() | more))


@pytest.fixture
def first() -> int:
    """The first of three ports that nobody listens at."""
    for port in range(27_000, 30_000, 3):
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            try:
                for number, asked in enumerate((one, two, three)):
                    asked.bind(("127.0.0.1", port + number))
            except OSError:
                continue
            return port
    pytest.fail("no three ports are free")


def leases(root: Path, first: int, *, ports: int = 0, names: Sequence[str] = (), most: int = 10**6) -> MachineLeases:
    return MachineLeases(root, "agents", ports=ports, between=(first, first + 2), names=names, most_bytes=most)


async def test_no_port_is_given_twice_nor_one_that_somebody_listens_at(tmp_path: Path, first: int) -> None:
    async with leases(tmp_path, first, ports=1).leased(PROJECT) as one:
        listener = socket.create_server(
            ("127.0.0.1", next(port for port in range(first, first + 3) if port not in one.ports))
        )
        async with leases(tmp_path, first, ports=1).leased(PROJECT) as two:
            given = {*one.ports, *two.ports, listener.getsockname()[1]}
            assert given == {first, first + 1, first + 2}
            with pytest.raises(Unavailable, match="are free"):
                async with leases(tmp_path, first, ports=1).leased(PROJECT):
                    pass
            assert two.environment == {
                "ORCHESTRATOR_PORT_1": str(two.ports[0]), "ORCHESTRATOR_PORTS": str(two.ports[0])
            }  # fmt: skip
        listener.close()
    async with leases(tmp_path, first, ports=3).leased(PROJECT) as all_of_them:
        assert set(all_of_them.ports) == given


async def test_a_killed_holder_keeps_nothing(tmp_path: Path, first: int) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path), str(first), str(PROJECT), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        *ports, folder = (await asyncio.wait_for(holder.stdout.readline(), 60)).decode().split()
        async with leases(tmp_path, first, ports=1, names=["cache"]).leased(PROJECT) as mine:
            assert str(mine.ports[0]) not in ports
            assert [str(path) for path in mine.paths] == [f"{folder}.2"]
    finally:
        holder.send_signal(signal.SIGKILL)
        await holder.wait()
    async with leases(tmp_path, first, ports=3, names=["cache"]).leased(PROJECT) as mine:
        assert {*map(str, mine.ports)}.issuperset(ports)
        assert [str(path) for path in mine.paths] == [folder]


async def test_a_folder_keeps_what_is_in_it_until_it_is_too_large_and_is_one_projects_own(tmp_path: Path) -> None:
    named, another = leases(tmp_path, 1024, names=["npm", "uv"], most=100_000), new_id()
    async with named.leased(PROJECT) as had:
        assert [path.name for path in had.paths] == ["npm", "uv"]
        (had.paths[0] / "small").write_text("kept")
        (had.paths[1] / "large").write_bytes(b"x" * 200_000)
        async with named.leased(PROJECT) as beside, named.leased(another) as elsewhere:
            assert [path.name for path in beside.paths] == ["npm.2", "uv.2"]
            assert not {*had.paths, *beside.paths} & {*elsewhere.paths}
    async with named.leased(PROJECT) as again:
        assert again.paths == had.paths
        assert (again.paths[0] / "small").read_text() == "kept"
        assert list(again.paths[1].iterdir()) == []
        assert set(again.environment) == {"ORCHESTRATOR_FOLDER_NPM", "ORCHESTRATOR_FOLDER_UV"}
    assert projects_with_folders(tmp_path) == {PROJECT, another}
    await forget_projects(tmp_path, [another])
    assert projects_with_folders(tmp_path) == {PROJECT}


async def test_a_program_and_its_commands_have_ports_and_a_folder_that_the_next_attempt_finds_again(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    terminals(container)
    project = await make_project({"a.py": "x = 1\n"})

    async def said(line: str) -> str:
        row = await run_task(await hand_in(container, caller, project, {"do": "run", "text": line}))
        assert row["state"] == "completed", row["error"]
        return str(row["result"]["data"]["answer"])

    told = await said('echo "<$ORCHESTRATOR_PORTS>"; echo kept > $ORCHESTRATOR_FOLDER_CACHE/note')
    first, second = told.partition("<")[2].partition(">")[0].split()
    assert 20_000 <= int(first) < 30_000
    assert first != second
    assert "kept" in await said("cat $ORCHESTRATOR_FOLDER_CACHE/note")


async def test_a_criterion_has_ports_and_folders_apart_from_those_of_agents(
    container: Container, caller: Caller, make_project: MakeProject, run_task: RunTask
) -> None:
    project = await make_project({"a.py": "x = 1\n"})
    agents = container.agent_executor()._leases
    async with agents.leased(project) as leased:
        (leased.paths[0] / "from-an-agent").touch()
    code = (
        "import os, socket; folder = os.environ['ORCHESTRATOR_FOLDER_CACHE']; assert os.listdir(folder) == [];"
        "open(folder + '/own', 'w').close(); ports = os.environ['ORCHESTRATOR_PORTS'].split();"
        "[socket.create_server(('127.0.0.1', int(port))) for port in ports]; assert len(ports) == 2"
    )
    task = await _proven(container, caller, project, code)
    row = await run_task(task)
    assert row["state"] == "completed", row["error"]


async def _proven(container: Container, caller: Caller, project: UUID, code: str) -> UUID:

    criterion = {"kind": "command", "command": [sys.executable, "-c", code], "name": "own"}
    request = TaskRequest(
        "scripted", {"steps": [{"do": "write", "path": "b.py", "text": "y = 1\n"}]}, project_id=project,
        preferred_target="agent:scripted-editor", acceptance=[criterion],
    )  # fmt: skip
    return UUID(str((await container.tasks.create(caller, request))["id"]))
