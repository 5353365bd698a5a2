"""Questions that need no SPARQL of whoever asks."""
