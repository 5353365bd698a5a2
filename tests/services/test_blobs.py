"""Large results: what stays with the task, and what is fetched."""

from pathlib import Path

import orjson

from orchestrator.services.blobs import BlobStore


async def test_a_large_result_keeps_its_small_members_beside_the_pointer(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    whole = {"summary": "two files changed", "branch": "task/1", "diff": "+x\n" * 5000}
    shown, pointer = await blobs.keep(whole, 1000)
    assert shown is not None
    assert pointer is not None
    assert (shown["summary"], shown["branch"], shown["truncated"]) == ("two files changed", "task/1", True)
    assert "diff" not in shown
    assert orjson.loads(await blobs.read(pointer)) == whole


async def test_a_large_result_of_many_small_members_stays_small(tmp_path: Path) -> None:
    shown, _ = await BlobStore(tmp_path).keep({str(number): "y" * 1500 for number in range(1000)}, 1000)
    assert len(orjson.dumps(shown)) < 40_000


async def test_a_small_result_stays_with_the_task(tmp_path: Path) -> None:
    assert await BlobStore(tmp_path).keep({"text": "x"}, 1000) == ({"text": "x"}, None)
