"""Use cases. They say where a transaction begins and ends, and know nothing of HTTP."""
