"""Updates through the indexer's process: seen when they return, whole after any death, one process for all."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from orchestrator.core.errors import NotFound
from orchestrator.kg.indexing.news import QueryServerNews
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.query.export import export_graph
from orchestrator.kg.query.runtime_dir import INDEXER, socket_path
from orchestrator.kg.rdf.vocabulary import PREFIXES
from orchestrator.kg.snapshot import view_folder
from tests.kg.conftest import PROJECT, Build
from tests.kg.sample import SAMPLE, write_tree
from tests.kg.test_live import rebuilt, stored
from tests.kg.test_queries import server_pid, until_gone

_MORE = "def total(prices):\n    return fresh(prices)\n\n\ndef fresh(prices): ...\n"


@pytest.fixture
async def updates(folder: Path) -> AsyncIterator[GraphUpdates]:
    made = GraphUpdates(idle_seconds=30)
    try:
        yield made
    finally:
        await made.stop(folder)
        await made.aclose()


def indexer_pid(folder: Path) -> int | None:
    """The process behind the indexer's socket, as the kernel names it."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(socket_path(folder, INDEXER)))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        return int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), "little")


async def callers(queries: GraphQueries, folder: Path, symbol: str) -> set[str]:
    text = f'SELECT ?who {{ ?s c:calls ?o . ?o c:qualifiedName "{symbol}" . ?s c:qualifiedName ?who }}'
    rows = json.loads((await queries.query(folder, PREFIXES + text)).body)["results"]["bindings"]
    return {row["who"]["value"] for row in rows}


async def test_a_saved_file_is_seen_by_queries_when_the_update_returns(
    build: Build, folder: Path, tmp_path: Path, updates: GraphUpdates, queries: GraphQueries
) -> None:
    build()
    root = tmp_path / "tree"
    await queries.warm(folder)
    for number in range(3):
        write_tree(root, {"src/shop/util.py": _MORE.replace("fresh", f"fresh_{number}")})
        told = await updates.update(folder, root, project_iri=PROJECT, paths=["src/shop/util.py"])
        assert await callers(queries, folder, f"shop.util.fresh_{number}") == {"shop.util.total"}
    assert told["changed"] == 1


async def test_a_server_makes_room_for_a_change_that_is_coming_and_answers_meanwhile(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    await queries.warm(folder)
    waiting = {child.pid for child in psutil.Process(server_pid(folder)).children()}
    news = QueryServerNews(folder)
    await asyncio.to_thread(news.coming)
    assert await callers(queries, folder, "shop.util.total") == {"shop.cart.Cart.check", "tests.test_cart.test_total"}
    for pid in waiting:
        await until_gone(pid)
    await asyncio.to_thread(news.written)
    await asyncio.to_thread(news.wait)
    assert await callers(queries, folder, "shop.util.total")


async def test_news_for_a_server_that_does_not_run_are_no_trouble(build: Build, folder: Path) -> None:
    news = QueryServerNews(folder)
    news.coming()
    build()
    news.written()
    news.wait()


async def test_agents_in_two_worktrees_get_different_right_answers_from_one_server(
    build: Build, folder: Path, tmp_path: Path, updates: GraphUpdates, queries: GraphQueries
) -> None:
    build()
    expected = {"one": {"shop.cart.Cart.check", "new.one"}, "two": {"tests.test_cart.test_total", "new.two"}}
    edits = {
        "one": {"tests/test_cart.py": "", "new.py": "from shop import total\n\n\ndef one():\n    total([])\n"},
        "two": {
            "src/shop/cart.py": "class Cart: ...\n\n\nclass Store: ...\n",
            "new.py": "from shop import total\n\n\ndef two():\n    total([])\n",
        },
    }
    for view, files in edits.items():
        write_tree(tmp_path / view, {**SAMPLE, **files})

    async def work(view: str) -> set[str]:
        await updates.update(folder, tmp_path / view, project_iri=PROJECT, view=view)
        return await callers(queries, view_folder(folder, view), "shop.util.total")

    answers = await asyncio.gather(work("one"), work("two"), callers(queries, folder, "shop.util.total"))
    assert answers == [expected["one"], expected["two"], {"shop.cart.Cart.check", "tests.test_cart.test_total"}]
    await updates.end_view(folder, "one", project_iri=PROJECT)
    with pytest.raises(NotFound):
        await callers(queries, view_folder(folder, "one"), "shop.util.total")


async def test_an_indexer_killed_at_any_moment_leaves_a_whole_graph_and_its_successor_goes_on(
    build: Build, folder: Path, tmp_path: Path, updates: GraphUpdates
) -> None:
    build()
    root = tmp_path / "tree"
    states = [stored(folder)]
    for number in range(6):
        write_tree(root, {"src/shop/util.py": _MORE.replace("fresh", f"fresh_{number}")})
        states.append(rebuilt(root, tmp_path / f"fresh-{number}"))
        update = asyncio.create_task(updates.update(folder, root, project_iri=PROJECT))
        await asyncio.sleep(0.04 * number)
        pid = indexer_pid(folder)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        await update  # its successor does what it had left
        assert stored(folder) in states
    await updates.update(folder, root, project_iri=PROJECT)
    assert stored(folder) == states[-1]


async def test_callers_in_several_processes_share_one_indexer(
    build: Build, folder: Path, tmp_path: Path, updates: GraphUpdates
) -> None:
    build()
    other = GraphUpdates(idle_seconds=30)
    both = (one.update(folder, tmp_path / "tree", project_iri=PROJECT) for one in (updates, other))
    first, second = await asyncio.gather(*both)
    assert {first["changed"], second["changed"]} == {len(SAMPLE), 0}
    await other.aclose()


async def test_before_the_first_build_there_is_nothing_to_update(folder: Path, updates: GraphUpdates) -> None:
    with pytest.raises(NotFound):
        await updates.update(folder, folder.parent, project_iri=PROJECT)
    assert indexer_pid(folder) is None


async def test_exports_hold_what_was_updated(build: Build, folder: Path, tmp_path: Path, updates: GraphUpdates) -> None:
    build()
    write_tree(tmp_path / "tree", {"src/shop/util.py": _MORE})
    await updates.update(folder, tmp_path / "tree", project_iri=PROJECT)
    media_type = await asyncio.to_thread(export_graph, folder, "turtle", tmp_path / "export.ttl")
    assert media_type == "text/turtle"
    assert '"shop.util.fresh"' in (tmp_path / "export.ttl").read_text()
