"""Repositories nobody here wrote: built, validated, and thirty of their calls read by hand; see ``__main__``."""
