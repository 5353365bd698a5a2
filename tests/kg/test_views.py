"""Views: sets of file graphs on one query server. Each sees its own, whatever happens to the others."""

import json
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.kg.journal import JOURNAL, MAIN, Delta, append, read
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.query.dataset import Dataset
from orchestrator.kg.shared_graphs import write_shared
from orchestrator.kg.snapshot import GRAPH, current_folder, view_folder
from tests.kg.conftest import Build

_NAMES = tuple(f"urn:g{number}" for number in range(6))


def quad(name: str) -> str:
    return f'<urn:s> <urn:p> "{name}" <{name}> .\n'


def delta(view: str, before: Iterable[str], after: Iterable[str]) -> Delta:
    before, after = set(before), set(after)
    return Delta(tuple(sorted(before - after)), {name: quad(name) for name in sorted(after - before)}, view)


def seen(dataset: Dataset, view: str) -> set[str]:
    """The names a child would see after it took the view's difference into its copy."""
    names = {name for name in _NAMES if dataset.store.has_graph(name)}
    if view == MAIN:
        return names
    without, besides = dataset.overlay(view)
    assert set(without) <= names
    added = {text.split('"')[1] for text in besides}
    assert not added & names
    return (names - set(without)) | added


_STEPS = st.lists(
    st.tuples(st.sampled_from([MAIN, MAIN, "one", "two"]), st.frozensets(st.sampled_from(_NAMES))), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(steps=_STEPS)
def test_each_view_is_what_was_said_of_it_whatever_happens_to_the_others(
    tmp_path_factory: object, steps: list[tuple[str, frozenset[str]]]
) -> None:
    snapshot = tmp_path_factory.mktemp("graph")  # type: ignore[attr-defined]
    (snapshot / GRAPH).write_text(quad(_NAMES[0]) + quad(_NAMES[1]))
    state: dict[str, set[str]] = {MAIN: {_NAMES[0], _NAMES[1]}}
    live = Dataset(snapshot, snapshot)
    for view, after in steps:
        before = state.get(view, state[MAIN])
        append(snapshot, delta(view, before, after))
        state[view] = set(after)
        live.catch_up()
        assert {name: seen(live, name) for name in state} == state
    later = Dataset(snapshot, snapshot)
    assert {name: seen(later, name) for name in state} == state


def test_a_record_that_a_crash_cut_off_is_not_read_and_overwritten(tmp_path: Path) -> None:
    whole = Delta((), {"urn:g1": quad("urn:g1")})
    end = append(tmp_path, whole)
    append(tmp_path, Delta(("urn:g1",)))
    written = (tmp_path / JOURNAL).read_bytes()
    for cut in range(end, len(written)):
        (tmp_path / JOURNAL).write_bytes(written[:cut])
        assert read(tmp_path) == ([whole], end)
    damaged = bytearray(written)
    damaged[-1] ^= 1
    (tmp_path / JOURNAL).write_bytes(damaged)
    append(tmp_path, Delta(view="v"))
    assert [one.view for one in read(tmp_path)[0]] == [MAIN, "v"]


async def graphs(queries: GraphQueries, folder: Path) -> set[str]:
    """What the literals of ``quad`` say."""
    answer = await queries.query(folder, "SELECT ?o { <urn:s> <urn:p> ?o }")
    return {row["o"]["value"] for row in json.loads(answer.body)["results"]["bindings"]}


async def test_a_running_server_takes_in_changes_and_keeps_views_apart(
    build: Build, folder: Path, queries: GraphQueries
) -> None:
    build()
    assert await graphs(queries, folder) == set()
    append(current_folder(folder), delta(MAIN, (), ("urn:g1",)))
    append(current_folder(folder), delta("one", ("urn:g1",), ("urn:g2",)))
    await queries.refresh(folder)
    one = view_folder(folder, "one")
    assert (await graphs(queries, folder), await graphs(queries, one)) == ({"urn:g1"}, {"urn:g2"})
    append(current_folder(folder), delta(MAIN, ("urn:g1",), ("urn:g3",)))
    write_shared(folder, "history", [quad("urn:g4")])
    await queries.refresh(folder)
    assert (await graphs(queries, folder), await graphs(queries, one)) == ({"urn:g3", "urn:g4"}, {"urn:g2", "urn:g4"})
    write_shared(folder, "history", [])
    await queries.refresh(folder)
    assert await graphs(queries, one) == {"urn:g2"}
    await queries.stop(folder)
    assert (await graphs(queries, folder), await graphs(queries, one)) == ({"urn:g3"}, {"urn:g2"})
