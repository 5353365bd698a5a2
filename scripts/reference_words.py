"""What the code cannot say of itself: the data beside each kind of event, and each reason and state in a sentence.

Read by ``scripts.reference``, which makes docs/reference from it and the code. A test fails when one is missing here.
"""

from orchestrator.core.events import EventKind
from orchestrator.core.states import Reason, TaskState

EVENTS: dict[EventKind, tuple[str, str]] = {
    EventKind.CREATED: ("The task was handed in.", "`type`, `priority`, `is_heavy`"),
    EventKind.ROUTED: (
        "A target was looked for; the whole decision is at `GET /tasks/{id}/route`.",
        "`type`, `target_id`, `target`, `score`, `candidates` and `fit` (how many)",
    ),
    EventKind.QUEUED: ("It waits for a worker.", "`queue`"),
    EventKind.STARTED: ("A worker took it and holds its lease.", "`attempt`, `worker`"),
    EventKind.PROGRESS: (
        "How far it is.",
        "`message`, `done` and `total`, or `phase` and `percent`; of builds `seconds_left` of the phase, "
        "of agents `plan` too",
    ),
    EventKind.LOG: ("A line for people.", "`message`, and what the writer adds"),
    EventKind.TOOL_CALLED: (
        "A tool of an MCP server was called.",
        "`tool`, `server`; by agents `call_id`, `arguments`, of programs `title` and `paths`",
    ),
    EventKind.TOOL_RETURNED: (
        "The tool answered.",
        "`tool`, `server`, `ms`, `is_error`; to agents `call_id`, `text`, `edits`",
    ),
    EventKind.MESSAGE: (
        "An agent says or thinks something, or is told something.",
        "`text`; `role`: assistant, thought or user",
    ),
    EventKind.CHECKPOINT: (
        "The work can be taken up, or forked, as it stands here.",
        "`attempt`; `commit`: its files, where they changed; `conversation`: where that is kept",
    ),
    EventKind.DIFF: ("Code was changed, in a worktree of its own.", "`files`, counts, `branch`, the clipped diff"),
    EventKind.PROOF_STARTED: (
        "The verifier begins with its acceptance criteria.",
        "`attempt`, `criteria`: their names",
    ),
    EventKind.PROOF_RESULT: (
        "A criterion came out; the whole proof is at `GET /tasks/{id}/proof`.",
        "`name`, `verdict`, `why`, `exit_code`, `seconds`, `commit`, the end of its `output`",
    ),
    EventKind.REVIEWED: (
        "Somebody reviewed an attempt; the comments are at `GET /tasks/{id}/reviews`.",
        "`review_id`, `by`, `agent`, `attempt`, `verdict`, `comments` (how many), `summary`",
    ),
    EventKind.MERGE_QUEUED: ("Its change, or the undoing of it, is in line.", "`merge_id`, `action`, `method`, `by`"),
    EventKind.MERGE_ENDED: (
        "The merge queue is done with it.",
        "`merge_id`, `action`, `method`, `state`, `message`; where known `merged_commit`, `conflicts`, `pull_request`",
    ),
    EventKind.OVERLAP: (
        "It works on the same code as another task, and neither waits for the other.",
        "`task_id`: the other; `common`: symbols and files both are expected to touch; `message`",
    ),
    EventKind.COLLISION: (
        "It and another task that runs have changed the same lines of a file.",
        "`task_id`: the other; `path`, `lines` of the file as it was (`start`, `end`), `message`",
    ),
    EventKind.HANDED_OVER: (
        "Another target goes on with it, from what was done: the quota of the first takes too long.",
        "`from`, `to`: targets; `why`",
    ),
    EventKind.ENDED: ("An attempt is over without success.", "`attempt`, `reason`, `error`"),
    EventKind.RETRY: ("It will be tried again.", "`after_seconds`, `next_attempt`"),
    EventKind.WAITING: (
        "It waits for a person, for capacity, for a quota, or for another task that works on the same code.",
        "`for`: what it waits for; for a quota `account`, `until`; behind a task `task_id` and `common`: what both "
        "touch; of agents `question_id`, "
        "`question`, `choices`, `deadline`, `default`",
    ),
    EventKind.ANSWERED: (
        "A person answered a question or gave consent, or nobody did in time.",
        "`by`; of agents `question_id`, `answer`, `outcome`",
    ),
    EventKind.PAUSE_REQUESTED: ("Somebody asked it to rest.", "`by`: the user"),
    EventKind.RESUMED: ("Somebody had it go on.", "`by`: the user, `text`: what the agent is told"),
    EventKind.CANCEL_REQUESTED: ("Somebody asked it to stop.", "`by`: the user"),
    EventKind.COMPLETED: ("It is done; the result is at `GET /tasks/{id}/result`.", "`attempt`"),
    EventKind.FAILED: ("It ended without a result.", "`reason`, `error`"),
    EventKind.CANCELLED: ("It was stopped.", "`reason`"),
}

REASONS: dict[Reason, str] = {
    Reason.OK: "It did what was asked.",
    Reason.TOOL_ERROR: "The tool reported an error, or answered against the rules.",
    Reason.AGENT_ERROR: "The agent could not do its work.",
    Reason.QUOTA: "Its agent's account took no more for a while; the attempt does not count.",
    Reason.STALLED: "Nothing was heard of the agent for as long as STALL_SECONDS.",
    Reason.LOOPING: "The agent called the same tools with the same arguments over and over.",
    Reason.PAUSED: "A person asked for a rest. Of attempts only: the task awaits that they resume it.",
    Reason.SERVER_UNREACHABLE: "The MCP server could not be started or reached, or died.",
    Reason.INVALID_INPUT: "The input does not fit what carries it out; the error names the field.",
    Reason.TIMEOUT: "The task's time limit passed.",
    Reason.LOST_WORKER: "Its worker died or lost its lease, as often as attempts are allowed.",
    Reason.NO_TARGET: "Nothing registered can do it; the error says what would help.",
    Reason.CONSENT_DENIED: "A person refused the consent it needed.",
    Reason.DENIED_BY_POLICY: "A rule denies the tool call it is.",
    Reason.BUDGET_EXCEEDED: "It would have cost more than its budget allows.",
    Reason.CRITERIA_UNMET: "Its acceptance criteria were not met, or could not be checked; the error says which.",
    Reason.REJECTED: "A reviewer rejected its change.",
    Reason.CANCELLED_BY_USER: "A person stopped it.",
    Reason.PROJECT_DELETED: "Its project was deleted.",
    Reason.INTERNAL_ERROR: "A bug of ours; the log has it.",
}

STATES: dict[TaskState, str] = {
    TaskState.PENDING: "A fitting target is busy, its account takes no more for a while, or another task works on the "
    "same code; it starts when that is over.",
    TaskState.AWAITING_CONSENT: "A person must agree before anything fits, or before a tool is called.",
    TaskState.QUEUED: "Decided and delivered; a worker will take it.",
    TaskState.RUNNING: "A worker holds its lease.",
    TaskState.AWAITING_INPUT: "The agent asked a question.",
    TaskState.COMPLETED: "Done.",
    TaskState.FAILED: "Ended without a result, with a reason.",
    TaskState.CANCELLED: "Stopped, with a reason.",
}
