"""A refused request names the field as its caller wrote it, whatever the fault."""

import httpx2
import pytest

from tests.api.conftest import Api


def _posted(api: Api, content: str | bytes) -> tuple[int, str, str]:
    headers = api.headers | {"Content-Type": "application/json"}
    answer = httpx2.post(f"{api.url}/api/v1/tasks", headers=headers, content=content, timeout=30)
    told = answer.json()
    return answer.status_code, told["code"], told["field"]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("{nonsense", "body"),
        ('{"type": "x", "input": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}", "body"),
        ("[]", "body"),
        ('{"type": "tool_call", "required_capabilities": [""]}', "required_capabilities.0"),
        ('{"type": "tool_call", "required_capabilities": [{"name": ""}]}', "required_capabilities.0"),
        ('{"type": "tool_call", "consent": {"user_space": "perhaps"}}', "consent.user_space"),
        ('{"type": "tool_call", "input": {"text": "\\u0000"}}', "input.text"),
        ('{"type": "tool_call", "title": "\\u0000"}', "title"),
        ('{"type": "graph_build", "input": {}}', "project_id"),
        ('{"type": "diagnostics", "input": {"txt": "hello"}}', "input.txt"),
    ],
)
def test_the_field_at_fault_is_named(api: Api, content: str, field: str) -> None:
    assert _posted(api, content) == (422, "invalid_input", field)


def test_a_header_at_fault_is_named(api: Api) -> None:
    url = f"{api.url}/api/v1/tasks/{api.known['task_id']}/events"
    answer = httpx2.get(url, headers=api.headers | {"Last-Event-ID": "9" * 50}, timeout=30)
    assert (answer.status_code, answer.json()["field"].lower()) == (422, "last-event-id")


def test_a_query_parameter_at_fault_is_named(api: Api) -> None:
    answer = httpx2.get(f"{api.url}/api/v1/tasks?limit=many", headers=api.headers, timeout=30)
    assert (answer.status_code, answer.json()["field"]) == (422, "limit")
