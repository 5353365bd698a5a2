"""Criteria and repositories that mean no good: floods, daemons, hooks, changed trees; all end with a verdict."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.ids import new_id
from orchestrator.sandbox.starter import Verdict
from orchestrator.services import criterion_command
from orchestrator.services.disk_watch import DiskWatch
from tests.proof.conftest import Hand, MakeProject, RunAttempt, Writer, put, python
from tests.sandbox.conftest import gone, with_mark

FILES = {"a.py": "x = 1\n", "src/b.py": "y = 1\n"}


@pytest.fixture
async def project(container: Container, make_project: MakeProject) -> UUID:
    put(container, Writer({"a.py": "x = 2\n"}))
    return await make_project(FILES)


async def verdicts(row: object) -> dict[str, tuple[str, str]]:
    proofs = row["error"]["details"]["proof"]  # type: ignore[index]
    return {one["name"]: (one["verdict"], one["why"]) for one in proofs[1:]}


async def test_a_command_over_its_time_is_unknown_and_leaves_nobody_behind(
    project: UUID, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    mark = f"mark-{new_id().hex}"
    forks = f"import os, time, signal; signal.signal(15, signal.SIG_IGN); os.fork(); time.sleep(600)  # {mark}"
    row = await run_attempt(await hand_in(project, [python(forks, timeout=2, name="slow")]))
    assert await verdicts(row) == {"slow": ("unknown", "it took longer than 2 s")}
    await gone(mark)


async def test_a_daemon_ends_with_its_criterion(project: UUID, hand_in: Hand, run_attempt: RunAttempt) -> None:
    mark = f"mark-{new_id().hex}"
    daemon = f"import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    time.sleep(600)  # {mark}"
    row = await run_attempt(await hand_in(project, [python(daemon, name="daemon")]))
    assert row["state"] == "completed", row["error"]
    await gone(mark)


async def test_a_flood_is_stopped_and_only_so_much_of_it_kept(
    container: Container, caller: Caller, project: UUID, hand_in: Hand, run_attempt: RunAttempt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(criterion_command, "FLOOD_BYTES", 64 * 1024 * 1024)
    flood = "import os\nwhile True:\n    os.write(1, b'x' * 1_000_000)"
    wordy = "print('begin'); print('y' * 20_000_000); print('end'); raise SystemExit(3)"
    task = await hand_in(project, [python(flood, name="flood"), python(wordy, name="wordy")], max_attempts=1)
    told = await verdicts(await run_attempt(task))
    assert told == {"flood": ("unknown", "it wrote more than 64 MiB"), "wordy": ("failed", "exit code 3")}
    _, _, row = await container.task_proofs.proof(caller, task)
    assert row["output"].endswith("yyy\nend\n")
    assert len(row["output"]) <= 8192
    whole = await container.task_proofs.output(caller, task, row["id"])
    assert whole.startswith(b"begin\n")
    assert b"bytes left out" in whole
    assert whole.endswith(b"yyy\nend\n")
    assert len(whole) < 17 * 1024 * 1024


async def test_each_criterion_finds_the_tree_as_it_was_committed(
    project: UUID, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    spoil = (
        "import os, shutil; open('a.py', 'w').write('x = 3'); shutil.rmtree('src'); os.symlink('/tmp', 'src');"
        "os.makedirs('left/deep'); open('left/deep/c.py', 'w').write('1'); os.chmod('left/deep', 0o500)"
    )
    look = (
        "import os, a; assert a.x == 2; assert os.path.isfile('src/b.py') and not os.path.islink('src');"
        "assert sorted(os.listdir('.')) == ['.git', 'a.py', 'src'], os.listdir('.')"
    )
    row = await run_attempt(await hand_in(project, [python(spoil, name="spoil"), python(look, name="look")]))
    assert row["state"] == "completed", row["error"]


async def test_no_hook_of_a_repository_runs(
    container: Container, project: UUID, hand_in: Hand, run_attempt: RunAttempt, tmp_path: Path
) -> None:
    hooks = container.mirrors.path(project) / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "pre-commit", "post-merge", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        (hooks / name).chmod(0o755)
    row = await run_attempt(await hand_in(project, [python("pass", name="ok")]))
    assert row["state"] == "completed", row["error"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("ran-")] == []


async def test_a_command_sees_no_file_of_the_service_or_of_its_arguments_and_no_network(
    container: Container, project: UUID, hand_in: Hand, run_attempt: RunAttempt, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    closed = f"""
import os, socket, sys
assert not os.path.exists(sys.argv[1]), sys.argv[1]
assert not os.path.exists({str(container.mirrors.root)!r})
assert "DATABASE_URL" not in os.environ
try:
    socket.create_connection(("10.0.0.1", 80), timeout=2)
except OSError:
    pass
else:
    raise SystemExit("a network")
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=2)
"""
    criterion = python(closed, name="closed")
    criterion["command"].append(str(secret))
    row = await run_attempt(await hand_in(project, [criterion], max_attempts=1))
    assert row["state"] == "completed", row["error"]


async def test_without_a_sandbox_no_command_runs(
    container: Container, project: UUID, hand_in: Hand, run_attempt: RunAttempt, tmp_path: Path
) -> None:
    container.verifier._starter._verdict = Verdict(False, "the kernel refused (test)")
    ran = tmp_path / "ran"
    row = await run_attempt(await hand_in(project, [python(f"open({str(ran)!r}, 'w')", name="open")]))
    assert await verdicts(row) == {"open": ("unknown", "No sandbox can be made here: the kernel refused (test).")}
    assert not ran.exists()


async def test_cancelling_the_task_reaches_the_criterion(
    container: Container, caller: Caller, project: UUID, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    mark = f"mark-{new_id().hex}"
    task = await hand_in(project, [python(f"import time; time.sleep(600)  # {mark}", name="slow")])
    running = asyncio.create_task(run_attempt(task))
    async with asyncio.timeout(60):
        while not with_mark(mark):  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)
    running.cancel()
    row = await running
    assert (row["state"], row["waiting_for"]) == ("queued", "another worker")
    await gone(mark)
    assert await container.worktrees.list(project) == ()


async def test_the_verification_as_a_whole_has_a_limit(
    container: Container, project: UUID, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    container.verifier._seconds = 3.0
    slow = python("import time; time.sleep(600)", name="slow")
    row = await run_attempt(await hand_in(project, [slow, python("pass", name="late")]))
    told = await verdicts(row)
    assert told["slow"][0] == "unknown"
    assert told["late"] == ("unknown", "the verification's time limit of 3 s had passed")


async def test_a_criterion_that_fills_the_disk_is_unknown_and_names_the_limit(
    container: Container, project: UUID, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    container.verifier._disk = DiskWatch(16 * 1024**2, "VERIFY_DISK_BYTES")
    fill = "import os, time\nopen('big', 'wb').write(os.urandom(32 * 1024**2))\ntime.sleep(600)"
    row = await run_attempt(await hand_in(project, [python(fill, name="fill"), python("pass", name="next")]))
    told = await verdicts(row)
    assert told["fill"][0] == "unknown"
    assert "limit that VERIFY_DISK_BYTES sets" in told["fill"][1]
    assert told["next"][0] == "passed", "what the one before left is gone"


async def test_what_a_killed_verification_left_goes_with_the_next(
    container: Container, project: UUID, hand_in: Hand, run_attempt: RunAttempt
) -> None:
    task = await hand_in(project, [python("pass", name="ok")])
    left = f"proof-{task.hex[-12:]}-0"
    await container.worktrees.add(project, left, await container.mirrors.head(project))
    assert (await run_attempt(task))["state"] == "completed"
    assert await container.worktrees.list(project) == ()


def test_only_programs_of_the_path_and_of_the_project_are_found(tmp_path: Path) -> None:
    tool = tmp_path / "tool.sh"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert criterion_command.find_program("./tool.sh", tmp_path) == str(tool)
    outside = tmp_path.parent / "outside.sh"
    os.link(tool, outside)
    for name in ("../outside.sh", str(outside), "./none.sh", "no-such-program"):
        with pytest.raises(criterion_command.NotFound):
            criterion_command.find_program(name, tmp_path)
