"""MCP servers and clients of others, tried with our gateway."""
