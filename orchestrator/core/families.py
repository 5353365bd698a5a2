"""Rules of tasks that are parts of others: how deep, how many, within which budget, and who may wait for whom. Pure.

``services.families`` reads what there is and keeps these rules where a part is born. Every refusal names its limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestrator.core.errors import Conflict, Forbidden, InvalidInput

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FamilyLimits:
    """``depth`` of parts below a task, ``fanout`` open parts of one task, ``total`` parts below a person's task."""

    depth: int = 3
    fanout: int = 16
    total: int = 100


def check_depth(limits: FamilyLimits, parent: Row) -> int:
    """The depth of a part of this task; Conflict when that is too deep."""
    depth = int(parent["depth"]) + 1
    if depth > limits.depth:
        raise _over("subtask_depth", limits.depth, f"this task is {parent['depth']} deep already")
    return depth


def check_numbers(limits: FamilyLimits, *, still_open: int, in_all: int) -> None:
    """Conflict when a task has too many open parts, or the task of a person too many in all."""
    if still_open >= limits.fanout:
        raise _over("subtask_fanout", limits.fanout, "wait until some have ended, or stop some")
    if in_all >= limits.total:
        raise _over("subtask_total", limits.total, "counted over all parts of the task that a person handed in")


def share(
    whole: Mapping[str, Any], wanted: Mapping[str, Any], spent: Sequence[Mapping[str, Any]], among: int = 1
) -> dict[str, Any]:
    """The budget of a new part: what it asks for, or a share of what is left, of each limit its parent has.

    ``spent`` is what its sisters were given, or used when they have ended. One of ``among`` that are still to be made
    together gets as much as each of them, and as much is left for later ones. Conflict names the limit that does not
    suffice.
    """
    shares = dict(wanted)
    for name, limit in whole.items():
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            shares.setdefault(name, limit)
            continue
        left = limit - sum(_number(one.get(name)) for one in spent)
        least = 1 if isinstance(limit, int) else 0.0
        if left <= 0 or left < least:
            raise _over(f"budget.{name}", limit, "all of it was given to other parts", field=f"budget.{name}")
        asked = wanted.get(name)
        if asked is None:
            part = left / (among + 1)
            shares[name] = max(least, int(part) if isinstance(limit, int) else part)
        elif _number(asked) > left:
            raise _over(f"budget.{name}", limit, f"{left:g} are left to give", field=f"budget.{name}")
    return shares


def given_away(part: Mapping[str, Any], used: Mapping[str, Any], *, has_ended: bool) -> dict[str, Any]:
    """What a part takes of its parent's budget: its share, or what it used of it once it has ended.

    What nobody measured cannot be returned: ``used`` then lacks that limit, and the whole share stays given.
    """
    if not has_ended:
        return dict(part)
    return {name: min(_number(share), _number(used.get(name, share))) for name, share in part.items()}


def check_same_project(parent: Row, project_id: UUID | None) -> None:
    """A part is about its parent's project."""
    if project_id is not None and project_id != parent["project_id"]:
        raise Forbidden("a part of a task is about the task's own project", details={"limit": "project"})


def check_wait(task_id: UUID, chain: Sequence[Row]) -> None:
    """Conflict when a task would wait for itself, or for one that it is a part of. ``chain``: itself, then upwards."""
    for number, row in enumerate(chain):
        if row["id"] == task_id:
            whom = "itself" if number == 0 else f"task {task_id}, of which it is a part and which waits for it"
            raise Conflict(f"this task would wait for {whom}", field="task_id", details={"limit": "circle"})


def check_ask(agent_id: str, chain: Sequence[Row]) -> None:
    """Conflict when an agent would be asked that is at work further up, waiting for what is asked here."""
    asking = [str(row["target_id"]) for row in chain]
    if agent_id in asking:
        way = " → ".join(reversed(asking))
        raise Conflict(
            f"{agent_id} is at work on the task that this is part of ({way}): it would be asked in a circle",
            field="agent_id", hint="create_task hands work to a second one beside it", details={"limit": "circle"},
        )  # fmt: skip


def check_from_agent(consent: Mapping[str, Any], acceptance: Sequence[Any]) -> None:
    """What an agent may not put into a task: a person's consent, and commands that are run to check a result."""
    if consent:
        raise InvalidInput("an agent cannot consent: people do", field="consent")
    for number, one in enumerate(acceptance):
        if isinstance(one, Mapping) and one.get("kind") != "ask":
            raise InvalidInput(
                "an agent's criteria run no programs: only those of kind ask", field=f"acceptance[{number}].kind"
            )


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _over(name: str, limit: float, why: str, field: str | None = None) -> Conflict:
    return Conflict(f"over the limit {name} of {limit:g}: {why}", field=field, details={"limit": name, "value": limit})
