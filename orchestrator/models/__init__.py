"""Tables and the transaction. Never language models: those are called providers."""
