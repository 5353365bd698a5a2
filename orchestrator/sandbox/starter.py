"""Makes the argument list by which a program is started: enclosed where the kernel allows it, and kept in any case.

Used by MCP servers' transport, by the verifier and by agents; one ``Starter`` for each process of ours. It asks the
kernel once, by trying. It starts nothing else: whoever has the argument list starts it, with a session of its own, and
ends it with ``ending``.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from orchestrator.core.child_process import end_child
from orchestrator.core.errors import InvalidInput, NotConfigured
from orchestrator.sandbox import trees
from orchestrator.sandbox.wish import PROJECTS, Folder, Wish, is_too_much

log = structlog.get_logger(__name__)

HOME = "/home/sandbox"
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
# As a module: a program run by its path would be compiled anew at each start.
_BOOT = "import sys; sys.path.append(sys.argv.pop(1)); from orchestrator.sandbox.launcher import main; main()"
_PROBE_SECONDS = 20.0
_HINT = "Allow unprivileged user namespaces, or set sandbox to preferred or off for this entry."


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether this machine lets us make sandboxes, and if not, why."""

    possible: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a program. ``enclosed`` says whether it will be in a sandbox, ``open_because`` why not."""

    arguments: tuple[str, ...]
    enclosed: bool
    open_because: str | None = None


class Starter:
    """``hidden`` are paths that no sandbox shows, even within a folder that was granted: our data and our secrets.

    ``projects`` are those of our folders that an entry may be granted by that word.
    """

    def __init__(self, hidden: Iterable[Path | str] = (), projects: Iterable[Path] = ()) -> None:
        self._hidden = tuple(os.path.realpath(path) for path in hidden)
        self._projects = tuple(os.path.abspath(path) for path in projects)
        self._verdict: Verdict | None = None
        self._asking = asyncio.Lock()

    @property
    def known(self) -> Verdict | None:
        """The verdict, if the kernel has been asked by now."""
        return self._verdict

    async def verdict(self) -> Verdict:
        """Whether the kernel allows sandboxes; tried at the first question."""
        async with self._asking:
            if self._verdict is None:
                self._verdict = await self._try()
                if not self._verdict.possible:
                    log.warning("no_sandbox", reason=self._verdict.reason)
            return self._verdict

    async def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        wish: Wish,
        cwd: str | None = None,
        ours: Mapping[str, bool] | None = None,
    ) -> Start:
        """The argument list for a program, whose ``command[0]`` is an absolute path.

        ``ours`` are folders of the service that it works in, by path: whether it may write there. Raises NotConfigured
        where a sandbox is required and cannot be had.
        """
        if wish.mode == "off":
            return Start(self._kept(command, cwd), False, "its entry says so")
        verdict = await self.verdict()
        if verdict.possible:
            return Start(await asyncio.to_thread(self._enclosed, command, environment, wish, cwd, ours or {}), True)
        if wish.mode == "required":
            raise NotConfigured(f"No sandbox can be made here: {verdict.reason}.", field="sandbox", hint=_HINT)
        return Start(self._kept(command, cwd), False, verdict.reason)

    def _kept(self, command: Sequence[str], cwd: str | None) -> tuple[str, ...]:
        if sys.platform != "linux":
            return tuple(command)
        return self._launched([f"cwd={cwd}"] if cwd else [], command)

    def _launched(self, words: Iterable[str], command: Sequence[str]) -> tuple[str, ...]:
        return (
            sys.executable, "-I", "-S", "-c", _BOOT, _PACKAGE_ROOT, str(os.getpid()), *words, "--", *command
        )  # fmt: skip

    def _enclosed(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        wish: Wish,
        cwd: str | None,
        ours: Mapping[str, bool],
    ) -> tuple[str, ...]:
        sights = [trees.system(), trees.needed(command if wish.shows_arguments else command[:1], environment)]
        if wish.network == "full":
            sights.append(trees.name_service())
        shown = _outermost({path for sight in sights for path in sight.shown if not self._is_hidden(path)})
        for folder in wish.folders:
            self.check_folder(folder)
        granted = {
            one.path: "folder-rw" if one.writable else "folder-ro" for one in wish.folders if one.path != PROJECTS
        }
        for place, may_write in ours.items():
            granted[os.path.realpath(place)] = "folder-rw" if may_write else "folder-ro"
        if any(one.path == PROJECTS for one in wish.folders):
            shown |= self._project_folders()
        if wish.shows_arguments:
            shown |= {path for path in trees.named(command) if self._may_show(path, wish)}
        paths = dict(sorted((dict.fromkeys(shown, "ro") | granted).items()))
        words = ["enclosed=1", f"network={wish.network}", f"home={HOME}", *wish.limits.words()]
        words += [f"{how}={path}" for path, how in paths.items()]
        words += [f"link={path}\n{target}" for sight in sights for path, target in sight.links.items()]
        words += [f"hide={path}" for path in self._covered(paths)]
        place_of_its_own = {"HOME": HOME, "TMPDIR": "/tmp"}  # noqa: S108 - a place of its own inside
        words += [f"env={name}={value}" for name, value in place_of_its_own.items() if _inherited(environment, name)]
        return self._launched([*words, *([f"cwd={cwd}"] if cwd else [])], command)

    def _may_show(self, path: str, wish: Wish) -> bool:
        """Whether what an argument names is shown for reading: whoever wrote the entry meant it, but not too much.

        Nothing in a folder that the program writes: it could put a link in its place.
        """
        real = os.path.realpath(path)
        home = os.path.realpath(os.path.expanduser("~"))
        writable = [one.path for one in wish.folders if one.writable]
        inside = any(_within(place, folder) for folder in writable for place in (path, real))
        return not (inside or is_too_much(path) or is_too_much(real) or self._is_hidden(path) or _within(home, real))

    def _project_folders(self) -> set[str]:
        """They are ours: made where they are not there yet, so that a server sees what comes later."""
        for path in self._projects:
            os.makedirs(path, exist_ok=True)
        return {*self._projects, *map(os.path.realpath, self._projects)}

    def check_folder(self, folder: Folder, field: str = "folders") -> None:
        """InvalidInput where a folder is not there, is a link, or is not to be granted."""
        if folder.path == PROJECTS:
            return
        if not os.path.isdir(folder.path):
            raise InvalidInput(f"There is no folder {folder.path} on the machine of the service.", field=field)
        real = os.path.realpath(folder.path)
        if real != folder.path:
            raise InvalidInput(f"{folder.path} is {real}.", field=field, hint="Grant the folder by that name.")
        if self._is_hidden(real):
            raise InvalidInput(f"{folder.path} holds data of the service and is not granted.", field=field)
        if _within(os.path.realpath(os.path.expanduser("~")), real):
            raise InvalidInput(f"{folder.path} holds a home and is too much to grant.", field=field)

    def _is_hidden(self, path: str) -> bool:
        real = os.path.realpath(path)
        return any(_within(real, hidden) for hidden in self._hidden)

    def _covered(self, paths: Iterable[str]) -> list[str]:
        """Where what is hidden would show within the paths."""
        found = []
        for path in paths:
            real = os.path.realpath(path)
            found += [path + hidden[len(real) :] for hidden in self._hidden if _within(hidden, real) and hidden != real]
        return found

    async def _try(self) -> Verdict:
        """Start an interpreter in a sandbox: all it takes is in use then."""
        if sys.platform != "linux":
            return Verdict(False, "sandboxes are made of Linux namespaces")
        program = (sys.executable, "-I", "-S", "-c", "pass")
        arguments = await asyncio.to_thread(self._enclosed, program, dict(os.environ), Wish(), None, {})
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                said = (await process.communicate())[1].decode(errors="replace").strip()
        except TimeoutError:
            return Verdict(False, f"trying took longer than {_PROBE_SECONDS:g} s")
        finally:
            await end_child(process)
        if process.returncode == 0:
            return Verdict(True)
        why = said.splitlines()[-1].removeprefix("sandbox: ")[:300] if said else f"exit status {process.returncode}"
        return Verdict(False, f"the kernel refused ({why})")


def _inherited(environment: Mapping[str, str], name: str) -> bool:
    """Whether the program would have this from us, and not from its entry."""
    return environment.get(name) == os.environ.get(name)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _outermost(paths: set[str]) -> set[str]:
    """Without those that another one contains."""
    return {path for path in paths if not any(path != other and _within(path, other) for other in paths)}
