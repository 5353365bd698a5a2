"""A server of the tasks extension, run by the tests: ``tasks.py stdio`` or ``tasks.py http PORT``.

Its tools have the names that the official conformance suite asks for. Tasks live in this process; an id is a counter,
so that two such servers give out the same ones.
"""

import asyncio
import sys
from datetime import UTC, datetime

import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import UNSUPPORTED_PROTOCOL_VERSION, ListToolsResult, ServerCapabilities, Tool, ToolsCapability

EXTENSION = "io.modelcontextprotocol/tasks"
NAMES = ("greet", "slow_compute", "failing_job", "protocol_error_job", "confirm_delete", "multi_input")
REQUIRED = ("failing_job", "test_tool_with_task")
KNOWN: dict = {}


class Task:
    """A piece of work and what it asks."""

    def __init__(self, work) -> None:
        self.id = f"task-{len(KNOWN) + 1}"
        self.status, self.more = "working", {}
        self.questions: dict = {}
        self.created = self.updated = now()
        KNOWN[self.id] = self
        self.running = asyncio.create_task(self.run(work))

    async def run(self, work) -> None:
        try:
            self.end("completed", result=await work(self))
        except asyncio.CancelledError:
            self.end("cancelled")
        except MCPError as error:
            self.end("failed", error={"code": error.code, "message": error.message, "data": error.data})

    def end(self, status, **more) -> None:
        self.status, self.more, self.updated = status, more, now()

    async def ask(self, key, message):
        answer = asyncio.get_running_loop().create_future()
        self.questions[key] = (message, answer)
        self.status = "input_required"
        try:
            return await answer
        finally:
            del self.questions[key]
            self.status = "input_required" if self.questions else "working"

    @property
    def open(self) -> dict:
        return {key: elicitation(message) for key, (message, future) in self.questions.items() if not future.done()}

    def wire(self) -> dict:
        task = {
            "taskId": self.id,
            "status": self.status,
            "statusMessage": f"it is {self.status}",
            "createdAt": self.created,
            "lastUpdatedAt": self.updated,
            "ttlMs": 60_000,
            "pollIntervalMs": 50,
            "x-unknown": "kept",
        }
        asked = {"inputRequests": self.open} if self.status == "input_required" else {}
        return task | self.more | asked


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def elicitation(message) -> dict:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "confirm": {"type": "boolean"}}}
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema},
    }


def said(text, **more) -> dict:
    return {"content": [{"type": "text", "text": text}], "isError": False, **more}


async def slow_compute(task, given):
    await asyncio.sleep(given.get("seconds", 0))
    return said(f"computed {given.get('label', '')}")


async def failing_job(task, given):
    await asyncio.sleep(0.1)
    return said("it broke", isError=True)


async def protocol_error_job(task, given):
    await asyncio.sleep(0.1)
    raise MCPError(-32050, "out of stock", {"left": 0})


async def confirm_delete(task, given):
    answer = await task.ask("confirm", f"Delete {given.get('filename')}?")
    return said(f"deleted: {answer.get('content')}")


async def multi_input(task, given):
    answers = await asyncio.gather(task.ask("one", "First?"), task.ask("two", "Second?"))
    return said(f"{[answer.get('content') for answer in answers]}")


async def list_tools(ctx, params) -> ListToolsResult:
    schema = {"type": "object"}
    names = (*NAMES, "test_tool_with_task")
    return ListToolsResult(tools=[Tool(name=name, description="Work.", input_schema=schema) for name in names])


def call(ctx, declared) -> dict:
    name, given = ctx.params["name"], ctx.params.get("arguments") or {}
    if name in REQUIRED and not declared:
        raise missing()
    if name == "greet":
        who = [task.status for task in KNOWN.values()] if given.get("name") == "tasks" else given.get("name")
        return {"resultType": "complete", **said(f"Hello, {who}!")}
    if name == "test_tool_with_task":
        answers = ctx.params.get("inputResponses") or {}
        if "user_name" not in answers:
            asked = {"user_name": elicitation("Who?")}
            return {"resultType": "input_required", "inputRequests": asked, "requestState": "asked"}
        who = answers["user_name"]["content"]["name"]
        return made(lambda task: slow_compute(task, {"seconds": 0.1, "label": who}))
    work = {f.__name__: f for f in (slow_compute, failing_job, protocol_error_job, confirm_delete, multi_input)}[name]
    return made(lambda task: work(task, given))


def made(work) -> dict:
    return {"resultType": "task", **Task(work).wire()}


def missing() -> MCPError:
    return MCPError(
        -32021, "Missing required client capability", {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    )


async def answers(ctx, call_next):
    """Everything the SDK does not know; no handshake, since the extension belongs to the era without."""
    if ctx.method == "initialize":
        versions = {"supported": ["2026-07-28"], "requested": (ctx.params or {}).get("protocolVersion", "")}
        raise MCPError(UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version", versions)
    capabilities = ctx.session.client_capabilities
    declared = capabilities is not None and EXTENSION in (capabilities.extensions or {})
    if ctx.method == "tools/call":
        result = call(ctx, declared)
        return result if declared or result["resultType"] != "task" else await waited_for(result)
    if ctx.method in ("tasks/get", "tasks/update", "tasks/cancel"):
        if not declared:
            raise missing()
        return about(ctx)
    return await call_next(ctx)


async def waited_for(made) -> dict:
    """The result, for a client that knows no tasks."""
    task = KNOWN[made["taskId"]]
    await task.running
    return {"resultType": "complete", **task.more["result"]}


def about(ctx) -> dict:
    """A request about a task."""
    if ctx.request is not None and ctx.request.headers.get("mcp-name") != ctx.params["taskId"]:
        raise MCPError(-32020, "Mcp-Name does not match")
    task = KNOWN.get(ctx.params["taskId"])
    if task is None:
        raise MCPError(-32602, "Failed to retrieve task: Task not found", {"of": "the server"})
    if ctx.method == "tasks/get":
        return {"resultType": "complete", **task.wire()}
    if ctx.method == "tasks/cancel":
        task.running.cancel()
    for key, answer in (ctx.params.get("inputResponses") or {}).items():
        if key in task.open:
            task.questions[key][1].set_result(answer)
    return {"resultType": "complete"}


class TasksServer(Server):
    def get_capabilities(self, *_, **__) -> ServerCapabilities:
        return ServerCapabilities(tools=ToolsCapability(), extensions={EXTENSION: {}})


server = TasksServer("tasks", version="1.0", on_list_tools=list_tools)
server.middleware.append(answers)


async def over_stdio() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        asyncio.run(over_stdio())
    else:
        uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
