"""The embedded pair: shared by whoever starts it in a folder, and recovered from whatever a crash leaves."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from orchestrator.core.errors import NotConfigured, Unavailable
from orchestrator.embedded.folder import open_folder
from orchestrator.embedded.pair import Embedded, start_embedded
from orchestrator.embedded.processes import Account, end_everything_below, find, run, wait_until

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was started and stopped once, to copy from: preparing one takes most of a second."""
    folder = tmp_path_factory.mktemp("prepared")
    asyncio.run(_start_and_stop(folder))
    return folder


async def _start_and_stop(folder: Path) -> None:
    await (await start_embedded(folder, durable=False)).stop()


@pytest.fixture
async def folder(prepared: Path, tmp_path: Path) -> AsyncIterator[Path]:
    """A prepared folder; whatever a test leaves running there is killed."""
    copy = tmp_path / "data"
    subprocess.run(["cp", "-a", str(prepared), str(copy)], check=True, timeout=30)
    yield copy
    end_everything_below(tmp_path)


def _runs(pid: int) -> bool:
    """Whether it still does something; a zombie only waits for its parent to look."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _works(pair: Embedded) -> bool:
    with psycopg.connect(pair.database_url) as connection, redis.Redis.from_url(pair.redis_url) as client:
        return connection.execute("SELECT 1").fetchone() == (1,) and client.ping() is True


async def test_a_pair_starts_works_and_stops(folder: Path) -> None:
    pair = await start_embedded(folder)
    pids = pair.pids
    assert _works(pair)
    await pair.stop()
    assert not any(_runs(pid) for pid in pids.values())


async def test_the_first_start_prepares_a_durable_database(tmp_path: Path) -> None:
    pair = await start_embedded(tmp_path / "new")
    with psycopg.connect(pair.database_url) as connection:
        assert connection.execute("SHOW server_version_num").fetchone() >= ("180000",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    await pair.stop()


async def test_data_survives_a_restart(folder: Path) -> None:
    pair = await start_embedded(folder)
    with psycopg.connect(pair.database_url) as connection:
        connection.execute("CREATE TABLE kept (value int)")
    await pair.stop()
    pair = await start_embedded(folder)
    with psycopg.connect(pair.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    await pair.stop()


async def test_a_second_starter_attaches_and_the_last_to_leave_stops_it(folder: Path) -> None:
    first, second = await asyncio.gather(start_embedded(folder), start_embedded(folder))
    assert first.pids == second.pids
    await first.stop()
    assert _works(second)
    pids = second.pids
    await second.stop()
    assert not any(_runs(pid) for pid in pids.values())


async def test_two_folders_run_side_by_side(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other data"
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("postgres"))
    one, two = await start_embedded(folder), await start_embedded(other, postgres=False)
    assert one.pids["Redis"] != two.pids["Redis"]
    assert two.database_url == ""
    await one.stop()
    with redis.Redis.from_url(two.redis_url) as client:
        assert client.ping()
    await two.stop()


@pytest.mark.parametrize("name", ["with spaces and 'quotes' $(x) %20 ü?#&", "long/" + "x" * 120 + "/" + "y" * 120])
async def test_any_folder_name_will_do(folder: Path, tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(place)
    pair = await start_embedded(place)
    assert _works(pair)
    await pair.stop()


async def test_a_squatted_socket_folder_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("z" * 150)
    folder.rename(place)
    with tempfile.TemporaryDirectory(prefix="o", dir="/tmp") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        sockets = open_folder(place).sockets
        assert sockets.parent == Path(short)
        sockets.chmod(0o777)
        with pytest.raises(NotConfigured, match="not a private folder"):
            await start_embedded(place)


@pytest.mark.parametrize("server", ["PostgreSQL", "Redis"])
async def test_a_killed_server_is_started_again(folder: Path, server: str) -> None:
    pair = await start_embedded(folder)
    old = pair.pids[server]
    os.kill(old, signal.SIGKILL)
    assert await wait_until(lambda: _is_gone(pair, server), 10)
    assert await pair.ensure() == [server]
    assert _works(pair)
    assert pair.pids[server] != old
    assert await pair.ensure() == []
    await pair.stop()


async def _is_gone(pair: Embedded, server: str) -> bool:
    return server not in pair.pids


async def test_committed_rows_survive_the_kill_of_the_server(folder: Path) -> None:
    pair = await start_embedded(folder)
    with psycopg.connect(pair.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")
    os.kill(pair.pids["PostgreSQL"], signal.SIGKILL)
    assert await wait_until(lambda: _is_gone(pair, "PostgreSQL"), 10)
    await pair.ensure()
    with psycopg.connect(pair.database_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (42,)
    await pair.stop()


_SERVICE = """
import asyncio, sys
from pathlib import Path
from orchestrator.embedded.pair import start_embedded

async def main():
    pair = await start_embedded(Path(sys.argv[1]))
    print(*pair.pids.values(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_servers_left_by_a_killed_service_are_adopted_and_then_stopped(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SERVICE, str(folder)], stdout=subprocess.PIPE, text=True, cwd=_ROOT
    ) as process:
        assert process.stdout is not None
        left = sorted(int(pid) for pid in process.stdout.readline().split())
        process.kill()
    pair = await start_embedded(folder)
    assert sorted(pair.pids.values()) == left
    assert _works(pair)
    await pair.stop()
    assert not any(_runs(pid) for pid in left)


async def test_a_stale_pid_that_a_stranger_uses_now_does_not_matter(folder: Path) -> None:
    pair = await start_embedded(folder)
    data, pid_file = folder / "embedded" / "postgres", folder / "embedded" / "redis" / "redis.pid"
    lines = (data / "postmaster.pid").read_text().splitlines()
    await pair.stop()
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    pid_file.write_text(str(os.getpid()))
    pair = await start_embedded(folder)
    assert os.getpid() not in pair.pids.values()
    assert _works(pair)
    await pair.stop()


async def test_a_start_that_was_cut_short_while_preparing_begins_anew(tmp_path: Path) -> None:
    half = tmp_path / "embedded" / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    pair = await start_embedded(tmp_path, redis=False, durable=False)
    with psycopg.connect(pair.database_url) as connection:
        assert connection.info.dbname == "orchestrator"
    await pair.stop()


async def test_data_of_another_version_is_refused_with_advice(folder: Path) -> None:
    (folder / "embedded" / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(NotConfigured, match="PostgreSQL 16") as caught:
        await start_embedded(folder)
    assert "Dump it" in (caught.value.hint or "")


async def test_a_database_that_cannot_start_says_why_and_leaves_nothing_running(folder: Path) -> None:
    (folder / "embedded" / "postgres" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(Unavailable, match="nonsense"):
        await start_embedded(folder)
    assert not (folder / "embedded" / "redis" / "redis.pid").exists()


async def test_an_unusable_data_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotConfigured, match="as data folder") as caught:
        await start_embedded(tmp_path / "file")
    assert caught.value.field == "DATA_DIR"


async def test_no_redis_server_anywhere_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.embedded.redis.importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NotConfigured) as caught:
        await start_embedded(folder, postgres=False)
    assert "redis-server or valkey-server" in (caught.value.hint or "")


async def test_nobody_else_can_reach_the_servers(folder: Path) -> None:
    pair = await start_embedded(folder)
    assert (folder / "embedded").stat().st_mode & 0o077 == 0
    for pid in pair.pids.values():
        listening = [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
        assert listening == []
    await pair.stop()


async def test_a_ctrl_c_in_the_terminal_does_not_reach_the_servers(folder: Path) -> None:
    pair = await start_embedded(folder)
    assert all(os.getsid(pid) not in (os.getsid(0), 0) for pid in pair.pids.values())
    await pair.stop()


async def test_postgres_of_root_runs_as_somebody_else_even_below_a_closed_folder(folder: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder.rename(closed / "data")
    pair = await start_embedded(closed / "data")
    assert psutil.Process(pair.pids["PostgreSQL"]).uids().effective != 0
    assert closed.stat().st_mode & 0o077 == 0
    await pair.stop()


async def test_a_normal_user_can_run_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test shows it")
    with tempfile.TemporaryDirectory(prefix="unprivileged-") as place:
        os.chown(place, 65534, 65534)
        script = _SERVICE.replace("await asyncio.Event().wait()", "await pair.stop()")
        # The interpreter itself may lie below root's home: run() lets nobody pass there.
        command = [sys.executable, "-c", script, place]
        output = await run(command, account=Account(65534, 65534), cwd=_ROOT, seconds=60)
        assert len(output.split()) == 2
        assert Path(place, "embedded", "postgres").stat().st_uid == 65534


def test_a_pid_alone_proves_nothing() -> None:
    assert find(os.getpid(), names=("postgres",), folder=Path.cwd()) is None
    assert find(os.getpid(), names=(psutil.Process().name(),), folder=Path("/nonexistent")) is None
    assert find(os.getpid(), names=(psutil.Process().name(),), folder=Path.cwd()) is not None
