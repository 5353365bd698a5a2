"""The scripted model that ships with the service, under the name that tests of providers use."""

from orchestrator.agents.scripted.model_server import ScriptedModel as FakeOpenAI

__all__ = ["FakeOpenAI"]
