"""The official conformance suite of MCP, run against our gateway in front of the SDK's everything-server."""
