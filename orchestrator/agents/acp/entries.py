"""The coding agents we know how to start, as data: command, how to install it, which secrets it may be given.

Read by the catalogue. Several commands are tried in turn, because programs were renamed. Nothing is downloaded: what is
not installed is told as such. A model's program needs the network to reach its model.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AcpEntry:
    """A ready-made agent. ``secrets`` are names of variables it may get, where the operator passes them on."""

    id: str
    name: str
    description: str
    commands: tuple[tuple[str, ...], ...]
    install: str
    secrets: tuple[str, ...]
    capabilities: tuple[str, ...] = ("coding",)


ENTRIES = (
    AcpEntry(
        "agent:claude-code",
        "Claude Code",
        "Anthropic's coding agent, through its adapter for the Agent Client Protocol.",
        (("claude-agent-acp",), ("claude-code-acp",)),
        "npm install -g @agentclientprotocol/claude-agent-acp",
        ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"),
    ),
    AcpEntry(
        "agent:codex",
        "Codex",
        "OpenAI's coding agent, through its adapter for the Agent Client Protocol.",
        (("codex-acp",),),
        "npm install -g @agentclientprotocol/codex-acp",
        ("OPENAI_API_KEY", "CODEX_API_KEY"),
    ),
    AcpEntry(
        "agent:gemini-cli",
        "Gemini CLI",
        "Google's coding agent.",
        (("gemini", "--acp"),),
        "npm install -g @google/gemini-cli",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    AcpEntry(
        "agent:goose",
        "Goose",
        "Block's open source agent, with the model it was configured for.",
        (("goose", "acp"),),
        "see https://block.github.io/goose/docs/getting-started/installation",
        ("GOOSE_PROVIDER", "GOOSE_MODEL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"),
    ),
    AcpEntry(
        "agent:opencode",
        "OpenCode",
        "The open source coding agent, with the model it was configured for.",
        (("opencode", "acp"),),
        "npm install -g @opencode/cli, or see https://opencode.ai",
        ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"),
    ),
)
