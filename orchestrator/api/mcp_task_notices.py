"""``notifications/tasks``: tasks of ours told on the stream of a client that listens, for ``mcp_tasks_extension``.

Each notice is what ``tasks/get`` would say at that moment. Calls kept as tasks and tasks of servers behind us are not
told of here: the acknowledgement does not name them, so their clients go on polling.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import Notification, SubscriptionsAcknowledgedNotification

from orchestrator.api.mcp_conversation import Context

MOST = 100
Told = Callable[[], AsyncIterator[Mapping[str, Any]]]


class _Stream:
    """The session of one listener: its acknowledgement also names the tasks it will hear of."""

    def __init__(self, ctx: Context, task_ids: list[str]) -> None:
        self._session = ctx.session
        self._request_id = ctx.request_id
        self._task_ids = task_ids
        self.acknowledged = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def send_notification(self, notification: Any, related_request_id: Any = None) -> None:
        """As the session does it."""
        if isinstance(notification, SubscriptionsAcknowledgedNotification):
            params = notification.model_dump(by_alias=True, mode="json", exclude_none=True)["params"]
            params["notifications"] = {**params.get("notifications", {}), "taskIds": self._task_ids}
            await self._send("notifications/subscriptions/acknowledged", params)
            self.acknowledged.set()
        else:
            await self._session.send_notification(notification, related_request_id=related_request_id)

    async def tell(self, task: Mapping[str, Any]) -> None:
        """One notice."""
        await self._send("notifications/tasks", {**task, "_meta": {SUBSCRIPTION_ID_META_KEY: self._request_id}})

    async def _send(self, method: str, params: dict[str, Any]) -> None:
        raw = cast("Any", Notification[dict[str, Any], str](method=method, params=params))
        await self._session.send_notification(raw, related_request_id=self._request_id)


@asynccontextmanager
async def noticing(ctx: Context, tasks: Mapping[str, Told]) -> AsyncIterator[Context]:
    """The context of a listener that hears of these tasks, too, for as long as the block runs."""
    if not tasks:
        yield ctx
        return
    stream = _Stream(ctx, list(tasks))
    following = [asyncio.create_task(_follow(stream, told), name="mcp task notices") for told in tasks.values()]
    try:
        yield replace(ctx, session=cast("Any", stream))
    finally:
        for one in following:
            one.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _follow(stream: _Stream, told: Told) -> None:
    await stream.acknowledged.wait()
    async for task in told():
        await stream.tell(task)
