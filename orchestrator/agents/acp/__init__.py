"""Coding agents that are programs of their own, over the Agent Client Protocol. The only place that knows its SDK."""
