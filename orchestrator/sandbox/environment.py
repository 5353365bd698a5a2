"""What a program may see of our environment: little, and none of our secrets. Used by everybody who starts programs.

MCP servers, coding agents and their terminals get this and what their entry adds.
"""

import os
from collections.abc import Mapping

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LANGUAGE")


def minimal_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a program may see of our environment, and what its entry adds: our own secrets stay ours."""
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("LC_")}
    return {"PATH": os.defpath, **inherited, **extra}
