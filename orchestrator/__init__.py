"""A multi-agent coding orchestrator: projects, tasks, routing, MCP servers, agents, one knowledge graph per project."""

__version__ = "0.1.0"
