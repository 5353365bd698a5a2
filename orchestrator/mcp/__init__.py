"""The calling side of MCP: registry entries, pooled sessions, supervision, built-in servers. Our own MCP face is a door in api."""
