"""Which files of a tree are looked at, by their paths alone. Used by scanning and by watching, which parses nothing."""

NEVER = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache", ".ruff_cache"})
"""Folders of version control, installed packages and caches."""


def is_wanted(path: str) -> bool:
    """Whether ``list_files`` would list the path, if it were there."""
    return NEVER.isdisjoint(path.split("/")[:-1])
