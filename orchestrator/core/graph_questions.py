"""The catalogue of prepared questions to a graph: names, words and parameters, told once for every door.

The ``graph`` MCP server, REST, the CLI and agents offer what stands here; ``kg.questions`` answers it, and a test holds
the two equal. Plain data: who turns a parameter into a schema, an option or a column does so by its kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.core.errors import InvalidInput, NotFound

ParameterValue = str | int | bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; required where ``default`` is None. ``least`` and ``most`` bound a count, or a text's length."""

    name: str
    kind: Literal["text", "count", "flag"]
    description: str
    default: ParameterValue | None = None
    least: int = 1
    most: int = 2000


@dataclass(frozen=True, slots=True)
class GraphQuestion:
    """One question. ``capability`` is what a server that answers it can do."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    capability: str


TOKENS = Parameter(
    "tokens", "count", "About how many tokens the answer may have; the best rows stay.", 2000, least=200, most=200_000
)
_SYMBOL = Parameter("symbol", "text", "Qualified name, an unambiguous end of one, or the IRI of a symbol.")
_PATH = Parameter("path", "text", "A file's path in the project.", most=4096)
_BELOW = Parameter("path", "text", "Only files whose path begins so; empty for all.", "", least=0, most=4096)
_LIMIT = Parameter("limit", "count", "How many rows at most.", 50, most=500)
_DEPTH = Parameter("depth", "count", "How many steps to follow.", 5, most=50)

_LOOKUP, _REACH, _HISTORY, _REVIEW = "symbol_lookup", "impact_analysis", "code_history", "code_review"


def _question(name: str, capability: str, description: str, *parameters: Parameter) -> GraphQuestion:
    return GraphQuestion(name, description, (*parameters, TOKENS), capability)


_ALL = (
    _question(
        "find_symbol", _LOOKUP, "Find classes and functions by name, by words of it, or by words of their docstrings.",
        Parameter("name", "text", "A symbol's name, whole or in part, or words.", most=500),
        Parameter("limit", "count", "How many symbols at most.", 20, most=500),
    ),
    _question("outline", _LOOKUP, "The symbols of a file, as the graph knows them.", _PATH),
    _question("callers", _REACH, "Who calls a symbol, how certain that is, and what is unknown.", _SYMBOL),
    _question("callees", _REACH, "What a symbol calls, how certain that is, and what is unknown.", _SYMBOL),
    _question("impact", _REACH, "What a change of a symbol may reach.", _SYMBOL, _DEPTH),
    _question("tests_reaching", _REACH, "Tests that reach a symbol.", _SYMBOL),
    _question(
        "path_between", _REACH, "The shortest way of calls from one symbol to another.",
        Parameter("start", "text", "The symbol that calls."), Parameter("end", "text", "The symbol to be reached."),
    ),
    _question("overrides", _REACH, "Subclasses of a class, and methods that override its methods or one.", _SYMBOL),
    _question("public_api", _LOOKUP, "Public classes and functions with signatures.", _BELOW, _LIMIT),
    _question(
        "dead_code", _REVIEW, "Functions that nothing known calls or hands on: candidates, no proof.", _BELOW, _LIMIT,
        Parameter("public", "flag", "Public ones too, which callers outside may use.", default=False),
    ),
    _question("untested", _REVIEW, "Public functions that no test calls directly or was seen to run.", _BELOW, _LIMIT),
    _question("import_cycles", _REVIEW, "Groups of modules that import each other in circles.", _BELOW),
    _question(
        "config_reads", _LOOKUP, "Where configuration, such as environment variables, is read.",
        Parameter("key", "text", "One key; empty for all.", "", least=0, most=500),
    ),
    _question(
        "users_of_dependency", _LOOKUP, "Modules that import a library from outside the project.",
        Parameter("name", "text", "The library's name, as declared or as imported.", most=500), _LIMIT,
    ),
    _question("unseen_calls", _REVIEW, "Calls seen at run time that the code alone does not show.", _BELOW, _LIMIT),
    _question("owners", _HISTORY, "Who changed a file, or the files of a folder, how often and when last.", _PATH),
    _question("co_changing", _HISTORY, "Files that change in the same commits as a file.", _PATH, _LIMIT),
    _question(
        "who_changed", _HISTORY,
        "Commits and tasks that changed a symbol or a file, who did it, and whether the task's tests passed.",
        Parameter("symbol", "text", "Qualified name or IRI of a symbol, or a file's path."), _LIMIT,
    ),
    _question(
        "changed_between", _HISTORY, "Commits between two commits, with the files and symbols they changed.",
        Parameter("old", "text", "The older commit: at least 7 digits of its id.", least=7, most=40),
        Parameter("new", "text", "The newer commit; empty for the newest the graph knows.", "", least=0, most=40),
    ),
    _question("summary", _LOOKUP, "What the graph holds, of which commit, and what was skipped."),
)  # fmt: skip

GRAPH_QUESTIONS: dict[str, GraphQuestion] = {question.name: question for question in _ALL}


def question_named(name: str) -> GraphQuestion:
    """The question of a name. Raises NotFound."""
    question = GRAPH_QUESTIONS.get(name)
    if question is None:
        raise NotFound(f"there is no question {name[:100]!r}", field="question", hint=", ".join(GRAPH_QUESTIONS))
    return question


def checked(name: str, given: Mapping[str, Any]) -> dict[str, ParameterValue]:
    """Every parameter of a question with its value. Raises NotFound (no such question) and InvalidInput."""
    question = question_named(name)
    known = {parameter.name for parameter in question.parameters}
    for unknown in given.keys() - known:
        raise InvalidInput(f"{name} has no parameter {unknown[:100]!r}", field=unknown[:100])
    return {parameter.name: _checked(parameter, given.get(parameter.name)) for parameter in question.parameters}


def _checked(parameter: Parameter, value: object) -> ParameterValue:
    if value is None:
        value = parameter.default
    if value is None:
        raise InvalidInput("is needed", field=parameter.name)
    wanted = {"text": str, "count": int, "flag": bool}[parameter.kind]
    if not isinstance(value, wanted) or (parameter.kind == "count" and isinstance(value, bool)):
        raise InvalidInput(f"must be a {parameter.kind}", field=parameter.name)
    if isinstance(value, str):
        value = value.strip()
        if not parameter.least <= len(value) <= parameter.most and value != parameter.default:
            raise InvalidInput(f"must have {parameter.least} to {parameter.most} characters", field=parameter.name)
    elif parameter.kind == "count" and not parameter.least <= value <= parameter.most:  # type: ignore[operator]
        raise InvalidInput(f"must be {parameter.least} to {parameter.most}", field=parameter.name)
    return value  # type: ignore[return-value]
