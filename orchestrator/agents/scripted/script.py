"""The script of a scripted agent: a list of steps, each with a word of what to do. Read by all kinds of them.

Steps that only a program of its own can do (crash, flood, write broken messages) are refused elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field

from orchestrator.agents.options import Options, read_options
from orchestrator.core.errors import AgentFailed, InvalidInput

Verb = Literal[
    "say", "think", "plan", "wait", "tool", "write", "replace", "read", "run", "permit", "ask", "fail",
    "crash", "flood", "endless", "garbage", "hang", "spawn",
]  # fmt: skip
MISBEHAVING = frozenset({"crash", "flood", "endless", "garbage", "hang", "spawn"})
_MOST_SECONDS = 3600
_HEARD = re.compile(r"\{\{(\d{1,4})\.(\w{1,100})\}\}")


class Step(Options):
    """One thing to do; which of the other fields count depends on it."""

    model_config = ConfigDict(str_strip_whitespace=False)

    do: Verb = Field(description="What to do.")
    text: str = Field("", max_length=200_000, description="What to say, write, ask, or the command to run.")
    path: str = Field("", max_length=4096, description="The file to read, write or change.")
    find: str = Field("", max_length=200_000, description="What to replace in the file.")
    seconds: float = Field(0.0, ge=0, le=_MOST_SECONDS, description="How long to wait.")
    count: int = Field(1, ge=0, le=10_000_000, description="How often, or how many bytes.")
    tool: str = Field("", max_length=200, description="The tool to call, or the kind of work to ask leave for.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="The tool's arguments.")
    steps: list[str] = Field(default_factory=list, max_length=100, description="The steps of a plan.")


class Script(Options):
    """What a scripted agent is given. A step that needs leave and does not get it ends the script's turn."""

    steps: list[Step] = Field(default_factory=list, max_length=1000, description="What to do, one after the other.")
    turns: list[list[Step]] = Field(default_factory=list, max_length=50, description="What to do at each later prompt.")


def filled(arguments: Mapping[str, Any], heard: Sequence[Any]) -> dict[str, Any]:
    """Arguments in which a text such as ``{{0.task_id}}`` becomes that field of the first tool's answer."""
    return {name: _heard_of(value, heard) for name, value in arguments.items()}


def _heard_of(value: Any, heard: Sequence[Any]) -> Any:
    match = _HEARD.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    number = int(match[1])
    answer = heard[number] if number < len(heard) else None
    if not isinstance(answer, Mapping) or match[2] not in answer:
        raise AgentFailed(f"no tool has answered {value}")
    return answer[match[2]]


def read_script(given: Mapping[str, Any], *, misbehaving: bool) -> Script:
    """The script; InvalidInput names the field."""
    script = read_options(Script, given)
    if not misbehaving:
        for number, step in enumerate(script.steps):
            if step.do in MISBEHAVING:
                raise InvalidInput(f"only a program of its own can {step.do}", field=f"input.steps.{number}.do")
    return script
