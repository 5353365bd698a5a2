"""Which repositories there are, and their source at a fixed version: by git from GitHub, or as an sdist by pip.

Used by the commands beside this file. Nothing fetched is kept but the folder that the caller names. A mirror serves as
well: git's own ``url.<base>.insteadOf`` says where it is.
"""

import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository at one version: a commit of a GitHub repository, or a release of a package."""

    name: str
    language: str
    source: Literal["github", "pypi"]
    package: str
    version: str

    @property
    def sample(self) -> Path:
        """Where its sample with the verdicts is kept."""
        return _HERE / "samples" / f"{self.name}.json"

    @property
    def label(self) -> str:
        """Package and version, short enough for a table."""
        return f"{self.package} {self.version[:12]}"


REPOSITORIES = tuple(Repository(**told) for told in json.loads((_HERE / "list.json").read_bytes()))


def fetch(one: Repository, folder: Path) -> Path:
    """The folder with its source, fetched unless it is there."""
    target = folder / f"{one.name}-{one.version[:12]}"
    if not target.exists():
        part = folder / f".{target.name}.part"
        part.mkdir(parents=True, exist_ok=True)
        (_clone if one.source == "github" else _download)(one, part).rename(target)
    return target


def _clone(one: Repository, part: Path) -> Path:
    for command in (
        ("init", "-q"),
        ("fetch", "-q", "--depth=1", f"https://github.com/{one.package}", one.version),
        ("checkout", "-q", "FETCH_HEAD"),
    ):
        subprocess.run(["git", "-C", str(part), *command], check=True, timeout=600)
    return part


def _download(one: Repository, part: Path) -> Path:
    wanted = f"{one.package}=={one.version}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", wanted]
    subprocess.run([*pip, "-d", str(part)], check=True, timeout=600)
    archive = next(part.glob("*.tar.gz"))
    with tarfile.open(archive) as packed:
        packed.extractall(part, filter="data")
    return part / archive.name.removesuffix(".tar.gz")
