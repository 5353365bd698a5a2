"""The public sets that the graph is measured against: from folders that are given, or fetched at fixed versions.

A set is looked for where its own variable says (``DJANGO``, ``RDF_TESTS``, …), then below ``BENCH_SETS`` under its
name, so that one folder serves a whole run without a network. What is neither given nor reachable is told, not failed.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from benchmarks.report import NotMeasuredError

_SECONDS = 600


def given(name: str, variable: str) -> Path | None:
    """The folder of a set that is on this machine."""
    own, together = os.environ.get(variable), os.environ.get("BENCH_SETS")
    if own:
        return Path(own).resolve()
    return (Path(together) / name).resolve() if together and (Path(together) / name).is_dir() else None


def checkout(name: str, variable: str, source: str, commit: str, folder: Path) -> Path:
    """A repository at a commit. Raises NotMeasuredError where it is not to be had."""
    found = given(name, variable)
    if found is not None:
        return found
    target = folder / name
    target.mkdir(parents=True)
    for command in (("init", "-q"), ("fetch", "-q", "--depth=1", source, commit), ("checkout", "-q", "FETCH_HEAD")):
        _run(["git", "-C", str(target), *command], f"{source} is not to be had: set {variable}, or {_below(name)}")
    return target


def sdist(name: str, variable: str, version: str, folder: Path) -> Path:
    """A package's source. Raises NotMeasuredError where it is not to be had."""
    found = given(name, variable)
    if found is not None:
        return found
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", f"{name}=={version}"]
    _run([*pip, "-d", str(folder)], f"{name} {version} is not to be had: set {variable}, or {_below(name)}")
    with tarfile.open(next(folder.glob(f"*{name[1:]}-*.tar.gz"))) as packed:
        packed.extractall(folder, filter="data")
    return (folder / f"{name}-{version}").resolve()


def wheels(target: Path, *names: str) -> Path:
    """Packages without what they need, installed into a folder of their own."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), *names]
    _run(pip, f"{', '.join(names)} cannot be installed")
    return target


def _below(name: str) -> str:
    return f"BENCH_SETS to a folder with {name} in it"


def _run(command: list[str], complaint: str) -> None:
    try:
        subprocess.run(command, check=True, timeout=_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        raise NotMeasuredError(complaint) from error
