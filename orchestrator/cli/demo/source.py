"""What the demo works on: a repository on this machine or behind a git URL, checked first. Blocking."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.core.errors import InvalidInput, TimedOut
from orchestrator.git.url import parse_repository_url

_GIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Source:
    """One of ``path`` and ``url``, and a name for the project."""

    name: str
    path: Path | None = None
    url: str | None = None
    git_folder: Path | None = None

    @property
    def roots(self) -> list[str]:
        """The folders it lies in: of a linked work tree, git keeps its data elsewhere."""
        return [str(folder) for folder in (self.path, self.git_folder) if folder]

    def __str__(self) -> str:
        return str(self.path or self.url)

    def as_project(self) -> dict[str, str]:
        """The body that makes a project of it."""
        where = {"path": str(self.path)} if self.path else {"repository_url": str(self.url)}
        return {"name": self.name, "description": "Made by the demo."} | where


def find_source(given: str) -> Source:
    """The repository meant by a path (also one inside of it) or a URL."""
    text = given.strip() or "."
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    path = Path(text).expanduser()
    if path.exists():
        top = _top(path.resolve())
        git_folder = _git(top, "rev-parse", "--path-format=absolute", "--git-common-dir")
        name = top.name.removesuffix(".git")[:200] or "repository"
        return Source(name, path=top, git_folder=Path(git_folder) if git_folder else None)
    if "://" not in text and not ("@" in text and ":" in text):
        hint = "REPO is a folder, or a git URL such as https://github.com/pallets/flask.git."
        raise InvalidInput(f"There is no folder {text!r}, and it is no git URL.", field="REPO", hint=hint)
    url = parse_repository_url(text)
    return Source(url.name[:200] or "repository", url=url.text)


def _top(path: Path) -> Path:
    """The top of the work tree a path lies in, or the bare repository it is."""
    if os.pathsep in str(path):
        raise InvalidInput("A path with a colon cannot be listed in PROJECT_ROOTS.", field="REPO")
    folder = path if path.is_dir() else path.parent
    if _git(folder, "rev-parse", "--is-bare-repository") == "true":
        return Path(str(_git(folder, "rev-parse", "--absolute-git-dir")))
    top = _git(folder, "rev-parse", "--show-toplevel")
    if not top:
        hint = "Make it one: git init, git add, git commit. Or name another: make demo REPO=…"
        raise InvalidInput(f"{path} is not in a git repository.", field="REPO", hint=hint)
    if not _git(folder, "rev-parse", "--verify", "--quiet", "HEAD"):
        raise InvalidInput(f"{top} has no commit yet.", field="REPO", hint="Projects are made of what is committed.")
    return Path(top)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says, or None when it refuses. Whoever owns the folder: nothing of its configuration is run."""
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    environment = os.environ | {"LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOut(f"git took over {_GIT_SECONDS:g} s in {folder}.") from error
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None
