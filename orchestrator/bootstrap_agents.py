"""The parts of the container that are about agents and language models, from the settings. For ``bootstrap`` only."""

from orchestrator.agents.catalogue import Catalogue
from orchestrator.agents.llm_config import Endpoint
from orchestrator.config import Settings
from orchestrator.core.families import FamilyLimits
from orchestrator.eventlog.wake import Wake
from orchestrator.models.database import Database
from orchestrator.sandbox.starter import Starter
from orchestrator.services.agent_questions import AgentQuestions
from orchestrator.services.agent_rules import AgentRules
from orchestrator.services.blobs import BlobStore
from orchestrator.services.embeddings import Embeddings
from orchestrator.services.machine_leases import MachineLeases
from orchestrator.services.stored_tokens import StoredTokens
from orchestrator.services.supervision import Supervision
from orchestrator.services.task_tokens import TaskTokens
from orchestrator.services.watchdog import WatchLimits


def agent_catalogue(settings: Settings, starter: Starter) -> Catalogue:
    """Every built-in agent, and the maker of custom ones."""
    endpoint = Endpoint(settings.llm_base_url, settings.llm_model, settings.llm_api_key.get_secret_value())
    return Catalogue(endpoint, starter, settings.passed_on)


def tool_embeddings(settings: Settings) -> Embeddings | None:
    """By which tools are found by meaning, if an endpoint is set."""
    if not settings.embeddings_url:
        return None
    key = settings.embeddings_api_key.get_secret_value()
    return Embeddings(settings.embeddings_url, settings.embeddings_model, key)


def family_limits(settings: Settings) -> FamilyLimits:
    """How deep and how many parts of tasks may be."""
    return FamilyLimits(settings.subtask_depth, settings.subtask_fanout, settings.subtask_total)


def supervision(
    settings: Settings,
    database: Database,
    wake: Wake,
    rules: AgentRules,
    questions: AgentQuestions,
    blobs: BlobStore,
) -> Supervision:
    """What is around every agent's run."""
    limits = WatchLimits(settings.stall_seconds, settings.loop_repeats)
    stored = StoredTokens(database, session_days=settings.refresh_token_days)
    tokens = TaskTokens(database, stored, settings.base_url)
    return Supervision(
        database, wake, rules, questions, limits, settings.question_seconds, tokens, blobs, settings.pause_seconds
    )


def machine_leases(settings: Settings, kind: str, folders: str) -> MachineLeases:
    """The ports and folders that work of a kind gets to itself."""
    names = [name for name in folders.split(",") if name]
    return MachineLeases(
        settings.data_dir / "leases", kind, ports=settings.attempt_ports, between=settings.ports_between,
        names=names, most_bytes=settings.folder_bytes,
    )  # fmt: skip
