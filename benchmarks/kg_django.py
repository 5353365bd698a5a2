"""Django's unpacked source as a folder that may be edited. Used by the benchmarks of building and updating."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

_VERSION = "5.2.19"


def django(folder: Path) -> Path:
    """A copy of what the folder DJANGO holds, or else of the sdist, downloaded with pip."""
    given = os.environ.get("DJANGO")
    if given:
        shutil.copytree(given, folder / "django", symlinks=True)
        return folder / "django"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", f"django=={_VERSION}"]
    subprocess.run([*pip, "-d", str(folder)], check=True, timeout=600)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"django-{_VERSION}"
