"""Words of review and merging: verdicts of reviewers, how a change gets to the default branch, where a merge stands.

Used by models, services and doors. Pure; the rules about who may do what are the services'.
"""

from enum import StrEnum


class ReviewVerdict(StrEnum):
    """What a reviewer says of an attempt; a comment leaves everything as it is."""

    COMMENT = "comment"
    APPROVE = "approve"
    REQUEST_CHANGES = "request_changes"
    REJECT = "reject"


class MergeMethod(StrEnum):
    """``local``: into the project's default branch, here; ``pull_request``: offered to the repository on GitHub."""

    LOCAL = "local"
    PULL_REQUEST = "pull_request"


class MergeAction(StrEnum):
    """What an entry of the queue is to do."""

    MERGE = "merge"
    UNDO = "undo"


class MergeState(StrEnum):
    """Where an entry of the queue stands."""

    QUEUED = "queued"
    VERIFYING = "verifying"
    MERGED = "merged"
    OPENED = "opened"
    CONFLICTED = "conflicted"
    UNPROVEN = "unproven"
    FAILED = "failed"


UNFINISHED = frozenset({MergeState.QUEUED, MergeState.VERIFYING})
