"""A coding agent of others, tried as an agent of tasks."""
