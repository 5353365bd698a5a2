"""Whether the answer to a form fits the form, and what is said of one that does not."""

from typing import Any

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.mcp.answers import check_answer

FORM = {
    "message": "Which?",
    "requestedSchema": {
        "type": "object",
        "properties": {"size": {"type": "string", "enum": ["s", "m"]}, "count": {"type": "integer", "minimum": 1}},
        "required": ["size"],
    },
}
ASK = "elicitation/create"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"size": "xl"}, "inputResponses.1.content.size"),
        ({"size": "s", "count": 0}, "inputResponses.1.content.count"),
        ({}, "inputResponses.1.content.size"),
        (None, "inputResponses.1.content.size"),
    ],
)
async def test_a_form_filled_in_wrongly_is_refused_with_the_field(content: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await check_answer(ASK, FORM, {"action": "accept", "content": content}, "inputResponses.1")
    assert refused.value.field == field
    assert refused.value.message.startswith("inputResponses.1: content")


@pytest.mark.parametrize(
    ("method", "params", "answer"),
    [
        (ASK, FORM, {"action": "accept", "content": {"size": "m", "count": 2, "more": True}}),
        (ASK, FORM, {"action": "decline"}),
        (ASK, {"mode": "url", "message": "Go", "url": "https://example.org"}, {"action": "accept"}),
        (ASK, {"requestedSchema": {"type": 5}}, {"action": "accept", "content": {}}),
        ("roots/list", {}, {"roots": []}),
    ],
)
async def test_what_fits_or_has_no_form_passes(method: str, params: Any, answer: Any) -> None:
    await check_answer(method, params, answer, "inputResponses.1")
