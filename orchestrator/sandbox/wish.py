"""What whoever starts a program wants of its sandbox: whether there must be one, its network, folders and limits.

Used by all who start programs, from registry entries to agents. Values only: ``starter`` makes something of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal, Self, get_args

from orchestrator.core.errors import InvalidInput

Mode = Literal["preferred", "required", "off"]
Network = Literal["none", "loopback", "full"]

_MEBIBYTE = 1024 * 1024
_NEVER = frozenset({"/", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/usr", "/var"})
_DOWNLOADERS = frozenset({"bunx", "deno", "dnx", "npm", "npx", "pipx", "pnpm", "pnpx", "uv", "uvx", "yarn"})
_ELSEWHERE = frozenset({"docker", "nerdctl", "podman"})
MAX_FOLDERS = 64
PROJECTS = "projects"
"""In the place of a path: the repositories of the service's projects, for reading."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder the program may read, and write if it says so."""

    path: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may take. Memory, open files, file size and CPU time hold for each of its processes."""

    memory_mib: int = 2048
    processes: int = 256
    open_files: int = 1024
    file_mib: int = 1024
    scratch_mib: int = 256
    cpu_seconds: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any], place: str = "limits") -> Self:
        """From a mapping; InvalidInput names the field at fault."""
        unknown = sorted(given.keys() - _BOUNDS.keys())
        if unknown:
            raise InvalidInput(
                f"There is no such limit; there are: {', '.join(_BOUNDS)}.", field=f"{place}.{unknown[0]}"
            )
        for name, value in given.items():
            least, most = _BOUNDS[name]
            if name == "cpu_seconds" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInput(f"A whole number from {least} to {most} is expected.", field=f"{place}.{name}")
        return cls(**given)

    def words(self) -> list[str]:
        """As the launcher reads them."""
        words = [
            f"memory={self.memory_mib * _MEBIBYTE}", f"processes={self.processes}", f"files={self.open_files}",
            f"file-size={self.file_mib * _MEBIBYTE}", f"scratch={self.scratch_mib * _MEBIBYTE}",
        ]  # fmt: skip
        return words if self.cpu_seconds is None else [*words, f"cpu={self.cpu_seconds}"]


_BOUNDS = {
    "memory_mib": (32, 1_048_576), "processes": (4, 65_536), "open_files": (32, 1_048_576), "file_mib": (1, 1_048_576),
    "scratch_mib": (1, 1_048_576), "cpu_seconds": (1, 31_536_000),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """How a program is to be enclosed. ``preferred`` runs it without where the kernel refuses, and says so.

    ``shows_arguments``: whether it sees the paths its arguments name. Not where those who write them may not read all
    that the service may.
    """

    mode: Mode = "preferred"
    network: Network = "none"
    folders: tuple[Folder, ...] = ()
    limits: Limits = field(default_factory=Limits)
    shows_arguments: bool = True

    @classmethod
    def of(
        cls,
        sandbox: str | None = None,
        network: str | None = None,
        folders: Sequence[Mapping[str, Any]] = (),
        limits: Mapping[str, Any] | None = None,
        *,
        command: str | None = None,
        prefix: str = "",
    ) -> Self:
        """From what stands in an entry, the rest as ``command`` needs it; InvalidInput names the field at fault."""
        usual_sandbox, usual_network = _usual(command or "")
        sandbox, network = sandbox or usual_sandbox, network or usual_network
        if sandbox not in get_args(Mode):
            raise InvalidInput(f"One of {', '.join(get_args(Mode))} is expected.", field=f"{prefix}sandbox")
        if network not in get_args(Network):
            raise InvalidInput(f"One of {', '.join(get_args(Network))} is expected.", field=f"{prefix}network")
        if len(folders) > MAX_FOLDERS:
            raise InvalidInput(f"At most {MAX_FOLDERS} folders.", field=f"{prefix}folders")
        granted = tuple(_folder(one, f"{prefix}folders[{number}]") for number, one in enumerate(folders))
        _refuse_overlap(granted, f"{prefix}folders")
        return cls(sandbox, network, granted, Limits.of(limits or {}, f"{prefix}limits"))  # type: ignore[arg-type]

    def folder_values(self) -> list[dict[str, Any]]:
        """The folders as an entry stores them."""
        return [{"path": one.path, "access": "rw" if one.writable else "ro"} for one in self.folders]

    def limit_values(self) -> dict[str, Any]:
        """The limits that differ from the usual ones, as an entry stores them."""
        usual = asdict(Limits())
        return {name: value for name, value in asdict(self.limits).items() if value != usual[name]}


OPEN = Wish(mode="off", network="full")
"""No sandbox: the program is only kept, so that nothing of it is left behind."""


def _usual(command: str) -> tuple[Mode, Network]:
    """Programs that download what they run ask for a network by that; those of containers bring a sandbox along."""
    name = PurePosixPath(command).name
    if name in _ELSEWHERE:
        return "off", "full"
    return "preferred", "full" if name in _DOWNLOADERS else "none"


def is_too_much(path: str) -> bool:
    """Whether a path shows more than one program has to do with."""
    return path in _NEVER or path.startswith(("/proc/", "/sys/", "/dev/"))


def _folder(given: Mapping[str, Any], place: str) -> Folder:
    path, access = given.get("path"), given.get("access", "ro")
    if access not in ("ro", "rw"):
        raise InvalidInput("ro or rw is expected.", field=f"{place}.access")
    if path == PROJECTS:
        if access == "rw":
            raise InvalidInput("The projects' repositories can only be read.", field=f"{place}.access")
        return Folder(PROJECTS)
    if not isinstance(path, str) or not path.startswith("/") or len(path) > 4096 or not path.isprintable():
        raise InvalidInput(f"An absolute path or {PROJECTS!r} is expected.", field=f"{place}.path")
    clean = str(PurePosixPath(path))
    if ".." in PurePosixPath(clean).parts:
        raise InvalidInput("A path without .. is expected.", field=f"{place}.path")
    if is_too_much(clean):
        raise InvalidInput(f"{clean} is too much to grant.", field=f"{place}.path")
    return Folder(clean, access == "rw")


def _refuse_overlap(folders: Sequence[Folder], place: str) -> None:
    """Nothing within a writable folder is granted apart: the program could put something else in its place."""
    for number, one in enumerate(folders):
        for other in folders:
            if other is not one and other.writable and (one.path + "/").startswith(other.path + "/"):
                raise InvalidInput(
                    f"{one.path} lies in {other.path}, which is writable.", field=f"{place}[{number}].path"
                )
