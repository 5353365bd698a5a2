"""The path of a local server's program. Used by the stdio transport.

What it may see of our environment is decided in ``orchestrator.sandbox``, which starts it, too.
"""

import os
import shutil
from collections.abc import Mapping

from orchestrator.core.errors import ServerUnreachable


def resolve_command(command: str, environment: Mapping[str, str]) -> str:
    """The program's absolute path by the server's own PATH, or ServerUnreachable saying that there is none."""
    found = shutil.which(command, path=environment.get("PATH"))
    if found is None:
        raise ServerUnreachable(f"The command {command!r} was not found.", field="command")
    return os.path.abspath(found)
