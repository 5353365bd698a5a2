"""The git program: mirrors, worktrees, diffs. Argument lists, no shell, time limits."""
