"""What must hold in every database at every moment, whatever was killed: ``broken`` lists the rows where it does not.

Run after every fault test. Each rule is one query that finds its own violations.
"""

import psycopg

RULES = {
    "an ended task says why and when": """
        SELECT id::text FROM tasks WHERE state IN ('completed', 'failed', 'cancelled')
        AND (reason IS NULL OR finished_at IS NULL)""",
    "only an ended task has a reason and an end": """
        SELECT id::text FROM tasks WHERE state NOT IN ('completed', 'failed', 'cancelled')
        AND (reason IS NOT NULL OR finished_at IS NOT NULL)""",
    "reason ok means completed, and completed means ok": """
        SELECT id::text FROM tasks WHERE (state = 'completed') IS DISTINCT FROM coalesce(reason = 'ok', false)""",
    "events are numbered from 1 to last_seq without gaps": """
        SELECT t.id::text FROM tasks t LEFT JOIN task_events e ON e.task_id = t.id GROUP BY t.id
        HAVING count(e.seq) <> t.last_seq OR coalesce(min(e.seq), 1) <> 1 OR coalesce(max(e.seq), 0) <> t.last_seq""",
    "a running task has one open attempt, the present one, and no other task has any": """
        SELECT t.id::text FROM tasks t LEFT JOIN attempts a ON a.task_id = t.id AND a.ended_at IS NULL
        GROUP BY t.id HAVING count(a.generation) <> CASE WHEN t.state = 'running' THEN 1 ELSE 0 END
        OR max(a.generation) <> t.generation""",
    "attempts are numbered from 1 to generation without gaps": """
        SELECT t.id::text FROM tasks t LEFT JOIN attempts a ON a.task_id = t.id
        GROUP BY t.id HAVING count(a.generation) <> t.generation""",
    "an ended attempt says why": """
        SELECT task_id::text FROM attempts WHERE ended_at IS NOT NULL AND reason IS NULL""",
    "an attempt starts once and ends at most once in the events": """
        SELECT DISTINCT task_id::text FROM task_events
        WHERE kind IN ('attempt.started', 'attempt.ended') GROUP BY task_id, kind, data ->> 'attempt'
        HAVING count(*) > 1""",
    "an attempt that started is in the events": """
        SELECT a.task_id::text FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM task_events e
        WHERE e.task_id = a.task_id AND e.kind = 'attempt.started' AND (e.data ->> 'attempt')::int = a.generation)""",
    "the last event of an ended task says that it ended": """
        SELECT t.id::text FROM tasks t JOIN task_events e ON e.task_id = t.id AND e.seq = t.last_seq
        WHERE t.state IN ('completed', 'failed', 'cancelled') AND e.kind <> 'task.' || t.state""",
    "a queued task has a delivery for its next attempt, and only a queued task has one": """
        SELECT t.id::text FROM tasks t LEFT JOIN outbox o ON o.task_id = t.id
        GROUP BY t.id HAVING count(o.id) <> CASE WHEN t.state = 'queued' THEN 1 ELSE 0 END
        OR max(o.generation) <> t.generation + 1""",
    "a waiting task says what it waits for": """
        SELECT id::text FROM tasks WHERE state IN ('pending', 'awaiting_consent', 'awaiting_input')
        AND coalesce(waiting_for, '') = ''""",
    "a running task has a lease and a worker, and no other task has one": """
        SELECT id::text FROM tasks WHERE (state = 'running')
        IS DISTINCT FROM (lease_expires_at IS NOT NULL AND worker_id IS NOT NULL)""",
    "a task that was asked to stop does not wait to be tried again": """
        SELECT id::text FROM tasks WHERE cancel_requested_at IS NOT NULL
        AND state NOT IN ('running', 'completed', 'failed', 'cancelled')""",
    "no server runs more attempts than it may": """
        SELECT s.id::text FROM mcp_servers s JOIN attempts a ON a.target_id = 'mcp:' || s.id::text
        WHERE a.ended_at IS NULL GROUP BY s.id HAVING count(*) > s.max_concurrency""",
    "a slot is kept for a queued task only": """
        SELECT t.id::text FROM tasks t JOIN outbox o ON o.task_id = t.id WHERE o.admitted AND t.state <> 'queued'""",
    "no task has more attempts than it may": """
        SELECT id::text FROM tasks WHERE generation > max_attempts""",
}


def broken(database_url: str) -> dict[str, list[str]]:
    """The rules that do not hold, with the tasks where they do not."""
    found: dict[str, list[str]] = {}
    with psycopg.connect(database_url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for rule, query in RULES.items():
            rows = connection.execute(query).fetchall()
            if rows:
                found[rule] = [row[0] for row in rows]
    return found
