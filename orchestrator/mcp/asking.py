"""Asks the person behind a call a question with a few answers, in either era of the protocol (elicitation).

Used by ``services.tool_consent``. How a client of each era is reached is the conversation's own business.
"""

import asyncio
from collections.abc import Mapping

from mcp import MCPError

from orchestrator.mcp.conversation import Conversation

_FIELD = "answer"


def can_be_asked(conversation: Conversation) -> bool:
    """Whether the client said that it can put a form before a person."""
    declared = conversation.capabilities.get("elicitation")
    # An empty object is the older way to say that forms are understood.
    return isinstance(declared, Mapping) and (not declared or "form" in declared)


async def ask(
    conversation: Conversation, message: str, answers: Mapping[str, str], *, title: str, seconds: float
) -> str | None:
    """The key of the answer chosen; None when the person declined, went away, or the client could not ask."""
    choice = {"type": "string", "title": title, "enum": list(answers), "enumNames": list(answers.values())}
    schema = {"type": "object", "properties": {_FIELD: choice}, "required": [_FIELD]}
    try:
        async with asyncio.timeout(seconds):
            told = await conversation.ask("elicitation/create", {"message": message, "requestedSchema": schema})
    except (MCPError, TimeoutError):
        return None
    content = told.get("content")
    answer = content.get(_FIELD) if isinstance(content, Mapping) else None
    return str(answer) if told.get("action") == "accept" and answer in answers else None
