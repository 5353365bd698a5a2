"""Every outside door: HTTP, SSE, MCP, SPARQL and the console's files."""
