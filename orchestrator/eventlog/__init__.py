"""Wakes readers of the event table through Redis. The table itself, in models, is the truth."""
