"""Starts the service: ``up`` and its supervisor, and what the API and the workers begin with."""
