"""One file per kind of coding agent."""
