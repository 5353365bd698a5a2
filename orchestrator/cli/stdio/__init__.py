"""``mcp stdio``: the service's MCP endpoint as a program. Loads little: clients wait for it."""
