"""What a local server is started with: the little of our environment it may see, and the path of its program.

Used by the stdio transport. It starts nothing; that is the work of ``orchestrator.sandbox``.
"""

import os
import shutil
from collections.abc import Mapping

from orchestrator.core.errors import ServerUnreachable

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LANGUAGE")


def minimal_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a server may see of our environment, and what its entry adds: our own secrets stay ours."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("LC_")}
    return {"PATH": os.defpath, **inherited, **extra}


def resolve_command(command: str, environment: Mapping[str, str]) -> str:
    """The program's absolute path by the server's own PATH, or ServerUnreachable saying that there is none."""
    found = shutil.which(command, path=environment.get("PATH"))
    if found is None:
        raise ServerUnreachable(f"The command {command!r} was not found.", field="command")
    return os.path.abspath(found)
