"""What a program in a sandbox can and cannot do, shown by programs that try."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.sandbox.starter import Starter
from orchestrator.sandbox.wish import Folder, Limits, Wish
from tests.sandbox.conftest import PYTHON, gone, limited, run, spawn, stop, with_mark

_READ = "import sys; print(open(sys.argv[1]).read(), end='')"
_LIST = "import os, sys; print(sorted(os.listdir(sys.argv[1])))"


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/gshadow", "/etc/ssh", "/root", "/etc/ssl/private", "/sys", "/boot"]
)
async def test_what_is_nobodys_business_is_not_there(starter: Starter, path: str) -> None:
    ran = await run(starter, "import os, sys; print(os.path.isdir(sys.argv[1]) and os.listdir(sys.argv[1]))", path)
    allowed = {"/root": "['.pyenv']"}  # the way to this machine's interpreter, if it leads through there
    assert ran.out.strip() in ("False", allowed.get(path)), ran
    assert not os.path.isfile(path) or (await run(starter, _READ, path)).code == 1


async def test_our_data_is_invisible_even_in_a_folder_that_was_granted(starter: Starter, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("theirs")
    wish = Wish(folders=(Folder(str(tmp_path)),))
    assert (await run(starter, _READ, str(tmp_path / "note"), wish=wish)).out == "theirs"
    assert (await run(starter, _LIST, str(tmp_path / "data"), wish=wish)).out == "[]\n"
    assert "FileNotFoundError" in (await run(starter, _READ, str(tmp_path / "data" / "secret"), wish=wish)).err


async def test_a_secret_file_within_a_granted_folder_is_empty(tmp_path: Path) -> None:
    secret = tmp_path / ".env"
    secret.write_text("SECRET_KEY=1")
    starter, wish = Starter(hidden=[secret]), Wish(folders=(Folder(str(tmp_path), writable=True),))
    assert (await run(starter, _READ, str(secret), wish=wish)).out == ""
    assert secret.read_text() == "SECRET_KEY=1"


async def test_nothing_outside_can_be_written(starter: Starter, tmp_path: Path) -> None:
    script = "import sys; open(sys.argv[1], 'w').write('x')"
    wish = Wish(folders=(Folder(str(tmp_path)),))
    for path in ("/usr/x", "/etc/x", "/x", "/proc/sys/kernel/core_pattern", "/dev/x", str(tmp_path / "x"), PYTHON):
        ran = await run(starter, script, path, wish=wish)
        assert ran.code == 1, path
        assert "Read-only" in ran.err or "Permission" in ran.err, path
    assert not (tmp_path / "x").exists()


async def test_a_folder_granted_for_writing_can_be_written(starter: Starter, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    wish = Wish(folders=(Folder(str(folder), writable=True),))
    ran = await run(starter, "import sys; open(sys.argv[1], 'w').write('x')", str(folder / "x"), wish=wish)
    assert ran.code == 0, ran
    assert (folder / "x").read_text() == "x"
    assert (folder / "x").stat().st_uid == os.getuid()


async def test_home_and_tmp_are_its_own_and_gone_afterwards(starter: Starter) -> None:
    script = """
import os, tempfile
home = os.path.expanduser("~")
print(home, tempfile.gettempdir(), os.listdir(home), os.listdir("/tmp"))
for folder in ("/tmp", home):
    open(folder + "/left", "w")
"""
    for _ in range(2):
        assert (await run(starter, script)).out == "/home/sandbox /tmp [] []\n"


async def test_a_home_of_the_entrys_own_stays(starter: Starter) -> None:
    assert (await run(starter, "import os; print(os.environ['HOME'])", HOME="/elsewhere")).out == "/elsewhere\n"


@pytest.mark.parametrize(
    ("network", "own", "outside"), [("none", "no", "no"), ("loopback", "yes", "no"), ("full", "yes", "yes")]
)
async def test_the_network_is_what_was_asked_for(starter: Starter, network: str, own: str, outside: str) -> None:
    script = """
import socket, sys
def reach(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return "yes"
    except OSError:
        return "no"
with socket.create_server(("127.0.0.1", 0)) as mine:
    print(reach(mine.getsockname()[1]), reach(int(sys.argv[1])))
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ran = await run(starter, script, str(server.getsockname()[1]), wish=Wish(network=network))  # type: ignore[arg-type]
    assert ran.out.split() == [own, outside], ran


async def test_it_sees_no_process_but_its_own(starter: Starter) -> None:
    script = "import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()), os.getpid())"
    assert (await run(starter, script)).out == "[1, 2] 2\n"


async def test_it_has_no_privileges_and_can_gain_none(starter: Starter) -> None:
    status = (await run(starter, "print(open('/proc/self/status').read())")).out
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {told[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert told["NoNewPrivs"] == "1"
    nested = """
import ctypes
libc = ctypes.CDLL(None)
print(libc.unshare(0x10000000), libc.mount(b"", b"/tmp", b"tmpfs", 0, None))
"""
    assert (await run(starter, nested)).out == "-1 -1\n"


async def test_a_memory_bomb_ends_only_itself(starter: Starter) -> None:
    ran = await run(starter, "x = bytearray(512 * 2**20)", wish=limited(memory_mib=128))
    assert ran.code == 1
    assert "MemoryError" in ran.err
    assert (
        await run(starter, "x = bytearray(16 * 2**20); print('fine')", wish=limited(memory_mib=128))
    ).out == "fine\n"


async def test_what_it_writes_into_its_own_places_is_bounded(starter: Starter) -> None:
    script = "open('/tmp/x', 'wb').write(bytes(8 * 2**20))"
    assert "No space left" in (await run(starter, script, wish=limited(scratch_mib=4))).err
    assert "File too large" in (await run(starter, script, wish=limited(file_mib=4))).err


async def test_open_files_and_cpu_time_are_bounded(starter: Starter) -> None:
    many = "x = [open('/dev/null') for _ in range(100)]"
    assert "Too many open files" in (await run(starter, many, wish=limited(open_files=64))).err
    busy = await run(starter, "while True: pass", wish=limited(cpu_seconds=1))
    assert busy.code in (-signal.SIGXCPU, -signal.SIGKILL)


async def test_a_fork_bomb_is_bounded_and_ends_with_its_program(starter: Starter) -> None:
    mark = uuid4().hex
    script = """
import os, time
made = 0
try:
    for _ in range(2000):
        if not os.fork():
            time.sleep(600)
        made += 1
except OSError:
    pass
print(made)
"""
    if os.getuid() == 0 and tuple(map(int, os.uname().release.split(".")[:2])) < (6, 14):
        pytest.skip("before Linux 6.14 nothing but a cgroup bounds the processes of root")
    ran = await run(starter, script, mark, wish=limited(processes=40))
    assert 0 < int(ran.out) <= 301
    await gone(mark)


async def test_nothing_it_started_outlives_it_not_even_what_left_its_session(starter: Starter) -> None:
    mark = uuid4().hex
    script = """
import os, sys, time
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(600)
    os._exit(0)
os.wait()
print("left", flush=True)
"""
    ran = await run(starter, script, mark)
    assert (ran.code, ran.out) == (0, "left\n")
    await gone(mark, 2)


@pytest.mark.parametrize("wish", [Wish(), Wish(mode="off", network="full")])
async def test_it_all_dies_with_whoever_started_it(starter: Starter, wish: Wish) -> None:
    mark = uuid4().hex
    start = await starter.start([PYTHON, "-c", "import time; time.sleep(600)", mark], environment=os.environ, wish=wish)
    words = ["PARENT" if word == str(os.getpid()) else word for word in start.arguments]
    script = """
import os, subprocess, sys, time
words = [str(os.getpid()) if word == "PARENT" else word for word in sys.argv[1:]]
subprocess.Popen(words, start_new_session=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script, *words])
    try:
        async with asyncio.timeout(20):
            while len(with_mark(mark)) < 3:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.01)
    finally:
        parent.kill()
        parent.wait(10)
    await gone(mark)


@pytest.mark.parametrize("wish", [Wish(), Wish(mode="off", network="full")])
async def test_exit_codes_and_deaths_by_signal_pass_through(starter: Starter, wish: Wish) -> None:
    assert (await run(starter, "raise SystemExit(0)", wish=wish)).code == 0
    assert (await run(starter, "raise SystemExit(42)", wish=wish)).code == 42
    assert (await run(starter, "import os; os.kill(os.getpid(), 9)", wish=wish)).code == -9
    assert (
        await run(starter, "import os, signal; signal.signal(15, 0); os.kill(os.getpid(), 15)", wish=wish)
    ).code == -15


@pytest.mark.parametrize("wish", [Wish(), Wish(mode="off", network="full")])
async def test_signals_reach_the_program_once(starter: Starter, wish: Wish) -> None:
    script = """
import signal
heard = []
signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
print("ready", flush=True)
while signal.SIGTERM not in heard:
    signal.pause()
print(heard, flush=True)
"""
    process = await spawn(starter, [PYTHON, "-c", script], wish)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            assert await process.stdout.readline() in (b"[2, 15]\n", b"[15, 2]\n")
            assert await process.wait() == 0
    finally:
        await stop(process)


async def test_a_program_that_ignores_term_is_killed_whole(starter: Starter) -> None:
    mark = uuid4().hex
    for wish in (Wish(), Wish(mode="off", network="full")):
        script = """
import os, signal, time
signal.signal(15, signal.SIG_IGN)
if not os.fork():
    os.setpgid(0, 0)
print(1, flush=True)
time.sleep(600)
"""
        process = await spawn(starter, [PYTHON, "-c", script, mark], wish)
        assert process.stdout is not None
        await process.stdout.readline()
        await stop(process)
        assert process.returncode == -9
        assert not with_mark(mark)


async def test_its_streams_are_the_pipes_themselves(starter: Starter) -> None:
    payload = bytes(range(256)) * 4096
    process = await spawn(
        starter,
        [
            PYTHON,
            "-c",
            "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer); sys.stderr.write('e')",
        ],
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate(payload)
    assert out == payload
    assert err == b"e"


async def test_the_end_of_its_stdout_is_seen_while_it_runs(starter: Starter) -> None:
    process = await spawn(starter, [PYTHON, "-c", "import os, time; os.close(1); time.sleep(600)"])
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await process.stdout.read() == b""
        assert process.returncode is None
    finally:
        await stop(process)


async def test_no_descriptor_of_ours_reaches_it(starter: Starter) -> None:
    assert (
        await run(
            starter, "import os; print(sorted(os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))"
        )
    ).out == "['0', '1', '2'] 4\n"


async def test_a_program_that_is_not_there_is_told(starter: Starter) -> None:
    process = await spawn(starter, ["/usr/bin/no-such-program"])
    _, err = await process.communicate()
    assert process.returncode == 127
    assert b"No such file" in err


async def test_folders_that_must_not_be_granted_are_refused(starter: Starter, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr/share")
    home = os.path.realpath(os.path.expanduser("~"))
    for path in (tmp_path / "absent", tmp_path / "link", tmp_path / "data", home):
        with pytest.raises(InvalidInput) as caught:
            await starter.start([PYTHON], environment={}, wish=Wish(folders=(Folder(str(path)),)))
        assert caught.value.field == "folders"


async def test_a_link_put_in_the_place_of_a_folder_is_not_followed(starter: Starter, tmp_path: Path) -> None:
    """Between the check and the start: the kernel refuses, so nothing behind the link is shown."""
    folder = tmp_path / "work"
    folder.mkdir()
    wish = Wish(folders=(Folder(str(folder)),))
    start = await starter.start([PYTHON, "-c", "print(1)"], environment=os.environ, wish=wish)
    folder.rmdir()
    folder.symlink_to("/root")
    process = await asyncio.create_subprocess_exec(*start.arguments, stdout=-1, stderr=-1, start_new_session=True)
    _, err = await process.communicate()
    assert process.returncode == 125
    assert b"symbolic links" in err


async def test_starting_in_a_sandbox_costs_milliseconds(starter: Starter) -> None:
    """The processor's time, which a busy machine does not change: beyond a plain start, with room for slow machines."""
    wish = Wish(limits=Limits())
    start = await starter.start(["/usr/bin/true"], environment=os.environ, wish=wish)
    costs = []
    for command in (["/usr/bin/true"], list(start.arguments)):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        for _ in range(5):
            subprocess.run(command, check=True, timeout=30)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert time.monotonic() - began < 30
        costs.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 5)
    assert costs[1] - costs[0] < 0.15


async def test_the_repositories_of_projects_are_granted_by_a_word_and_nothing_else_of_ours(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "secret").write_text("ours")
    starter = Starter(hidden=[data], projects=[data / "mirrors"])
    wish = Wish.of(folders=[{"path": "projects"}])
    assert (await run(starter, _LIST, str(data), wish=wish)).out == "['mirrors']\n"
    assert (data / "mirrors").is_dir()
    ran = await run(starter, "import sys; open(sys.argv[1] + '/x', 'w')", str(data / "mirrors"), wish=wish)
    assert "Read-only" in ran.err


@pytest.mark.parametrize("path", ["/", "/etc", "/proc/1", "relative", "/a/../b", "/home", "/x\ny", ""])
def test_a_folder_too_large_or_unclear_is_refused_by_its_name(path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Wish.of(folders=[{"path": path}])
    assert caught.value.field == "folders[0].path"


def test_nothing_is_granted_apart_within_a_writable_folder() -> None:
    with pytest.raises(InvalidInput, match="writable"):
        Wish.of(folders=[{"path": "/srv/a", "access": "rw"}, {"path": "/srv/a/b"}])
    assert len(Wish.of(folders=[{"path": "/srv/a"}, {"path": "/srv/a/b", "access": "rw"}]).folders) == 2
