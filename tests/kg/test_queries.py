"""The query service: right answers, limits that hold, no way out, and a server that stays up through all of it."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pyoxigraph as ox
import pytest

from orchestrator.core.errors import BadQuery, InvalidInput, NotFound, TimedOut, TooLarge, Unavailable
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.query.formats import GRAPH_FORMATS, RESULT_FORMATS
from orchestrator.kg.query.limits import give_up_files
from orchestrator.kg.query.runtime_dir import socket_path
from orchestrator.kg.query.sandbox import forbid_sockets_and_programs
from orchestrator.kg.rdf.terms import iri, literal
from orchestrator.kg.rdf.vocabulary import PREFIXES
from orchestrator.kg.snapshot import current_snapshot
from tests.kg.conftest import PROJECT, Build
from tests.kg.sample import load

ALL = "SELECT * { ?s ?p ?o }"
RUNAWAY = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o FILTER(STRLEN(CONCAT(STR(?a), STR(?d), STR(?g), STR(?j), STR(?m))) > 5000) }"  # noqa: E501 - source as it is
BOMB = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l } ORDER BY ?i ?f"


def server_pid(folder: Path) -> int:
    """The process that listens for this graph, as the kernel knows it."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(socket_path(folder, current_snapshot(folder) or "")))
        return int.from_bytes(probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little")


async def until_gone(pid: int) -> None:
    def wait() -> None:
        try:
            psutil.Process(pid).wait(30)
        except psutil.NoSuchProcess:
            return

    await asyncio.to_thread(wait)


async def test_an_answer_says_what_it_is(build: Build, folder: Path, queries: GraphQueries) -> None:
    report = build()
    answer = await queries.query(folder, f"{PREFIXES} SELECT ?n {{ ?x a c:Class ; rdfs:label ?n }} ORDER BY ?n")
    assert (answer.kind, answer.rows, answer.truncated, answer.snapshot) == ("select", 3, False, report.snapshot)
    assert [row["n"]["value"] for row in json.loads(answer.body)["results"]["bindings"]] == ["Base", "Cart", "Store"]


async def test_without_a_graph_there_is_nothing_to_ask(folder: Path, queries: GraphQueries) -> None:
    with pytest.raises(NotFound):
        await queries.query(folder, ALL)


@pytest.mark.parametrize("media_type", RESULT_FORMATS)
async def test_tables_come_in_every_format(build: Build, folder: Path, queries: GraphQueries, media_type: str) -> None:
    build()
    text = f'{PREFIXES} SELECT ?s ?n ?odd {{ ?s c:lines ?n . BIND("a\\t\\"b\\n" AS ?odd) OPTIONAL {{ ?s c:none ?u }} }}'
    answer = await queries.query(folder, text, accept=f"image/png, {media_type};q=0.5")
    expected = load(folder).query(text, use_default_graph_as_union=True)
    plain = expected.serialize(format=RESULT_FORMATS[media_type])
    assert answer.media_type == media_type
    if media_type == "application/sparql-results+json":
        assert json.loads(answer.body) == json.loads(plain)
    else:
        assert sorted(answer.body.splitlines()) == sorted(plain.splitlines())
    asked = await queries.query(folder, "ASK { ?s ?p ?o }", accept=media_type)
    assert (asked.kind, asked.media_type) == ("ask", media_type)
    assert b"true" in asked.body


@pytest.mark.parametrize("media_type", GRAPH_FORMATS)
async def test_graphs_come_in_every_format(build: Build, folder: Path, queries: GraphQueries, media_type: str) -> None:
    build()
    text = f"{PREFIXES} CONSTRUCT {{ ?a c:calls ?b }} WHERE {{ ?a c:calls ?b }}"
    answer = await queries.query(folder, text, accept=media_type)
    told = {quad.triple for quad in ox.parse(answer.body, format=GRAPH_FORMATS[answer.media_type])}
    assert told == set(load(folder).query(text, use_default_graph_as_union=True))
    assert (answer.kind, answer.rows) == ("construct", len(told))
    described = await queries.query(folder, f"DESCRIBE <{PROJECT}>", accept="*/*")
    assert (described.kind, described.media_type) == ("describe", "text/turtle")


async def test_rows_beyond_the_limit_are_cut_openly(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    for text, accept in ((ALL, "text/csv"), ("CONSTRUCT WHERE { ?s ?p ?o }", "text/turtle")):
        answer = await queries.query(folder, text, accept=accept, limits=QueryLimits(rows=7))
        assert (answer.rows, answer.truncated) == (7, True)
    exact = await queries.query(folder, f"{ALL} LIMIT 7", limits=QueryLimits(rows=7))
    assert (exact.rows, exact.truncated) == (7, False)
    nothing = await queries.query(folder, "SELECT * {}", limits=QueryLimits(rows=7))
    assert json.loads(nothing.body)["results"]["bindings"] == [{}]


async def test_values_are_bound_never_pasted(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    text = f"{PREFIXES} SELECT ?s ?n {{ ?s rdfs:label ?n }}"
    found = await queries.query(folder, text, substitutions={"n": literal("Cart")})
    assert found.rows == 1
    nasty = await queries.query(folder, text, substitutions={"n": literal('x" } INSERT { \\ \n\x00\ud800')})
    assert nasty.rows == 0
    assert (await queries.query(folder, text, substitutions={"s": iri(f"{PROJECT}/symbol/src/shop/cart.py#Cart")})).rows
    for bad in ('"a" . <u:x> <u:y> <u:z>', "_:b", "junk", ""):
        with pytest.raises(BadQuery) as caught:
            await queries.query(folder, text, substitutions={"n": bad})
        assert caught.value.field == "substitutions.n"


async def test_graphs_can_be_chosen(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"

    async def number(text: str, **chosen: list[str]) -> int:
        answer = await queries.query(folder, text, **chosen)  # type: ignore[arg-type]
        return int(json.loads(answer.body)["results"]["bindings"][0]["n"]["value"])

    graph = next(name.value for name in load(folder).named_graphs() if "cart.py@" in name.value)
    alone = await number(count, default_graphs=[graph])
    assert 0 < alone < await number(count)
    assert await number(f"SELECT (COUNT(*) AS ?n) FROM <{graph}> {{ ?s ?p ?o }}") == alone
    named = "SELECT (COUNT(DISTINCT ?g) AS ?n) { GRAPH ?g { ?s ?p ?o } }"
    assert await number(named, named_graphs=[graph]) == 1
    assert await number(named) > 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "SERVICE"),
        ("SELECT * { ?a ?b ?c FILTER EXISTS { SERVICE SILENT ?x { ?s ?p ?o } } }", "SERVICE"),
        ("SELECT * { { SELECT * { serVice <u:x> { ?s ?p ?o } } } }", "SERVICE"),
        ("SELECT * { \\u0053ERVICE <u:x> { ?s ?p ?o } }", ""),
        ("SELECT * { ?s ?p ?o #\r SERVICE <http://127.0.0.1:1/> { ?a ?b ?c }\n }", "two ways"),
        ("SELECT * #\rFROM <http://127.0.0.1:1/>\n { ?s ?p ?o }", "two ways"),
        ("SELECT * { ?s <u:\\u0041#> ?o SERVICE <http://127.0.0.1:1/> { ?a ?b ?c } }", "SERVICE"),
        ("SELECT * FROM <http://127.0.0.1:1/> { ?s ?p ?o }", "FROM"),
        ("SELECT * FROM NAMED <file:///etc/passwd> { GRAPH ?g { ?s ?p ?o } }", "FROM"),
        ("LOAD <http://127.0.0.1:1/>", "LOAD"),
        ("INSERT DATA { <u:a> <u:b> <u:c> }", "INSERT"),
        ("DELETE WHERE { ?s ?p ?o }", "DELETE"),
        ("CLEAR ALL", "CLEAR"),
        ("SELECT * { ?s ?p ", "1:"),
        ("", "only SELECT"),
        ("SELECT * { " + "{" * 5000 + "}" * 5000 + " }", "nests"),
        ("SELECT (" + "(" * 90 + "1" + ")" * 90 + " AS ?x) {}", None),
        ("x" * 300_000, "longer"),
        ("SELECT * { ?s ?p \ud800 }", ""),
    ],
)
async def test_what_may_not_run_is_refused_with_the_place(
    build: Build, folder: Path, queries: GraphQueries, text: str, says: str | None
) -> None:
    build()
    if says is None:
        assert (await queries.query(folder, text)).rows == 1
    else:
        with pytest.raises(BadQuery) as caught:
            await queries.query(folder, text)
        assert says in caught.value.message
    assert (await queries.query(folder, "ASK {}")).kind == "ask"


async def test_words_inside_strings_names_and_comments_are_no_keywords(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    text = (
        "# SERVICE LOAD FROM\n#\rPREFIX from: <u:service/> SELECT ?service (COUNT(?x) AS ?load) "
        '{ ?service from:insert ?x FILTER(?x != "SERVICE"@en-from && ?x != from:LOAD && ?x != <u:INSERT>) } '
        "GROUP BY ?service"
    )
    assert (await queries.query(folder, text)).rows == 0


async def test_an_engine_past_the_guard_still_reaches_no_network(build: Build, folder: Path) -> None:
    build()
    store = load(folder)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        pid = os.fork()
        if pid == 0:
            give_up_files()
            try:
                list(store.query(f"SELECT * {{ SERVICE <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}"))
            except OSError:
                os._exit(7)
            finally:
                os._exit(1)
        server.settimeout(0.2)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_query_server_can_neither_make_sockets_nor_start_programs() -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        with suppress(BaseException):
            code = _what_still_works()
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def _what_still_works() -> int:
    """How many of the things a sandboxed process must not do it still can."""
    if not forbid_sockets_and_programs():
        return 99
    attempts = (
        lambda: socket.socket(socket.AF_INET),
        lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        lambda: os.execv("/bin/true", ["true"]),
    )
    allowed = 0
    for attempt in attempts:
        with suppress(PermissionError):
            attempt()
            allowed += 1
    socket.socketpair()[0].close()  # what the server itself needs stays
    return allowed


async def test_a_child_answers_many_queries_each_within_its_own_limits(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    await queries.warm(folder)
    before = {child.pid for child in psutil.Process(server_pid(folder)).children()}
    for _ in range(10):
        assert (await queries.query(folder, ALL, limits=QueryLimits(rows=1))).truncated
        assert (await queries.query(folder, "ASK {}")).kind == "ask"
    assert before & {child.pid for child in psutil.Process(server_pid(folder)).children()}
    with pytest.raises(TooLarge):
        await queries.query(folder, BOMB, limits=QueryLimits(seconds=30, memory_bytes=64 * 1024 * 1024))
    answer = await queries.query(folder, ALL, limits=QueryLimits(memory_bytes=64 * 1024 * 1024))
    assert answer.rows > 100


async def test_an_answer_larger_than_a_socket_holds_comes_whole(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    answer = await queries.query(folder, "SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 9999")
    assert len(answer.body) > 1_000_000
    assert len(json.loads(answer.body)["results"]["bindings"]) == answer.rows == 9999


async def test_a_runaway_query_is_killed_in_time_and_the_others_do_not_notice(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    await queries.warm(folder)

    async def run_away() -> float:
        began = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            await queries.query(folder, RUNAWAY, limits=QueryLimits(seconds=1))
        assert caught.value.details == {"seconds": 1}
        return time.monotonic() - began

    taken, answer = await asyncio.gather(run_away(), queries.query(folder, "ASK {}"))
    assert 1 <= taken < 1.5
    assert answer.kind == "ask"


async def test_a_memory_bomb_dies_alone(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    with pytest.raises(TooLarge) as caught:
        await queries.query(folder, BOMB, limits=QueryLimits(seconds=30, memory_bytes=64 * 1024 * 1024))
    assert caught.value.details == {"memory_bytes": 64 * 1024 * 1024}
    assert (await queries.query(folder, "ASK {}")).kind == "ask"


async def test_an_answer_that_is_too_large_is_refused(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    with pytest.raises(TooLarge):
        await queries.query(folder, "SELECT * { ?a ?b ?c . ?d ?e ?f }", limits=QueryLimits(bytes=50_000, rows=10**9))


def test_limits_must_be_positive() -> None:
    with pytest.raises(InvalidInput):
        QueryLimits(seconds=0)


async def test_cancelling_a_query_kills_its_process(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    await queries.warm(folder)
    server = psutil.Process(server_pid(folder))
    task = asyncio.create_task(queries.query(folder, RUNAWAY, limits=QueryLimits(seconds=60)))
    busy = await asyncio.to_thread(_busy_child, server)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_gone(busy)
    assert (await queries.query(folder, "ASK {}")).kind == "ask"


async def test_a_query_that_runs_long_leaves_the_processor_to_the_others(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    await queries.warm(folder)
    server = psutil.Process(server_pid(folder))
    task = asyncio.create_task(queries.query(folder, RUNAWAY, limits=QueryLimits(seconds=60)))
    slow = await asyncio.to_thread(_busy_child, server, lambda child: child.nice() > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_gone(slow)
    await queries.query(folder, "ASK {}")
    assert {child.nice() for child in server.children()} == {server.nice()}


def _computes(child: psutil.Process) -> bool:
    return bool(child.cpu_times().user > 0.3)


def _busy_child(server: psutil.Process, is_it: Callable[[psutil.Process], bool] = _computes) -> int:
    """The child that computes, once it has used some processor time."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in server.children():
            with suppress(psutil.NoSuchProcess):  # children come and go
                if is_it(child):
                    return child.pid
    raise AssertionError("no child computes")


async def test_many_queries_at_once_are_all_answered(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    texts = [f"SELECT (STR({number}) AS ?n) {{}}" for number in range(40)]
    answers = await asyncio.gather(*(queries.query(folder, text) for text in texts))
    told = [json.loads(answer.body)["results"]["bindings"][0]["n"]["value"] for answer in answers]
    assert told == [str(number) for number in range(40)]


async def test_a_new_snapshot_is_what_the_next_query_sees(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    text = f'{PREFIXES} ASK {{ ?x c:qualifiedName "new.fresh" }}'
    assert (await queries.query(folder, text, accept="text/csv")).body == b"false"
    old = server_pid(folder)
    build({"new.py": "def fresh(): ...\n"})
    assert (await queries.query(folder, text, accept="text/csv")).body == b"true"
    await until_gone(old)


async def test_a_killed_server_is_replaced(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    await queries.warm(folder)
    pid = server_pid(folder)
    children = [child.pid for child in psutil.Process(pid).children()]
    os.kill(pid, signal.SIGKILL)
    for gone in (pid, *children):
        await until_gone(gone)
    assert (await queries.query(folder, "ASK {}")).kind == "ask"
    assert server_pid(folder) != pid


async def test_a_server_ends_when_idle_or_when_its_folder_is_gone(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    brief = GraphQueries(idle_seconds=0.1)
    await brief.warm(folder)
    await until_gone(server_pid(folder))
    await queries.warm(folder)
    pid = server_pid(folder)
    folder.rename(folder.with_name("elsewhere"))
    await until_gone(pid)


async def test_a_damaged_graph_is_reported_not_hidden(build: Build, folder: Path, queries: GraphQueries) -> None:
    report = build()
    (folder / "snapshots" / report.snapshot / "graph.nq").write_text("<u:a> rubbish")
    with pytest.raises(Unavailable) as caught:
        await queries.query(folder, "ASK {}")
    assert "cannot be read" in caught.value.message


async def test_rubbish_on_the_socket_does_no_harm(build: Build, folder: Path, queries: GraphQueries) -> None:
    build()
    await queries.warm(folder)
    path = str(socket_path(folder, current_snapshot(folder) or ""))
    for rubbish in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\x00\x00\x00\x02" + b"\x00" * 8 + b"[]"):
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(rubbish)
        await writer.drain()
        writer.close()
    assert (await queries.query(folder, "ASK {}")).kind == "ask"
