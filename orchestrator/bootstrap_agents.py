"""The parts of the container that are about agents, from the settings. Used by ``bootstrap`` only."""

from orchestrator.agents.catalogue import Catalogue
from orchestrator.agents.llm_config import Endpoint
from orchestrator.config import Settings
from orchestrator.sandbox.starter import Starter
from orchestrator.services.watchdog import WatchLimits


def agent_catalogue(settings: Settings, starter: Starter) -> Catalogue:
    """Every built-in agent, and the maker of custom ones."""
    endpoint = Endpoint(settings.llm_base_url, settings.llm_model, settings.llm_api_key.get_secret_value())
    return Catalogue(endpoint, starter, settings.passed_on)


def watch_limits(settings: Settings) -> WatchLimits:
    """When an agent counts as stalled or looping."""
    return WatchLimits(settings.stall_seconds, settings.loop_repeats)
