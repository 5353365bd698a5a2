"""How git is run: its limits, its environment, and what it leaves behind."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.core.errors import InvalidInput, NotConfigured, RepositoryFailed, TimedOut, TooLarge
from orchestrator.git.credential import Credential, login_for, redact
from orchestrator.git.program import run_git
from orchestrator.git.url import parse_repository_url

_STUCK = "!f() { echo $$ > $STUCK_FILE; sleep 300 & wait; }; f"


def _living(group: int) -> list[str]:
    """Processes of a group that are not zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(entry.name)
    return found


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - files and processes of others have no event to wait for
            await asyncio.sleep(0.01)


async def _stuck(tmp_path: Path, timeout: float) -> None:
    """git with a child and a grandchild that never end."""
    env = {"STUCK_FILE": str(tmp_path / "pid")}
    await run_git("-c", f"alias.stuck={_STUCK}", "stuck", cwd=tmp_path, env=env, timeout=timeout)


def _group(tmp_path: Path) -> int:
    return os.getpgid(int((tmp_path / "pid").read_text()))


async def test_output_and_exit_code_come_back(source: Path) -> None:
    done = await run_git("rev-parse", "--abbrev-ref", "HEAD", cwd=source)
    assert (done.text, done.exit_code) == ("trunk", 0)
    done = await run_git("show-ref", "--verify", "--quiet", "refs/heads/none", cwd=source, accept=(0, 1))
    assert done.exit_code == 1


async def test_input_is_fed_while_output_is_read(source: Path) -> None:
    content = b"x" * 3_000_000
    blob = (await run_git("hash-object", "-w", "--stdin", cwd=source, stdin=content)).text
    asked = f"{blob}\n".encode() * 5
    done = await run_git("cat-file", "--batch", cwd=source, stdin=asked, max_output=20_000_000)
    assert len(done.output) > 15_000_000


async def test_a_failure_says_what_git_said(tmp_path: Path) -> None:
    with pytest.raises(RepositoryFailed, match="not a git repository") as caught:
        await run_git("log", cwd=tmp_path)
    assert caught.value.details["exit_code"] == 128
    with pytest.raises(RepositoryFailed, match="could not be started"):
        await run_git("log", cwd=tmp_path / "none")


async def test_too_much_output_is_an_error_or_cut(source: Path) -> None:
    with pytest.raises(TooLarge):
        await run_git("log", "--patch", cwd=source, max_output=20)
    done = await run_git("log", "--patch", cwd=source, max_output=20, truncate=True)
    assert len(done.output) == 20
    assert done.truncated


async def test_a_git_that_is_missing_is_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotConfigured):
        await run_git("version")


async def test_a_timeout_leaves_no_process_of_the_group(tmp_path: Path) -> None:
    waiting = asyncio.create_task(_stuck(tmp_path, timeout=1.5))
    await _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip() != "")
    group = _group(tmp_path)
    assert len(_living(group)) >= 2
    with pytest.raises(TimedOut) as caught:
        await waiting
    assert caught.value.details == {"seconds": 1.5}
    await _until(lambda: _living(group) == [])


async def test_a_cancelled_caller_leaves_no_process_of_the_group(tmp_path: Path) -> None:
    waiting = asyncio.create_task(_stuck(tmp_path, timeout=60))
    await _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip() != "")
    group = _group(tmp_path)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await _until(lambda: _living(group) == [])


async def test_a_caller_cancelled_at_any_moment_leaves_no_child(source: Path) -> None:
    for moment in range(30):
        running = asyncio.create_task(run_git("log", "--patch", cwd=source))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(running), moment * 0.0004)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    children = [child.name() for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    assert "git" not in children


async def test_hooks_filters_and_monitors_of_a_repository_do_not_run(source: Path, git: Callable[..., str]) -> None:
    mark = source.parent / "mark"
    script = source.parent / "evil"
    script.write_text(f"#!{sys.executable}\nopen({str(mark)!r}, 'w')\n")
    script.chmod(0o755)
    hooks = source / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        (hooks / hook).write_text(script.read_text())
        (hooks / hook).chmod(0o755)
    git(source, "config", "core.fsmonitor", str(script))
    git(source, "config", "core.askPass", str(script))
    mark.unlink(missing_ok=True)
    await run_git("status", cwd=source)
    await run_git("checkout", "-q", "-b", "other", cwd=source)
    assert not mark.exists()


async def test_the_machines_own_configuration_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Somebody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    done = await run_git("config", "--get", "user.name", cwd=tmp_path, accept=(1,))
    assert done.text == ""
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("url", ["ext::sh -c id", "file:///etc", "git://127.0.0.1/x", "/etc"])
async def test_git_itself_refuses_protocols_that_are_not_allowed(url: str, tmp_path: Path) -> None:
    with pytest.raises(RepositoryFailed, match="not allowed"):
        await run_git("ls-remote", "--", url, cwd=tmp_path)


def test_secrets_leave_no_trace_in_a_text() -> None:
    login = login_for(Credential("ada", "p&ss/word"), parse_repository_url("https://example.org/x"))
    assert login is not None
    text = "fatal: https://ada:p&ss/word@example.org/ p%26ss%2Fword YWRhOnAmc3Mvd29yZA== https://tok@host/x \x1b[31m"
    clean = redact(text, login.hidden)
    assert not re.search(r"p&ss|p%26|YWRh|tok@|\x1b", clean)
    assert "p&ss" not in repr(login) + repr(Credential("ada", "p&ss/word"))


def test_a_credential_travels_over_https_or_to_this_machine_only() -> None:
    with pytest.raises(InvalidInput):
        login_for(Credential.token("x"), parse_repository_url("http://example.org/x"))
    assert login_for(Credential.token("x"), parse_repository_url("http://127.0.0.1:1/x")) is not None
    assert login_for(Credential.token("x"), parse_repository_url("git@example.org:x")) is None
    with pytest.raises(InvalidInput):
        login_for(Credential("a", "b\nhost=evil"), parse_repository_url("https://example.org/x"))
