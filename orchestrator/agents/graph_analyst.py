"""The agent ``agent:graph-analyst``: answers questions about the code from the knowledge graph, without a model.

It understands a handful of sentences, each mapped to one prepared question. What it does not understand it names; it
never guesses. How certain an answer is comes from the graph and is passed on.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from orchestrator.agents.base import AgentContext, AgentInfo, AgentKind, AgentResult, Graph
from orchestrator.agents.options import Options, read_options
from orchestrator.core.capabilities import Capability
from orchestrator.core.errors import InvalidInput, NotFound
from orchestrator.core.events import EventKind

_MOST_QUESTIONS = 10
_SHOWN = 20

_SUBJECT = r"[`'\"]?(?P<subject>[^\s`'\"?]+)[`'\"]?(?:\(\))?"
_NOUN = r"(?:the\s+)?(?:(?:function|class|method|symbol|module|file)\s+)?"
_FORMS: tuple[tuple[str, str, str], ...] = (
    ("callers", "who calls X", rf"(?:who|what)\s+(?:calls|uses|invokes)\s+{_NOUN}{_SUBJECT}"),
    ("callers", "callers of X", rf"(?:find\s+|list\s+|show\s+)?(?:the\s+)?callers\s+(?:of|for)\s+{_NOUN}{_SUBJECT}"),
    ("callees", "what does X call", rf"what\s+(?:does|is)\s+{_NOUN}{_SUBJECT}\s+(?:call|calls|calling|use)"),
    ("callees", "callees of X", rf"(?:find\s+|list\s+|show\s+)?(?:the\s+)?callees\s+(?:of|for)\s+{_NOUN}{_SUBJECT}"),
    (
        "impact",
        "what breaks if I change X",
        r"what\s+(?:breaks|would\s+break|is\s+affected|happens)\s+(?:if|when)\s+(?:i|we|you)\s+"
        rf"(?:change|remove|delete|rename|touch)\s+{_NOUN}{_SUBJECT}",
    ),
    ("impact", "impact of X", rf"(?:the\s+|what\s+is\s+the\s+)?impact\s+of\s+(?:changing\s+)?{_NOUN}{_SUBJECT}"),
    ("impact", "what depends on X", rf"(?:what|who)\s+depends\s+on\s+{_NOUN}{_SUBJECT}"),
    (
        "tests_reaching",
        "which tests reach X",
        rf"(?:which|what)\s+tests?\s+(?:reach(?:es)?|covers?|tests?|calls?|exercises?)\s+{_NOUN}{_SUBJECT}",
    ),
    ("tests_reaching", "tests for X", rf"(?:the\s+)?tests\s+(?:for|of|reaching|covering)\s+{_NOUN}{_SUBJECT}"),
    ("outline", "outline of FILE", rf"(?:show\s+)?(?:the\s+|an\s+)?outline\s+(?:of\s+|for\s+)?{_NOUN}{_SUBJECT}"),
    ("outline", "what is in FILE", rf"what(?:'s|\s+is)\s+in\s+{_NOUN}{_SUBJECT}"),
    ("owners", "who owns FILE", rf"who\s+(?:owns|maintains)\s+{_NOUN}{_SUBJECT}"),
    ("who_changed", "who changed X", rf"(?:who|which\s+tasks?|what)\s+(?:has\s+)?changed\s+{_NOUN}{_SUBJECT}"),
    (
        "co_changing",
        "what changes with FILE",
        rf"(?:what|which\s+files)\s+changes?\s+(?:together\s+)?with\s+{_NOUN}{_SUBJECT}",
    ),
    (
        "overrides",
        "what overrides X",
        rf"(?:what|who)\s+(?:overrides|extends|subclasses|implements)\s+{_NOUN}{_SUBJECT}",
    ),
    ("config_reads", "where is KEY read", rf"where\s+is\s+{_NOUN}{_SUBJECT}\s+read"),
    ("users_of_dependency", "who imports X", rf"(?:who|what)\s+imports\s+{_NOUN}{_SUBJECT}"),
    (
        "import_cycles",
        "import cycles",
        r"(?:find\s+|list\s+|show\s+)?(?:the\s+)?(?:import\s+(?:cycles|circles)|circular\s+imports)",
    ),
    ("dead_code", "dead code", r"(?:find\s+|list\s+|show\s+|what\s+is\s+)?(?:the\s+)?dead\s+code"),
    ("find_symbol", "where is X", rf"where(?:'s|\s+is|\s+are)\s+{_NOUN}{_SUBJECT}(?:\s+(?:defined|declared|located))?"),
    ("find_symbol", "find X", rf"(?:find|locate|look\s+up)\s+{_NOUN}{_SUBJECT}"),
)
# The parameter that the subject is; the others are symbols.
_PARAMETERS = {
    "outline": "path", "owners": "path", "co_changing": "path", "config_reads": "key", "users_of_dependency": "name",
    "find_symbol": "name",
}  # fmt: skip
_ALONE = frozenset({"import_cycles", "dead_code"})
_PATTERNS = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, _, pattern in _FORMS]
_HINT = "It understands: " + "; ".join(form for _, form, _ in _FORMS) + "."


class GraphQuestionInput(Options):
    """One question, or several separated by question marks, semicolons or lines."""

    question: str = Field(min_length=1, max_length=2000, description="As: who calls package.module.function")


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was understood."""

    text: str
    kind: str
    subject: str


class GraphAnalyst:
    """Answers from the graph."""

    info = AgentInfo(
        id="agent:graph-analyst",
        name="Graph analyst",
        kind=AgentKind.GRAPH_ANALYST,
        description="Answers from the graph who calls what, what a change reaches, where things are. Needs no model.",
        capabilities=(Capability("graph_analysis"), Capability("code_analysis")),
        task_types=frozenset({"graph_question"}),
        example={"question": "who calls main"},
    )

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput naming the field."""
        read_options(GraphQuestionInput, given)

    async def run(self, context: AgentContext) -> AgentResult:
        """Answer every question that is understood, and name those that are not."""
        text = read_options(GraphQuestionInput, context.input).question
        understood, lost = understand(text)
        if not understood:
            raise InvalidInput(
                f"This question is not understood: {lost[0][:200]!r}.", field="input.question", hint=_HINT
            )
        graph = context.require_graph()
        answers = []
        for question in understood:
            answer = await _ask(graph, question)
            context.tell(EventKind.MESSAGE, text=answer["text"])
            answers.append(answer)
        lines = [answer["text"] for answer in answers] + [f"Not understood: {part!r}. {_HINT}" for part in lost]
        return AgentResult("\n".join(lines), {"answers": answers, "not_understood": lost})


def understand(text: str) -> tuple[list[Question], list[str]]:
    """The questions in a text, and the parts that are none it knows."""
    parts = [part.strip(" \t.,!") for part in re.split(r"[?;\n]+", text)]
    parts = [part for part in parts if part]
    if len(parts) > _MOST_QUESTIONS:
        raise InvalidInput(f"At most {_MOST_QUESTIONS} questions at once.", field="input.question")
    known = {part: question for part in parts if (question := _match(part))}
    lost = [part for part in parts if part not in known]
    return list(known.values()), lost if parts else [text]


def _match(part: str) -> Question | None:
    for kind, pattern in _PATTERNS:
        if match := pattern.fullmatch(part):
            if kind in _ALONE:
                return Question(part, kind, "")
            subject = match["subject"].removesuffix("()")
            return Question(part, kind, subject) if subject else None
    return None


async def _ask(graph: Graph, question: Question) -> dict[str, Any]:
    try:
        answer = await _call(graph, question)
    except NotFound as error:
        # An unknown symbol is an answer; a graph that is missing altogether is not.
        if error.field not in ("symbol", "path", "name"):
            raise
        answer = {"not_found": error.message, **error.details}
    return {"question": question.text, "kind": question.kind, "subject": question.subject, "answer": answer} | {
        "text": _readable(question, answer)
    }


async def _call(graph: Graph, question: Question) -> dict[str, Any]:
    given = {_PARAMETERS.get(question.kind, "symbol"): question.subject} if question.kind not in _ALONE else {}
    return await graph.ask(question.kind, given)


_WORDS = {
    "callers": "call sites of {}",
    "callees": "calls made by {}",
    "impact": "symbols a change of {} may reach",
    "tests_reaching": "tests that reach {}",
    "outline": "symbols in {}",
    "find_symbol": "symbols named {}",
    "owners": "authors of {}",
    "who_changed": "tasks and commits that changed {}",
    "co_changing": "files that change with {}",
    "overrides": "classes and methods below {}",
    "config_reads": "configuration keys {}",
    "users_of_dependency": "users of {}",
    "import_cycles": "groups of modules that import each other",
    "dead_code": "functions that nothing known uses",
}


def _readable(question: Question, answer: dict[str, Any]) -> str:
    if "not_found" in answer:
        return f"{question.text}: {answer['not_found']}"
    rows = list(_rows(answer))
    head = f"{len(rows)} {_WORDS[question.kind].format(question.subject)}"
    shown = [f"  {_row(row)}" for row in rows[:_SHOWN]]
    more = [f"  and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []
    doubts = [f"  Not known: {text}" for text in answer.get("unknown", ())]
    return "\n".join([f"{head}{':' if rows else '.'}", *shown, *more, *doubts])


def _rows(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects in an answer's lists, in order: every prepared question answers with one list that matters."""
    for value in answer.values():
        if isinstance(value, list):
            yield from (row for row in value if isinstance(row, dict))


_NAMES = ("symbol", "circle", "key", "author", "title", "path")
_TOLD = ("commits", "together", "agent", "tests", "at", "last")


def _row(row: dict[str, Any]) -> str:
    name = next((str(row[key]) for key in _NAMES if row.get(key)), "?")
    line = row.get("line")
    place = f" at {row['path']}" + (f":{line}" if line else "") if row.get("path") and row["path"] != name else ""
    place += "".join(f", {key} {row[key]}" for key in _TOLD if row.get(key))
    certainty = " (perhaps)" if row.get("certainty") == "mayCall" else ""
    return f"{name}{place}{certainty}"
