"""One task as N-Quads of a named graph of its own: PROV-O from the task down to the definitions it changed.

Used by services when a task of a project has ended, and by builds. A task's graph is replaced as a whole, so writing it
again changes nothing. Reads no table; people are identifiers here, never names.
"""

from collections.abc import Iterator
from datetime import datetime

from orchestrator.kg.rdf.terms import LABEL, TYPE, base_iri, code, integer, iri, literal, moment, path_part
from orchestrator.kg.rdf.vocabulary import DCT, PROV, SCHEMA
from orchestrator.kg.work.records import ApprovalRecord, AttemptRecord, TaskRecord, ToolCallRecord

_MOST_TEXT = 500


def work_graph(project_iri: str, task_id: str) -> str:
    """The IRI of the graph a task stands in."""
    return f"{base_iri(project_iri)}/work/{path_part(task_id)}"


def work_quads(project_iri: str, task: TaskRecord) -> Iterator[str]:
    """The quads of one task, as lines without a newline."""
    base = base_iri(project_iri)
    tail = f" <{work_graph(project_iri, task.id)}> ."
    for triple in _task(base, task):
        yield triple + tail


def _task(base: str, task: TaskRecord) -> Iterator[str]:
    node = f"<{base}/task/{path_part(task.id)}>"
    yield from _activity(node, "Task", task.started_at or task.created_at, task.ended_at)
    yield f"{node} <{DCT}identifier> {literal(task.id)}"
    yield f"{node} <{DCT}title> {literal((task.title or task.type)[:_MOST_TEXT])}"
    yield f"{node} {code('taskType')} {literal(task.type)}"
    yield f"{node} {code('state')} {literal(task.state)}"
    if task.reason:
        yield f"{node} {code('reason')} {literal(task.reason)}"
    user = f"<{base}/user/{path_part(task.user_id)}>"
    yield f"{node} <{PROV}wasStartedBy> {user}"
    yield f"{user} {TYPE} <{PROV}Person>"
    if task.target:
        yield f"{node} {code('target')} {literal(task.target)}"
        yield from _agent(base, node, task.target, task.agent_name)
    yield from _changes(base, node, task)
    for attempt in task.attempts:
        yield from _attempt(base, node, attempt)
    for approval in task.approvals:
        yield from _approval(node, user, approval)


def _changes(base: str, node: str, task: TaskRecord) -> Iterator[str]:
    if task.branch:
        yield f"{node} {code('branch')} {literal(task.branch)}"
    if task.commit:
        yield f"{node} {code('produced')} <{base}/commit/{path_part(task.commit)}>"
    for path in dict.fromkeys(task.changed):
        yield f"{node} {code('changed')} <{base}/file/{path_part(path)}>"
    for definition in dict.fromkeys(task.modified):
        yield f"{node} {code('modified')} {iri(definition)}"


def _agent(base: str, node: str, target: str, name: str) -> Iterator[str]:
    agent = f"<{base}/agent/{path_part(target)}>"
    yield f"{node} <{PROV}wasAssociatedWith> {agent}"
    yield f"{agent} {TYPE} <{PROV}SoftwareAgent>"
    yield f"{agent} <{SCHEMA}name> {literal(name or target)}"


def _attempt(base: str, task: str, attempt: AttemptRecord) -> Iterator[str]:
    node = f"{task[:-1]}/attempt/{attempt.number}>"
    yield from _activity(node, "Attempt", attempt.started_at, attempt.ended_at)
    yield f"{node} <{DCT}isPartOf> {task}"
    yield f"{node} {code('attemptNumber')} {integer(attempt.number)}"
    if attempt.reason:
        yield f"{node} {code('reason')} {literal(attempt.reason)}"
    if attempt.target:
        yield f"{node} {code('target')} {literal(attempt.target)}"
    for call in attempt.calls:
        yield from _call(task, node, call)


def _call(task: str, attempt: str, call: ToolCallRecord) -> Iterator[str]:
    node = f"{attempt[:-1]}/call/{call.number}>"
    yield from _activity(node, "ToolCall", call.at, call.ended_at)
    yield f"{node} <{DCT}isPartOf> {attempt}"
    yield f"{node} {code('tool')} {literal(call.tool)}"
    yield f"{node} {code('outcome')} {code(call.outcome)}"
    if call.server:
        yield f"{node} {code('server')} {literal(call.server)}"
    if call.ran_tests:
        run = f"{attempt[:-1]}/test-run/{call.number}>"
        yield from _activity(run, "TestRun", call.at, call.ended_at)
        yield f"{run} <{DCT}isPartOf> {attempt}"
        yield f"{run} <{PROV}wasInformedBy> {task}"
        yield f"{run} {LABEL} {literal(call.tool)}"
        yield f"{run} {code('outcome')} {code(call.outcome)}"
        for test in dict.fromkeys(call.failing):
            yield f"{run} {code('failing')} {iri(test)}"


def _approval(task: str, user: str, approval: ApprovalRecord) -> Iterator[str]:
    node = f"{task[:-1]}/approval/{approval.number}>"
    yield from _activity(node, "Approval", None, approval.at)
    yield f"{node} <{PROV}wasInformedBy> {task}"
    yield f"{node} <{PROV}wasAssociatedWith> {user}"
    yield f"{node} {code('outcome')} {code('granted' if approval.granted else 'denied')}"


def _activity(node: str, kind: str, started: datetime | None, ended: datetime | None) -> Iterator[str]:
    yield f"{node} {TYPE} {code(kind)}"
    yield f"{node} {TYPE} <{PROV}Activity>"
    if started is not None:
        yield f"{node} <{PROV}startedAtTime> {moment(started)}"
    if ended is not None:
        yield f"{node} <{PROV}endedAtTime> {moment(ended)}"
