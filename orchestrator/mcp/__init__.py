"""The calling side of MCP: definitions, pooled sessions, supervision, built-in servers. Our own MCP face is in api."""
