"""Writes the OpenAPI document, from which the console's types are made. Used by ``make openapi``."""

import json
from pathlib import Path

from orchestrator.main import create_app


def write(path: Path) -> None:
    """Write it with sorted keys, so that a diff shows what changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(create_app().openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
