"""Which migration is the newest, read from the files' own words; alembic itself takes two seconds to say so.

Used by ``service.py`` to skip the migration process when the embedded database is up to date. It decides nothing
else: whenever the answer is not plainly "current", alembic runs.
"""

import re
from pathlib import Path

_VERSIONS = Path(__file__).parents[3] / "alembic" / "versions"
_LINE = re.compile(r"""^(revision|down_revision)\b[^=\n]*=\s*["']([^"']+)["']""", re.MULTILINE)


def newest_revision(versions: Path = _VERSIONS) -> str | None:
    """The one revision that no other builds on; None when there is not exactly one."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in versions.glob("*.py"):
        for name, value in _LINE.findall(path.read_text()):
            found[name].add(value)
    heads = found["revision"] - found["down_revision"]
    return heads.pop() if len(heads) == 1 else None
