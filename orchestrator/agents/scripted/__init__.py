"""Agents that do what a script says: for tests, the demo, benchmarks, and to check a deployment without a model."""
