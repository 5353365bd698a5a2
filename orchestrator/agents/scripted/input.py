"""A script as the prompt of a scripted program. Used by the catalogue, which knows no SDK.

The script is checked here, so that a wrong one is refused when the task is handed in.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from orchestrator.agents.scripted.script import read_script


def scripted_prompt(given: Mapping[str, Any]) -> str:
    """The script as JSON; InvalidInput names the field."""
    return orjson.dumps(read_script(given, misbehaving=True).model_dump(exclude_defaults=True)).decode()
