"""Commits as a graph."""
