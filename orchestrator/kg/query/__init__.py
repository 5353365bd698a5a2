"""Answering SPARQL: the store, the small server that holds it, and its client."""
