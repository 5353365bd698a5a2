"""Which programs of agents are installed: looked for in a thread, remembered for half a minute. Used by the catalogue.

An agent's description is asked for without waiting, so it tells what was seen at the last look; whoever lists agents
has somebody look first. It starts nothing.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Sequence

from orchestrator.sandbox.environment import minimal_environment

Commands = tuple[tuple[str, ...], ...]
_FRESH_SECONDS = 30.0


class Presence:
    """What was found of the commands that somebody asked about."""

    def __init__(self) -> None:
        self._found: dict[str, str | None] = {}
        self._looked = float("-inf")

    def missing(self, commands: Commands, install: str = "") -> str:
        """What to say of an agent none of whose commands is there; nothing while nobody has looked."""
        names = [command[0] for command in commands]
        new = [name for name in names if name not in self._found]
        if new:
            self._found |= dict.fromkeys(new, "")
            self._looked = float("-inf")
        if any(self._found[name] is not None for name in names):
            return ""
        how = f"; install it: {install}" if install else ""
        return f"{names[0]} is not installed on the service's machine{how}"

    async def look(self) -> None:
        """Look for every command known by now, unless somebody has just looked."""
        if time.monotonic() - self._looked < _FRESH_SECONDS:
            return
        self._looked = time.monotonic()
        self._found |= await asyncio.to_thread(_find, list(self._found))


def resolve(commands: Commands) -> tuple[str, ...] | None:
    """The first command that is there, its program as an absolute path."""
    for name, *arguments in commands:
        path = _find([name])[name]
        if path is not None:
            return (path, *arguments)
    return None


def _find(names: Sequence[str]) -> dict[str, str | None]:
    path = minimal_environment({}).get("PATH")
    found = {name: shutil.which(name, path=path) for name in names}
    return {name: os.path.abspath(place) if place else None for name, place in found.items()}
