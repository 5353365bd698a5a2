"""Other gateways, as programs started in environments of their own; ``benchmarks.mcp_rivals`` starts them."""
