"""From a source tree to a durable snapshot of its graph."""
