"""What is said of an ACP agent: its command, what its sandbox grants, and what happens where no rule speaks.

Read by the agent, the session and the catalogue. It knows no SDK, so it may be imported anywhere; it starts nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestrator.sandbox.wish import Wish

Unruled = Literal["ask", "allow", "deny"]


class AcpConfig(BaseModel):
    """What a custom agent of the kind may say of itself. A key is stored apart, encrypted."""

    model_config = ConfigDict(extra="forbid")

    command: str = Field(min_length=1, max_length=1000, description="The program, by name or path.")
    args: list[str] = Field(default_factory=list, max_length=100, description="Its arguments.")
    env: dict[str, str] = Field(default_factory=dict, max_length=100, description="Variables it gets; no secrets.")
    key_env: str = Field("", max_length=100, description="The variable in which it gets the agent's api_key.")
    sandbox: str | None = Field(None, description="preferred, required or off.")
    network: str | None = Field(None, description="none, loopback or full.")
    folders: list[dict[str, Any]] = Field(default_factory=list, max_length=64, description="Folders it may see.")
    limits: dict[str, Any] = Field(default_factory=dict, description="Limits of its processes.")
    unruled: Unruled = Field("ask", description="What becomes of a permission request that no rule speaks of.")
    files: bool = Field(True, description="Whether it may read and write files of the worktree through us.")
    terminals: bool = Field(True, description="Whether it may run commands through us.")
    tools: bool = Field(True, description="Whether it gets our MCP endpoint, where its network reaches it.")
    mode: str = Field("", max_length=100, description="The session mode to choose, where the agent has it.")

    @field_validator("command", "args")
    @classmethod
    def _printable(cls, value: str | list[str]) -> str | list[str]:
        if any("\0" in part for part in ([value] if isinstance(value, str) else value)):
            raise ValueError("no part of a command holds a NUL")
        return value

    @field_validator("env")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not name.isidentifier() or len(name) > 100 or "\0" in text:
                raise ValueError(f"{name[:50]!r} is not a variable")
        return value

    def wish(self, prefix: str = "") -> Wish:
        """The sandbox it is to have; InvalidInput names the field at fault."""
        return Wish.of(self.sandbox, self.network, self.folders, self.limits, command=self.command, prefix=prefix)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent, as the session needs it. ``commands`` are tried in turn; secrets go nowhere else."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    wish: Wish
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    unruled: Unruled = "ask"
    files: bool = True
    terminals: bool = True
    mode: str = ""
    install: str = ""
    tools: bool = True
    inside: Mapping[str, str] = field(default_factory=dict)
    """Variables it gets where it runs in a sandbox; others of the same name go before."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """What work a tool is by its name, where a request for leave begins with that and does not say."""
    folders: tuple[Path, ...] = ()
    """Folders of ours that it reads: where a scripted agent's own code is."""
