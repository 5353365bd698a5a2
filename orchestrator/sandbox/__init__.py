"""Starts programs that need not be trusted: in a rootless sandbox where the kernel allows one; none is left behind."""

KILL_ALL = 64
"""The signal that has a launcher end everything at once: SIGRTMAX, which no program is sent for another reason."""
