"""The programs that are tried: where npm leaves each, how its user points it at a model, and how its tools are called.

Read by the tests of programs. A program is described as its maker documents it; what differs from one to the next
stands here, so that the tests are the same for all.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

KEY = "sk-of-the-model"
ALWAYS = "tests/programs"
OTHERS = "tests/programs/others"
"""More than a gigabyte: tried by `make programs`."""
Call = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Program:
    """``asks``: whether it asks for leave in our sandbox; ``resumes``: whether its session is always found again."""

    agent: str
    name: str
    version: str
    packages: str
    """The folder that has npm install it."""
    folder: str
    """Where its command is, below what npm installs."""
    settings: Callable[[str], Mapping[str, str]]
    """The variables its user sets, given the address of the model's server."""
    write: Callable[[str, str], Call]
    run: Callable[[str], Call]
    missing: str
    asks: bool = True
    resumes: bool = True


def _opencode(url: str) -> dict[str, str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": KEY},
        "models": {"scripted": {"limit": {"context": 100_000, "output": 4000}}},
    }
    told = {"provider": {"house": provider}, "model": "house/scripted", "small_model": "house/scripted"}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps(told), "OPENCODE_DISABLE_MODELS_FETCH": "1"}


def _codex(url: str) -> dict[str, str]:
    house = {"name": "House", "base_url": f"{url}/v1", "env_key": "CODEX_API_KEY", "wire_api": "responses"}
    told = {"model_provider": "house", "model": "scripted", "model_providers": {"house": house}}
    return {"CODEX_API_KEY": KEY, "MODEL_PROVIDER": "house", "CODEX_CONFIG": json.dumps(told)}


def _patch(name: str, text: str) -> Call:
    added = "".join(f"+{line}\n" for line in text.splitlines())
    patch = f"*** Begin Patch\n*** Add File: {name}\n{added}*** End Patch"
    return "exec_command", {"cmd": f"apply_patch <<'X'\n{patch}\nX"}


PROGRAMS = (
    Program(
        "agent:claude-code", "@agentclientprotocol/claude-agent-acp", "0.101.0", OTHERS, ".bin",
        lambda url: {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY},
        lambda name, text: ("Write", {"file_path": name, "content": text}),
        lambda command: ("Bash", {"command": command, "description": "as asked"}),
        "claude-agent-acp is not installed on the service's machine; "
        "install it: npm install -g @agentclientprotocol/claude-agent-acp",
    ),
    Program(
        "agent:codex", "@agentclientprotocol/codex-acp", "2.6.0", OTHERS, ".bin",
        _codex,
        _patch,
        lambda command: ("exec_command", {"cmd": command}),
        "codex-acp is not installed on the service's machine; "
        "install it: npm install -g @agentclientprotocol/codex-acp",
        asks=False,
    ),
    Program(
        "agent:gemini-cli", "gemini-cli", "0.61.0", OTHERS, ".bin",
        lambda url: {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": KEY},
        lambda name, text: ("write_file", {"file_path": name, "content": text}),
        lambda command: ("run_shell_command", {"command": command, "description": "as asked"}),
        "gemini is not installed on the service's machine; install it: npm install -g @google/gemini-cli",
        # Its file of a session bears the minute: one taken up within the minute it began is overwritten first (0.61).
        resumes=False,
    ),
    Program(
        "agent:goose", "goose", "1.50.0", OTHERS, ".bin",
        lambda url: {"GOOSE_PROVIDER": "openai", "GOOSE_MODEL": "scripted", "OPENAI_HOST": url, "OPENAI_API_KEY": KEY},
        lambda name, text: ("write", {"path": name, "content": text}),
        lambda command: ("shell", {"command": command}),
        "goose is not installed on the service's machine; install it: npm install -g @aaif/goose-acp",
    ),
    Program(
        "agent:opencode", "OpenCode", "1.18.33", ALWAYS, "opencode-linux-x64-baseline/bin",
        _opencode,
        lambda name, text: ("write", {"filePath": name, "content": text}),
        lambda command: ("bash", {"command": command, "description": "as asked"}),
        "opencode is not installed on the service's machine; install it: npm install -g opencode-ai",
    ),
)  # fmt: skip
