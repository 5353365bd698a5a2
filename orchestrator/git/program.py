"""The git program: the one place that starts it. Used by everything in this folder.

Argument lists, no shell, a bounded output, a time limit, and an environment of our own: no prompts, no hooks, no
configuration of the machine, no protocol beyond the allow-list. Each run has its own process group, which is killed
whole when time is up or the caller is cancelled. Knows nothing of projects.
"""

import asyncio
import inspect
import os
import re
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.core.errors import NotConfigured, RepositoryFailed, TimedOut, TooLarge
from orchestrator.git.credential import Login, redact

LineReader = Callable[[str], Awaitable[None] | None]

MAX_OUTPUT = 16 * 1024 * 1024
_CHUNK = 64 * 1024
_STDERR_KEPT = 16 * 1024
_GRACE = 5.0
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
_PASSED_ON = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", *_CERTIFICATES, *_PROXIES, *map(str.lower, _PROXIES))
# Command scope beats the repository's own configuration, which an agent in a worktree could have written.
_SETTINGS = (
    ("safe.directory", "*"),
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.askPass", ""),
    ("core.autocrlf", "false"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("core.quotePath", "false"),
    ("credential.helper", ""),
    ("http.sslVerify", "true"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.unpackLimit", "1"),
    ("init.defaultBranch", "main"),
    ("commit.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("advice.detachedHead", "false"),
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": ":",
    # The key is the service account's own; an unknown host is refused, never trusted on first sight.
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=20",
    "GIT_PROTOCOL_FROM_USER": "0",
}


@dataclass(frozen=True, slots=True)
class Completed:
    """What a run of git left: its output, cut at the limit when ``truncated``, and its exit code."""

    output: bytes = field(repr=False)
    errors: str
    exit_code: int
    truncated: bool = False

    @property
    def text(self) -> str:
        """The output as text without the last line end; bytes that are not UTF-8 are escaped."""
        return self.output.decode("utf-8", "backslashreplace").rstrip("\n")


async def run_git(
    *args: str,
    cwd: Path | None = None,
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    max_output: int = MAX_OUTPUT,
    truncate: bool = False,
    accept: Sequence[int] = (0,),
    login: Login | None = None,
    settings: Sequence[tuple[str, str]] = (),
    allow_file: bool = False,
    on_line: LineReader | None = None,
) -> Completed:
    """Run git to its end, ``timeout`` in seconds. Other exit codes than ``accept`` raise RepositoryFailed.

    Output over ``max_output`` bytes raises TooLarge, or is cut there with ``truncate``. ``on_line`` gets each line of
    stderr, progress lines too.
    """
    process = await _start(args, cwd, _environment(env, login, settings, allow_file), stdin is not None)
    talk = _Talk(process, stdin, max_output, on_line)
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            await talk.run()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TimedOut(f"git {_verb(args)} took longer than {timeout:g} s.", details={"seconds": timeout}) from error
    finally:
        await _end(process)
    errors = redact(bytes(talk.errors).decode("utf-8", "replace"), login.hidden if login else ())
    errors = errors.replace(str(cwd), "<repository>") if cwd else errors
    if talk.truncated:
        if not truncate:
            raise TooLarge(f"git {_verb(args)} gave more than {max_output} bytes.", details={"limit": max_output})
        return Completed(bytes(talk.output), errors, 0, truncated=True)
    code = process.returncode if process.returncode is not None else -1
    if code not in accept:
        raise _failure(args, code, errors)
    return Completed(bytes(talk.output), errors, code)


class _Talk:
    """The three pipes of one process, read and fed at the same time so that none can block another."""

    def __init__(
        self, process: asyncio.subprocess.Process, stdin: bytes | None, max_output: int, on_line: LineReader | None
    ) -> None:
        self._process, self._stdin, self._max, self._on_line = process, stdin, max_output, on_line
        self.output, self.errors, self.truncated = bytearray(), bytearray(), False

    async def run(self) -> None:
        """Until the process has ended, or has said too much and was killed."""
        tasks = [asyncio.ensure_future(part) for part in (self._read(), self._listen(), self._feed())]
        try:
            await asyncio.gather(*tasks)
            await self._process.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(_CHUNK):
            self.output += chunk
            if len(self.output) > self._max:
                del self.output[self._max :]
                self.truncated = True
                kill_group(self._process)
                return

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        while chunk := await self._process.stderr.read(_CHUNK):
            self.errors += chunk
            del self.errors[:-_STDERR_KEPT]
            *lines, rest = re.split(rb"[\r\n]", (rest + chunk)[-_STDERR_KEPT:])
            for line in lines if self._on_line else ():
                await _tell(self._on_line, line)

    async def _feed(self) -> None:
        pipe = self._process.stdin
        if pipe is None or self._stdin is None:
            return
        try:
            pipe.write(self._stdin)
            await pipe.drain()
            pipe.close()
            await pipe.wait_closed()
        except (BrokenPipeError, ConnectionResetError):
            return  # git ended without reading everything: its exit code says why


async def _tell(on_line: LineReader | None, line: bytes) -> None:
    if on_line is not None and line.strip():
        told = on_line(line.decode("utf-8", "replace").strip())
        if inspect.isawaitable(told):
            await told


async def _start(
    args: Sequence[str], cwd: Path | None, env: Mapping[str, str], with_stdin: bool
) -> asyncio.subprocess.Process:
    program = shutil.which("git")
    if program is None:
        raise NotConfigured("The git program is missing.", hint="Install git 2.38 or newer and put it on the PATH.")
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            program,
            *args,
            cwd=cwd,
            env=env,
            stdin=asyncio.subprocess.PIPE if with_stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Cancelled between fork and here: the process must end all the same, and with it its whole group.
        with suppress(OSError):
            await _end(await starting)
        raise
    except OSError as error:
        raise RepositoryFailed(f"git {_verb(args)} could not be started: {error.strerror}.") from error


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process that leads its own group, and all its children; quiet when it has ended."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it ended between the check and the signal


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process and no open pipe behind, also when the caller is being cancelled."""
    if process.returncode is not None:
        return
    kill_group(process)
    await asyncio.shield(asyncio.wait_for(process.communicate(), _GRACE))


def _environment(
    extra: Mapping[str, str] | None, login: Login | None, more: Sequence[tuple[str, str]], allow_file: bool
) -> dict[str, str]:
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _ENVIRONMENT
    env["GIT_ALLOW_PROTOCOL"] = "https:http:ssh:file" if allow_file else "https:http:ssh"
    settings = (*_SETTINGS, *more, *(login.settings if login else ()))
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings):
        env[f"GIT_CONFIG_KEY_{number}"], env[f"GIT_CONFIG_VALUE_{number}"] = key, value
    return env | dict(login.environment if login else {}) | dict(extra or {})


def _verb(args: Sequence[str]) -> str:
    return next((arg for arg in args if not arg.startswith("-")), "")


def _failure(args: Sequence[str], code: int, errors: str) -> RepositoryFailed:
    lines = [line.strip()[:300] for line in re.split(r"[\r\n]+", errors) if line.strip()][-6:]
    said = next(
        (line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else f"exit {code}"
    )
    denied = any(sign in errors for sign in ("Authentication failed", "could not read Username", "Permission denied"))
    return RepositoryFailed(
        f"git {_verb(args)} failed: {said.removeprefix('fatal: ').removeprefix('error: ')}",
        hint="The server wants other credentials: link the account that may read this repository." if denied else None,
        details={"exit_code": code, "output": lines},
    )
