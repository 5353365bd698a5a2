"""The index of tools: whoever asks in words finds the tool, whatever the words are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mcp.result import ToolInfo
from orchestrator.mcp.tool_index import ToolIndex


def _tool(name: str, description: str = "", **parameters: str) -> tuple[str, ToolInfo]:
    properties = {key: {"type": "string", "description": text} for key, text in parameters.items()}
    return name, ToolInfo(name.rpartition("__")[2], None, description, {"type": "object", "properties": properties})


TOOLS = (
    _tool("github__create_pull_request", "Open a pull request on GitHub.", head="Branch with the changes."),
    _tool("github__listIssues", "List the issues of a repository."),
    _tool("files__read_text_file", "Read a file as text.", path="Where the file is."),
    _tool("files__write_file", "Write a file.", path="Where the file goes.", content="What is written."),
    _tool("time__convert_time", "Convert a time between time zones."),
)


@pytest.mark.parametrize(
    ("words", "best"),
    [
        ("opening a pull request", "github__create_pull_request"),
        ("issues", "github__listIssues"),
        ("list issue", "github__listIssues"),
        ("read text", "files__read_text_file"),
        ("which branch has the changes", "github__create_pull_request"),
        ("TIME-ZONE", "time__convert_time"),
        ("what time is it in the zone of where I am", "time__convert_time"),
        ("where is what is written", "files__write_file"),
    ],
)
def test_the_tool_for_the_job_comes_first(words: str, best: str) -> None:
    assert ToolIndex(TOOLS).ranked(words)[0] == best


def test_equals_stand_in_the_order_of_their_names_however_they_came() -> None:
    tools = [_tool(f"s{number}__do", "Does it.") for number in range(9)]
    expected = [name for name, _ in tools]
    assert ToolIndex(tools).ranked("do") == expected
    assert ToolIndex(reversed(tools)).ranked("do") == expected


@given(st.text(max_size=300))
def test_no_text_breaks_the_search(words: str) -> None:
    found = ToolIndex(TOOLS).ranked(words)
    assert len(found) == len(set(found))
    assert set(found) <= {name for name, _ in TOOLS}


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=200)), max_size=20, unique_by=lambda one: one[0]))
def test_whatever_servers_say_of_their_tools_can_be_indexed(described: list[tuple[str, str]]) -> None:
    index = ToolIndex([_tool(name, text) for name, text in described])
    assert set(index.ranked("a b c")) <= {name for name, _ in described}
