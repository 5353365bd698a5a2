"""Django's unpacked source, as it is or as a folder that may be edited. Used by the benchmarks of the graph."""

import shutil
from pathlib import Path

from benchmarks.kg_sets import sdist

VERSION = "5.2.19"


def source(folder: Path) -> Path:
    """What DJANGO names, or the sdist; not to be written to."""
    return sdist("django", "DJANGO", VERSION, folder)


def django(folder: Path) -> Path:
    """A copy of it."""
    found = source(folder / "sdist")
    shutil.copytree(found, folder / "django", symlinks=True)
    return folder / "django"
