"""The coding agents we know how to start, as data: command, how to install it, which variables it may be given.

Read by the catalogue. Several commands are tried in turn, because programs were renamed. Nothing is downloaded: what is
not installed is told as such. A model's program needs the network to reach its model. What was tried with which version
stands in docs/guides/coding-agents.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AcpEntry:
    """A ready-made agent.

    ``secrets`` and ``settings`` are names of variables it may get, where the operator passes them on. ``env`` it has in
    any case, ``inside`` where it runs in a sandbox of ours; what the operator passes on goes before both. ``mode`` is
    chosen where its session offers it; without ``files`` it reads and writes its tree by itself. ``kinds`` says what
    work its tools are, for a program that does not say so itself when it asks for leave.
    """

    id: str
    name: str
    description: str
    commands: tuple[tuple[str, ...], ...]
    install: str
    secrets: tuple[str, ...]
    settings: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    inside: Mapping[str, str] = field(default_factory=dict)
    mode: str = ""
    files: bool = True
    kinds: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ("coding",)


ENTRIES = (
    AcpEntry(
        "agent:claude-code",
        "Claude Code",
        "Anthropic's coding agent, through its adapter for the Agent Client Protocol.",
        (("claude-agent-acp",), ("claude-code-acp",)),
        "npm install -g @agentclientprotocol/claude-agent-acp",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        settings=("ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "ANTHROPIC_CUSTOM_HEADERS", "MAX_THINKING_TOKENS"),
        # No telemetry, no updates of itself: it cannot write where it is installed.
        env={"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
        # Of its own accord it decides by itself what it may do, and neither rules nor people are asked.
        mode="default",
    ),
    AcpEntry(
        "agent:codex",
        "Codex",
        "OpenAI's coding agent, through its adapter for the Agent Client Protocol.",
        (("codex-acp",),),
        "npm install -g @agentclientprotocol/codex-acp",
        ("OPENAI_API_KEY", "CODEX_API_KEY"),
        settings=("CODEX_CONFIG", "MODEL_PROVIDER", "INITIAL_AGENT_MODE"),
        env={"NO_BROWSER": "1"},
        # Its own sandbox cannot be made in ours, so that every command of it would fail.
        inside={"INITIAL_AGENT_MODE": "agent-full-access"},
    ),
    AcpEntry(
        "agent:gemini-cli",
        "Gemini CLI",
        "Google's coding agent.",
        (("gemini", "--acp"),),
        "npm install -g @google/gemini-cli",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        settings=("GOOGLE_GEMINI_BASE_URL", "GEMINI_MODEL"),
        env={"NO_BROWSER": "true"},
        mode="default",
        # Where we say that there is no such file it gives up instead of writing a new one (0.61).
        files=False,
    ),
    AcpEntry(
        "agent:goose",
        "Goose",
        "Block's open source agent, with the model it was configured for.",
        (("goose", "acp"),),
        "npm install -g @aaif/goose-acp",
        ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"),
        settings=("GOOSE_PROVIDER", "GOOSE_MODEL", "GOOSE_MODE", "OPENAI_HOST", "ANTHROPIC_HOST"),
        # Of its own accord it allows itself everything; and it has no keyring to look for a key in.
        env={"GOOSE_MODE": "approve", "GOOSE_TELEMETRY_OFF": "1", "GOOSE_DISABLE_KEYRING": "1"},
        kinds={
            "write": "edit", "edit": "edit", "shell": "execute", "read": "read", "read_image": "read",
            "tree": "read", "analyze": "read", "load": "read", "load_skill": "read", "todo_write": "think",
        },
    ),
    AcpEntry(
        "agent:opencode",
        "OpenCode",
        "The open source coding agent, with the model it was configured for.",
        (("opencode", "acp"),),
        "npm install -g opencode-ai",
        ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "OPENCODE_API_KEY",
         "OPENCODE_CONFIG_CONTENT"),
        settings=("OPENCODE_PERMISSION", "OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_MODELS_URL"),
        # It asks for leave for nothing of its own accord: so that rules hold for it as for others, it is told to.
        env={
            "OPENCODE_PERMISSION": '{"edit":"ask","bash":"ask","webfetch":"ask"}',
            "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        },
    ),
)  # fmt: skip
