"""Whether the answer to a form fits the form, which whoever asked need not check any more.

Used for clients of both eras: where answers come with a later request they can be mended; one that comes on the stream
of the call is refused to the server that asked, or ends the call. What a server and a client of the newer era play out
between themselves is not seen here.
"""

from collections.abc import Mapping
from typing import Any

from orchestrator.core.errors import InvalidInput, ServerMisbehaved
from orchestrator.mcp.result import ToolInfo
from orchestrator.mcp.schema import check_arguments


async def check_answer(method: str, params: Mapping[str, Any], answer: Mapping[str, Any], place: str) -> None:
    """InvalidInput, with ``place.content.<field>``, for an accepted form that was not filled in as it asks."""
    schema = params.get("requestedSchema")
    if method != "elicitation/create" or answer.get("action") != "accept" or not isinstance(schema, Mapping):
        return
    content = answer.get("content")
    try:
        given = dict(content) if isinstance(content, Mapping) else {}
        await check_arguments(ToolInfo("form", input_schema=dict(schema)), given)
    except InvalidInput as error:
        path = (error.field or "arguments").removeprefix("arguments")
        message = error.message.replace("arguments", "content", 1)
        raise InvalidInput(f"{place}: {message}", field=f"{place}.content{path}") from error
    except ServerMisbehaved:
        return  # a form that no answer could fit: whoever asked knows what it means
