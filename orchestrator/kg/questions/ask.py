"""Asks a prepared question by name and cuts the answer to its budget. Used by services, for every door.

Which questions there are, and their parameters, stands in ``core.graph_questions``. The SPARQL behind them is constant,
so it is admitted once, and tuned for the engine: a type is tested by FILTER EXISTS, since it would start from there.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from orchestrator.core.graph_questions import checked
from orchestrator.kg.questions import calls, changes, overall, reach, structure
from orchestrator.kg.questions.asking import Answer, Asker, Row
from orchestrator.kg.questions.budget import fit

ANSWERS: dict[str, Callable[..., Awaitable[Answer]]] = {
    "find_symbol": overall.find_symbol,
    "outline": structure.outline,
    "callers": calls.callers,
    "callees": calls.callees,
    "impact": reach.impact,
    "tests_reaching": reach.tests_reaching,
    "path_between": reach.path_between,
    "overrides": structure.overrides,
    "public_api": structure.public_api,
    "dead_code": structure.dead_code,
    "untested": structure.untested,
    "import_cycles": structure.import_cycles,
    "config_reads": structure.config_reads,
    "users_of_dependency": structure.users_of_dependency,
    "unseen_calls": calls.unseen_calls,
    "owners": changes.owners,
    "co_changing": changes.co_changing,
    "who_changed": changes.who_changed,
    "changed_between": changes.changed_between,
    "summary": overall.summary,
}


async def ask(asker: Asker, question: str, given: Mapping[str, Any]) -> Row:
    """The answer as JSON has it. Raises NotFound and InvalidInput that name the parameter at fault."""
    parameters = checked(question, given)
    tokens = int(parameters.pop("tokens"))
    return fit(await ANSWERS[question](asker, **parameters), tokens)
