"""The catalogue of task types: what each needs, and which tool carries it out when the task names none.

Routing, the task service and the console read it. Types outside it are welcome: they then name their required
capabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.core.acceptance import criteria
from orchestrator.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class TaskType:
    """One kind of task. ``tool`` is the default tool name; ``example`` is an input that works on a Python project.

    ``takes`` are the fields of its input; None where the tool or the agent that carries it out knows them.
    """

    name: str
    title: str
    description: str
    capabilities: tuple[str, ...]
    tool: str | None = None
    heavy: bool = False
    needs_project: bool = True
    changes_code: bool = False
    example: str = "{}"
    takes: frozenset[str] | None = None


_ALL = (
    TaskType(
        "file_search",
        "Find files",
        "Files of the project whose path matches a pattern.",
        ("file_search",),
        "search_files",
        example='{"pattern": "*.py"}',
    ),
    TaskType(
        "code_search",
        "Search code",
        "Lines of the project that match a regular expression.",
        ("code_search",),
        "grep",
        example='{"pattern": "def "}',
    ),
    TaskType(
        "file_read",
        "Read a file",
        "A file, or a range of its lines.",
        ("file_read",),
        "read_file",
        example='{"path": "README.md"}',
    ),
    TaskType(
        "code_outline",
        "Outline a file",
        "Classes and functions of one file.",
        ("code_outline",),
        "outline",
        example='{"path": "setup.py"}',
    ),
    TaskType(
        "graph_query",
        "Ask the graph (SPARQL)",
        "A SPARQL query over the project's knowledge graph.",
        ("graph_query",),
        "sparql",
        example='{"query": "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"}',
    ),
    TaskType(
        "symbol_lookup",
        "Find a symbol",
        "Where a class or function is defined.",
        ("symbol_lookup",),
        "find_symbol",
        example='{"name": "main"}',
    ),
    TaskType(
        "impact_analysis",
        "Impact of a change",
        "What depends on a symbol, directly or not.",
        ("impact_analysis",),
        "impact",
        example='{"symbol": "main"}',
    ),
    TaskType(
        "git_history",
        "Ask git",
        "The history of the repository, by an MCP server that knows git.",
        ("git_history",),
        "git_log",
        example='{"repo_path": "${project.repository}", "max_count": 5}',
    ),
    TaskType(
        "tool_call",
        "Call a tool",
        "Any tool of a registered MCP server, named in required_capabilities or input.tool.",
        (),
        None,
        needs_project=False,
        example='{"tool": "echo", "arguments": {"text": "hello"}}',
    ),
    TaskType(
        "diagnostics",
        "Check the pipe",
        "Echoes its input through the whole pipeline.",
        ("diagnostics",),
        "echo",
        needs_project=False,
        example='{"text": "hello"}',
        takes=frozenset({"text"}),
    ),
    TaskType(
        "graph_build",
        "Build the graph",
        "Parses the project and replaces its knowledge graph.",
        ("graph_build",),
        heavy=True,
        takes=frozenset({"files", "update"}),
    ),
    TaskType(
        "project_sync",
        "Fetch the repository",
        "Clones or fetches the project's repository.",
        ("project_sync",),
        heavy=True,
        takes=frozenset({"build_graph"}),
    ),
    TaskType(
        "merge",
        "Merge a change",
        "An entry of the project's merge queue, whose turn it is; made by the queue itself.",
        ("merge",),
        heavy=True,
        takes=frozenset({"merge_id"}),
    ),
    TaskType(
        "lint_fix",
        "Fix lint findings",
        "Applies safe automatic fixes in a worktree and returns the diff.",
        ("lint_fix",),
        heavy=True,
        changes_code=True,
    ),
    TaskType(
        "sort_imports",
        "Sort imports",
        "Sorts and groups the imports of Python files.",
        ("sort_imports",),
        heavy=True,
        changes_code=True,
    ),
    TaskType(
        "licence_header",
        "Add licence headers",
        "Puts a header into source files that have none, in each language's comments.",
        ("licence_header",),
        heavy=True,
        changes_code=True,
        example='{"header": "SPDX-License-Identifier: MIT"}',
    ),
    TaskType(
        "dependency_bump",
        "Bump a dependency",
        "Pins a Python dependency to a given version wherever it is pinned.",
        ("dependency_bump",),
        heavy=True,
        changes_code=True,
        example='{"name": "httpx", "version": "0.28.1"}',
    ),
    TaskType(
        "rename_symbol",
        "Rename a symbol",
        "Renames a function, class or method across the project.",
        ("rename_symbol",),
        heavy=True,
        changes_code=True,
        example='{"symbol": "package.module.old_name", "new_name": "new_name"}',
    ),
    TaskType(
        "code_change",
        "Change code",
        "A coding agent does what the prompt says in a worktree of its own and ends in a diff.",
        ("coding",),
        heavy=True,
        changes_code=True,
        example='{"prompt": "Add a docstring to every public function."}',
    ),
    TaskType(
        "scripted",
        "Follow a script",
        "An agent that does what its script says, to check a deployment without a model.",
        ("scripted",),
        needs_project=False,
        example='{"steps": [{"do": "say", "text": "hello"}]}',
    ),
    TaskType(
        "team",
        "Work of a team",
        "Several agents as a document says: plan, implement side by side, review, mend, choose.",
        ("teamwork",),
        heavy=True,
        needs_project=False,
        example='{"prompt": "Add a docstring to every public function."}',
    ),
    TaskType(
        "best_of",
        "Best of several tries",
        "Several agents try the same, each in a tree of its own; a person chooses among the proved results.",
        ("side_by_side",),
        heavy=True,
        changes_code=True,
        example='{"agents": ["agent:lint-fix", "agent:sort-imports"], "input": {}}',
    ),
    TaskType(
        "graph_question",
        "Question about the code",
        "A question answered from the knowledge graph, without a model.",
        ("graph_analysis",),
        heavy=True,
        example='{"question": "who calls main"}',
    ),
    TaskType(
        "graph_translation",
        "Question to the graph, in words",
        "A language model writes the SPARQL query; it is shown beside the rows it finds.",
        ("graph_translation",),
        heavy=True,
        example='{"question": "which class has the most subclasses?"}',
    ),
    TaskType(
        "ask",
        "Ask a language model",
        "A prompt to an llm agent with the project's tools.",
        ("language_model",),
        heavy=True,
        needs_project=False,
        example='{"prompt": "What does this project do?"}',
    ),
)

TASK_TYPES: dict[str, TaskType] = {kind.name: kind for kind in _ALL}

_ANY_TOOL = frozenset({"tool", "arguments"})
"""The input of a task that names its tool itself."""


def check_task(task_type: str, given: Mapping[str, Any], acceptance: Sequence[Any] = (), *, has_project: bool) -> None:
    """InvalidInput when a known type lacks the project it is about, or is given a field that it does not take.

    And when an acceptance criterion is none.
    """
    criteria(acceptance, has_project=has_project)
    kind = TASK_TYPES.get(task_type)
    if kind is None:
        return
    if kind.needs_project and not has_project:
        raise InvalidInput(f"a task of type {task_type} is about a project: name it", field="project_id")
    names_tool = "tool" in given and kind.tool is not None
    if kind.takes is None or (names_tool and given.keys() <= _ANY_TOOL):
        return
    for name in sorted(given.keys() - kind.takes):
        known = ", ".join(sorted(kind.takes))
        raise InvalidInput(
            f"the input of {task_type} has no field {name[:60]!r}",
            field=f"input.{name[:60]}",
            hint=f"it takes: {known}",
        )
