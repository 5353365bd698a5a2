"""Large results: kept as files named by their SHA-256, read back through a pointer.

Used by the runner and the task API. A pointer is ``{"kind": "blob", "sha256", "size", "media_type"}``. Small values
stay in the task row.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import orjson

from orchestrator.core.errors import NotFound
from orchestrator.core.ids import new_id

_MEMBER_BYTES = 2000
_MEMBERS = 20


class BlobStore:
    """Content-addressed files under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def keep(
        self, value: dict[str, Any], inline_bytes: int
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """(value, None) when it is small; else a preview and the pointer to the stored whole."""
        encoded = orjson.dumps(value)
        if len(encoded) <= inline_bytes:
            return value, None
        digest = await asyncio.to_thread(self._write, encoded)
        pointer = {"kind": "blob", "sha256": digest, "size": len(encoded), "media_type": "application/json"}
        return {
            **_small_members(value),
            "preview": encoded[:2000].decode("utf-8", "replace"),
            "truncated": True,
        }, pointer

    async def keep_bytes(self, data: bytes, media_type: str) -> dict[str, Any]:
        """Store bytes as they are; the pointer to them."""
        digest = await asyncio.to_thread(self._write, data)
        return {"kind": "blob", "sha256": digest, "size": len(data), "media_type": media_type}

    async def read(self, pointer: dict[str, Any]) -> bytes:
        """The stored bytes."""
        path = self._path(str(pointer.get("sha256", "")))
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError as error:
            raise NotFound("the stored result is gone") from error

    def _write(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # A name of its own for each writer: the same result may be stored twice at the same moment.
            temporary = path.with_suffix(f".{new_id().hex}.tmp")
            temporary.write_bytes(data)
            temporary.replace(path)
        return digest

    def _path(self, digest: str) -> Path:
        if len(digest) != 64 or not digest.isalnum():
            raise NotFound("no such result")
        return self._root / digest[:2] / digest


def _small_members(value: dict[str, Any]) -> dict[str, Any]:
    """What says the most in the least space: a summary, a branch, counts. The first twenty such members."""
    small = [name for name, member in value.items() if len(orjson.dumps(member)) <= _MEMBER_BYTES]
    return {name: value[name] for name in small[:_MEMBERS]}
