"""Settings, read from the environment and ``.env`` by bootstrap and the entry points; parts get values, not settings.

``DATABASE_URL`` and ``REDIS_URL`` empty means: start the embedded ones under ``DATA_DIR``.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda given: given.upper() if isinstance(given, str) else given),
]


class Settings(BaseSettings):
    """Every setting, with its unit and default. The reference page in docs is generated from the descriptions."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    data_dir: Path = Field(
        Path(".data"), description="Folder for everything the service writes: databases, mirrors, graphs, blobs."
    )
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on.")
    public_url: str = Field(
        "", description="Address users reach the console at; default http://HOST:PORT. Used in OAuth redirects."
    )
    database_url: str = Field(
        "", description="postgresql:// URL of a real server; empty starts the embedded PostgreSQL 18."
    )
    redis_url: str = Field("", description="redis:// URL of a real server; empty starts the embedded Redis.")
    project_roots: str = Field("", description="Colon-separated folders that projects with a local path may come from.")
    log_level: LogLevel = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_json: bool = Field(False, description="Write log lines as JSON instead of for a terminal.")

    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs tokens and cookies; empty makes one under DATA_DIR."
    )
    encryption_keys: SecretStr = Field(
        SecretStr(""),
        description="Comma-separated Fernet keys for secrets at rest, newest first; empty makes one under DATA_DIR.",
    )
    access_token_minutes: int = Field(15, ge=1, description="Lifetime of an access token.")
    refresh_token_days: int = Field(30, ge=1, description="Lifetime of a refresh token family without use.")
    allow_registration: bool = Field(
        True, description="Whether strangers may make an account, by e-mail or by an outside log-in."
    )
    cors_origins: str = Field("", description="Comma-separated origins that browsers may call the API from.")
    requests_per_minute: int = Field(6000, ge=1, description="Requests a caller may make per minute before 429.")

    github_client_id: str = Field("", description="GitHub OAuth app: client id.")
    github_client_secret: SecretStr = Field(SecretStr(""), description="GitHub OAuth app: client secret.")
    github_url: str = Field("https://github.com", description="Where GitHub's login and git live.")
    github_api_url: str = Field("https://api.github.com", description="Where GitHub's REST API lives.")
    hf_client_id: str = Field("", description="Hugging Face OAuth app: client id.")
    hf_client_secret: SecretStr = Field(SecretStr(""), description="Hugging Face OAuth app: client secret.")
    hf_url: str = Field("https://huggingface.co", description="Where Hugging Face lives.")

    llm_base_url: str = Field(
        "", description="OpenAI-compatible endpoint for llm agents, e.g. https://router.huggingface.co/v1."
    )
    llm_api_key: SecretStr = Field(SecretStr(""), description="Key for that endpoint.")
    llm_model: str = Field("", description="Model name llm agents use unless theirs says otherwise.")

    agent_secrets: str = Field(
        "",
        description="Comma-separated names of variables of the service's environment, such as ANTHROPIC_API_KEY or "
        "ANTHROPIC_BASE_URL, that ready-made coding agents are given, each only those it knows.",
    )
    question_seconds: float = Field(
        1800.0, gt=0, le=7 * 86_400, description="How long a running agent waits for a person's answer."
    )
    decision_seconds: float = Field(
        7 * 86_400.0,
        gt=0,
        description="How long a task that rests waits for a person's decision, about a budget or among tries; "
        "then the budget's task is stopped, or the best try by proof is taken.",
    )
    pause_seconds: float = Field(
        30.0, ge=0, description="How long an agent that is to pause may take to a safe point before it is stopped."
    )
    stall_seconds: float = Field(
        900.0, ge=0, description="An agent nothing is heard of for so long is ended as stalled. 0: never."
    )
    loop_repeats: int = Field(
        10, ge=0, description="An agent that makes the same tool calls so often in a row is ended as looping. 0: never."
    )

    attempt_disk_bytes: int = Field(
        8 * 1024**3,
        ge=0,
        description="Most bytes that the work tree and the home of one attempt may take of the disk, what was checked "
        "out included; an agent that takes more is ended. 0: no limit.",
    )
    port_range: str = Field(
        "20000-29999",
        pattern=r"^[0-9]{4,5}-[0-9]{4,5}$",
        description="Ports that attempts and criteria get; two installations on a machine need two ranges.",
    )
    attempt_ports: int = Field(
        2, ge=0, le=32, description="Ports that each attempt of an agent, and each criterion, has to itself."
    )
    attempt_folders: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9_]{0,30}(,[a-z][a-z0-9_]{0,30}){0,15})?$",
        description="Comma-separated names of folders, such as caches, that each attempt has to itself and that keep "
        "what is in them for the project's next attempt.",
    )
    criteria_folders: str = Field(
        "",
        pattern=r"^([a-z][a-z0-9_]{0,30}(,[a-z][a-z0-9_]{0,30}){0,15})?$",
        description="The same for criteria, never shared with agents. What one verification leaves in them the next "
        "finds, so name none where a change must not influence the proof of a later one.",
    )
    folder_bytes: int = Field(
        2 * 1024**3, ge=0, description="Most bytes that such a folder keeps; a larger one is emptied."
    )
    checkpoint_days: float = Field(
        30.0, ge=0, description="Days a task that is over can be forked from where it stood in between, with its files."
    )
    context_tokens: int = Field(
        1500,
        ge=0,
        le=50_000,
        description="Most tokens of what an agent is told from the graph about the code its task names. 0: nothing.",
    )
    learn_from_outcomes: bool = Field(
        True, description="Whether routing learns from how attempts came out: proofs, merges, reviews, undoings."
    )
    list_prices: bool = Field(
        True,
        description="Whether public list prices count at providers' own addresses where nobody set a price; "
        "off: such a price is unknown.",
    )
    quota_seconds: float = Field(
        60.0,
        ge=1,
        le=86_400,
        description="How long an account is left alone whose provider says stop and no time; "
        "twice as long each time in a row, an hour at most.",
    )
    quota_patience_seconds: float = Field(
        900.0,
        ge=0,
        description="A task waits so long for the quota of the agent it began with or prefers; where that "
        "takes longer it is handed over to the next fit agent.",
    )
    subtask_depth: int = Field(
        3, ge=0, le=4, description="How many tasks deep agents may make parts of their task. 0: none."
    )
    subtask_fanout: int = Field(16, ge=1, le=1000, description="Most open parts that one task may have at a time.")
    subtask_total: int = Field(
        100, ge=1, le=1000, description="Most parts that a person's task may come to have, counted over all depths."
    )
    project_notes: int = Field(
        500, ge=1, le=10_000, description="Notes a project keeps; the oldest that nobody has to do any more go first."
    )

    embeddings_url: str = Field(
        "",
        description="OpenAI-compatible endpoint whose /embeddings let tools be found by meaning too; empty: by words.",
    )
    embeddings_api_key: SecretStr = Field(SecretStr(""), description="Key for that endpoint.")
    embeddings_model: str = Field("", description="Model name for embeddings.")

    mcp_config: str = Field(
        "", description="Path of an mcp.json whose mcpServers are registered for everybody at start."
    )
    mcp_task_after_seconds: float = Field(
        10.0, gt=0, description="A tool call that takes longer becomes a task, for MCP clients that know tasks."
    )
    allow_stdio_servers: bool = Field(
        True, description="Whether admins of the service may register MCP servers and agents that are local processes."
    )
    trust_first_sight: bool = Field(
        True,
        description="Whether the tools that a newly registered MCP server shows first count as approved; otherwise "
        "each is quarantined until somebody approves it. Later changes are quarantined always.",
    )
    allow_private_urls: bool = Field(
        True,
        description="Whether remote MCP servers, model endpoints and git hosts may have private or loopback addresses. "
        "Link-local ones (169.254.0.0/16, fe80::/10) are refused always.",
    )

    read_client_documents: bool = Field(
        True,
        description="Whether programs that connect to /mcp may describe themselves by a document at an https "
        "address of theirs, as Claude Code and Codex do. Set this to false where the service has no way to the "
        "internet: programs register instead.",
    )
    allow_private_client_documents: bool = Field(
        False,
        description="Whether programs that connect to /mcp may describe themselves by a document at a private or "
        "loopback address. Anybody can make the service fetch one. Link-local addresses are refused always.",
    )
    audit_days: int = Field(
        90, ge=0, description="Days the record of a tool call is kept. 0: for good, until an operator deletes them."
    )

    light_workers: int = Field(1, ge=0, description="Light worker processes that `up` starts.")
    agent_workers: int = Field(1, ge=0, description="Agent worker processes that `up` starts.")
    agent_concurrency: int = Field(64, ge=1, description="Agents one agent worker runs at once.")
    heavy_workers: int = Field(1, ge=0, description="Heavy worker processes that `up` starts.")
    light_concurrency: int = Field(256, ge=1, description="Tool calls one light worker runs at once.")
    lease_seconds: float = Field(10.0, gt=0.5, description="How long an attempt's lease lasts without a heartbeat.")
    heartbeat_seconds: float = Field(3.0, gt=0.1, description="How often a worker renews its leases.")
    reap_seconds: float = Field(
        1.0, gt=0.05, description="How often expired leases and lost deliveries are looked for."
    )
    probe_seconds: float = Field(30.0, gt=0.1, description="How often the health of MCP servers is probed.")
    task_timeout_seconds: float = Field(300.0, gt=0, description="Time limit of a light task that names none.")
    heavy_timeout_seconds: float = Field(3600.0, gt=0, description="Time limit of a heavy task that names none.")
    max_attempts: int = Field(3, ge=1, description="Attempts a task gets before it fails for good.")
    verify_seconds: float = Field(
        3600.0, gt=0, description="Time limit of verifying one result, all its acceptance criteria together."
    )
    verify_disk_bytes: int = Field(
        8 * 1024**3,
        ge=0,
        description="Most bytes that verifying one result may take of the disk, its work tree included; a criterion "
        "that takes more is unknown. 0: no limit.",
    )
    criteria_need_sandbox: bool = Field(
        True,
        description="Whether commands of acceptance criteria run in a sandbox or not at all: where the kernel gives "
        "none, such a criterion is unknown. Otherwise they may run as the service itself does.",
    )
    max_body_bytes: int = Field(4 * 1024 * 1024, ge=1024, description="Largest request body, in bytes.")
    inline_result_bytes: int = Field(
        64 * 1024, ge=0, description="Larger results go to the blob store and are read by pointer."
    )

    follow_projects: int = Field(
        20,
        ge=0,
        description="Most local projects whose folder is watched: saved files are in their graph at once. 0: none.",
    )
    query_seconds: float = Field(10.0, gt=0, description="Time limit of a SPARQL query.")
    query_rows: int = Field(10_000, ge=1, description="Most rows a SPARQL query may return.")
    query_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Most bytes a SPARQL result may have.")
    query_memory_bytes: int = Field(
        1024 * 1024 * 1024, ge=1, description="Memory a SPARQL query may take beyond the graph itself."
    )
    graph_query_url: str = Field(
        "",
        description="Query address of a SPARQL 1.1 server that answers instead of this host; {project} stands in it.",
    )
    graph_update_url: str = Field("", description="Update address of that server; {project} stands in it too.")

    @cached_property
    def roots(self) -> tuple[Path, ...]:
        """``project_roots`` as resolved paths."""
        return tuple(Path(part).expanduser().resolve() for part in self.project_roots.split(":") if part.strip())

    @cached_property
    def ports_between(self) -> tuple[int, int]:
        """``port_range`` as its first and last port."""
        first, last = sorted(min(max(int(part), 1024), 65_535) for part in self.port_range.split("-"))
        return first, last

    @cached_property
    def passed_on(self) -> dict[str, str]:
        """What ``agent_secrets`` names, as far as it is set."""
        names = [name.strip() for name in self.agent_secrets.split(",")]
        return {name: os.environ[name] for name in names if os.environ.get(name)}

    @cached_property
    def base_url(self) -> str:
        """Where users reach the service, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
