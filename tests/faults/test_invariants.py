"""The checker itself: each rule finds the one fault it is there for, and a healthy database breaks none."""

import psycopg

from tests.faults.invariants import RULES, broken
from tests.faults.stage import Stage, tool

FAULTS = {
    "an ended task says why and when": "UPDATE tasks SET state = 'failed'",
    "only an ended task has a reason and an end": "UPDATE tasks SET reason = 'timeout', finished_at = now()",
    "reason ok means completed, and completed means ok": "UPDATE tasks SET state = 'failed', reason = 'ok'",
    "events are numbered from 1 to last_seq without gaps": "DELETE FROM task_events WHERE seq = 2",
    "a running task has one open attempt, the present one, and no other task has any":
        "INSERT INTO attempts (task_id, generation, worker_id) SELECT id, 1, 'w' FROM tasks",
    "attempts are numbered from 1 to generation without gaps": "UPDATE tasks SET generation = 1",
    "an ended attempt says why":
        "INSERT INTO attempts (task_id, generation, worker_id, ended_at) SELECT id, 1, 'w', now() FROM tasks",
    "an attempt starts once and ends at most once in the events":
        """UPDATE task_events SET kind = 'attempt.started', data = '{"attempt": 1}' WHERE seq > 1""",
    "an attempt that started is in the events":
        "INSERT INTO attempts (task_id, generation, worker_id) SELECT id, 1, 'w' FROM tasks",
    "the last event of an ended task says that it ended": "UPDATE tasks SET state = 'cancelled'",
    "a queued task has a delivery for its next attempt, and only a queued task has one": "DELETE FROM outbox",
    "a waiting task says what it waits for": "UPDATE tasks SET state = 'awaiting_input'",
    "a running task has a lease and a worker, and no other task has one": "UPDATE tasks SET state = 'running'",
    "a task that was asked to stop does not wait to be tried again": "UPDATE tasks SET cancel_requested_at = now()",
    "no server runs more attempts than it may":
        """WITH server AS (INSERT INTO mcp_servers (id, name, transport, max_concurrency)
           VALUES (gen_random_uuid(), 'full', 'stdio', 0) RETURNING id)
           INSERT INTO attempts (task_id, generation, worker_id, target_id)
           SELECT tasks.id, 1, 'w', 'mcp:' || server.id::text FROM tasks, server""",
    "a slot is kept for a queued task only":
        "WITH kept AS (UPDATE outbox SET admitted = true) UPDATE tasks SET state = 'pending'",
    "no task has more attempts than it may": "UPDATE tasks SET max_attempts = 0, generation = 1",
}  # fmt: skip


def test_every_rule_has_a_fault_to_find() -> None:
    assert FAULTS.keys() == RULES.keys()


async def test_each_rule_finds_its_fault_and_a_healthy_database_breaks_none(stage: Stage) -> None:
    await stage.submit(tool("echo"))
    url = stage.settings.database_url
    assert broken(url) == {}
    for rule, fault in FAULTS.items():
        with psycopg.connect(url) as connection:
            connection.execute(fault)
            assert connection.execute(RULES[rule]).fetchall(), rule
            connection.rollback()
