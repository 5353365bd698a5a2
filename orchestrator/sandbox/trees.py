"""What a program needs to see to run at all: the system, and the interpreter, environment or package it is part of.

Used by ``starter``. It follows links and the first line of scripts, knows the layouts of virtual environments, Python
and Node installations, and shows a single file where it recognises nothing. It grants no data and reads none.
"""

import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

_SYSTEM = ("/usr", "/nix/store", "/gnu/store")
_AT_ROOT = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "fonts", "gai.conf",
    "host.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "locale.conf", "localtime", "magic",
    "mime.types", "nsswitch.conf", "os-release", "pki/ca-trust", "pki/tls/certs", "pki/tls/cert.pem", "protocols",
    "services", "ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
"""Of /etc: what libraries need. Never the folder itself, which holds passwords and keys."""
_SCRIPTS = (".cjs", ".jar", ".js", ".mjs", ".php", ".pl", ".py", ".pyz", ".rb", ".sh", ".ts")
_MOST_HOPS = 40
_LOOK_SECONDS = 2.0


@dataclass(slots=True)
class Sight:
    """Paths to show read-only, and links to make: path → target."""

    shown: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)

    def words(self) -> list[str]:
        """As the launcher reads them, what contains before what is contained."""
        plain = sorted(path for path in self.shown if path.isprintable())
        return [f"ro={path}" for path in plain] + [
            f"link={path}\n{target}" for path, target in self.links.items() if (path + target).isprintable()
        ]


@lru_cache
def system() -> Sight:
    """The part that every program of this machine needs."""
    sight = Sight({path for path in _SYSTEM if os.path.isdir(path)})
    for path in (f"/{name}" for name in _AT_ROOT):
        if os.path.islink(path):
            sight.links[path] = os.readlink(path)
        elif os.path.isdir(path):
            sight.shown.add(path)
    for path in (f"/etc/{name}" for name in _ETC):
        if os.path.islink(path) and os.path.realpath(path).startswith("/usr/"):
            sight.links[path] = os.readlink(path)
        elif os.path.exists(path):
            sight.shown.add(path)
    return sight


def name_service() -> Sight:
    """What resolving names takes, for programs with the whole network."""
    return Sight({path for path in ("/etc/resolv.conf", "/etc/hosts") if os.path.exists(path)})


def needed(command: Sequence[str], environment: Mapping[str, str]) -> Sight:
    """What the program, and programs and scripts named in its arguments, need beside the system.

    Programs that start at the same time are mostly the same: who asks within a second or two shares one look.
    """
    moment = int(time.monotonic() // _LOOK_SECONDS)
    return _look(moment, tuple(command), environment.get("PATH"))


@lru_cache(maxsize=256)
def _look(_moment: int, command: tuple[str, ...], path: str | None) -> Sight:
    finder = _Finder(path)
    finder.program(command[0])
    for argument in command[1:]:
        if argument.startswith("/") and _is_program(argument):
            finder.file(argument)
    return finder.sight


def named(command: Sequence[str]) -> set[str]:
    """The files and folders that its arguments name: ``/path`` or ``--option=/path``."""
    words = (word.partition("=")[2] if word.startswith("-") else word for word in command[1:])
    paths = (word for word in words if word.startswith("/") and os.path.exists(word))
    return {"/" + os.path.normpath(path).lstrip("/") for path in paths}


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and (path.endswith(_SCRIPTS) or os.access(path, os.X_OK))


class _Finder:
    def __init__(self, path: str | None) -> None:
        self.sight = Sight()
        self._path = path
        self._seen: set[str] = set()
        self._home = os.path.realpath(os.path.expanduser("~"))

    def program(self, name: str) -> None:
        """A program, by path or by name."""
        found = name if os.path.isabs(name) else shutil.which(name, path=self._path)
        if found is not None:
            self.file(os.path.abspath(found))

    def file(self, path: str) -> None:
        """A file: every link on the way to it, the tree each stands in, and the interpreter of a script."""
        for _ in range(_MOST_HOPS):
            if path in self._seen or not os.path.lexists(path):
                return
            self._seen.add(path)
            self._show(path)
            if not os.path.islink(path):
                break
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        for interpreter in _interpreters(path):
            self.program(interpreter)

    def _show(self, path: str) -> None:
        trees = [tree for tree in _trees(path) if not self._too_much(tree)]
        if trees:
            for tree in trees:
                self._show_tree(tree)
        elif os.path.islink(path):
            self.sight.links[path] = os.readlink(path)
        else:
            self.sight.shown.add(path)

    def _show_tree(self, tree: str) -> None:
        self.sight.shown |= {tree, os.path.realpath(tree)}
        home = _python_home(Path(tree))
        if home is not None and home not in self._seen:
            self._seen.add(home)
            for name in ("python3", "python"):
                self.file(os.path.join(home, name))

    def _too_much(self, tree: str) -> bool:
        real = os.path.realpath(tree)
        return real == "/" or self._home == real or self._home.startswith(real + "/")


def _trees(path: str) -> Iterable[str]:
    """The installations a file is part of."""
    parts = Path(path).parts
    if "node_modules" in parts:
        yield str(Path(*parts[: parts.index("node_modules") + 1]))
    for folder in Path(path).parents:
        if (folder / "pyvenv.cfg").is_file():
            yield str(folder)
    folder = Path(path).parent
    prefix = folder.parent
    if folder.name in ("bin", "sbin"):
        yield from (str(prefix / name) for name in _parts_of(prefix))
    elif folder.name == "shims" and (prefix / "versions").is_dir():
        yield str(prefix)


def _parts_of(prefix: Path) -> tuple[str, ...]:
    """The folders of a Python or Node installation, where it is one."""
    node = (prefix / "lib" / "node_modules").is_dir()
    python = any((found / "os.py").is_file() for found in prefix.glob("lib/python3*"))
    wanted = ("bin", "lib", "lib64", "include", "share") if python else ("bin", "lib") if node else ()
    return tuple(name for name in wanted if (prefix / name).is_dir())


def _python_home(tree: Path) -> str | None:
    """Where the interpreter of a virtual environment comes from."""
    try:
        lines = (tree / "pyvenv.cfg").read_text(errors="replace").splitlines()
    except OSError:
        return None
    told = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    return told.get("home") or None


def _interpreters(path: str) -> list[str]:
    """The programs named in the first line of a script."""
    try:
        with open(path, "rb") as file:
            first = file.readline(512)
    except OSError:
        return []
    if not first.startswith(b"#!"):
        return []
    words = first[2:].decode(errors="replace").split()
    if words and os.path.basename(words[0]) == "env":
        return [words[0], *(word for word in words[1:] if not word.startswith("-") and "=" not in word)][:2]
    return words[:1]
