"""The body of an answer by a stranger: read as it comes, and no further than it may be long.

Used by every client that is not sure of its server. It knows no HTTP library, and says nothing of what is wrong with a
body that is too long: whose answer it was, the caller knows.
"""

from collections.abc import AsyncIterable


async def whole(parts: AsyncIterable[bytes], most: int) -> bytes | None:
    """All parts in one; None as soon as they are longer than ``most``, and the rest is not read."""
    read, size = [], 0
    async for part in parts:
        size += len(part)
        if size > most:
            return None
        read.append(part)
    return b"".join(read)
