"""One user's queries wait for each other, another user's do not."""

import asyncio
from uuid import uuid4

from orchestrator.services import query_turns
from orchestrator.services.query_turns import QueryTurns


async def test_a_user_has_a_few_queries_at_once_and_the_others_are_not_kept_waiting() -> None:
    turns, busy, other = QueryTurns(), uuid4(), uuid4()
    release = asyncio.Event()
    running = 0

    async def query(user: object) -> None:
        nonlocal running
        async with turns.of(user):  # type: ignore[arg-type]
            running += 1
            await release.wait()
            running -= 1

    tasks = [asyncio.create_task(query(busy)) for _ in range(query_turns.AT_ONCE + 3)]
    await asyncio.sleep(0)
    assert running == query_turns.AT_ONCE
    tasks.append(asyncio.create_task(query(other)))
    await asyncio.sleep(0)
    assert running == query_turns.AT_ONCE + 1
    release.set()
    await asyncio.gather(*tasks)
    assert running == 0
