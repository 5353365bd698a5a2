"""The history graph: who changed what and when, followed through renames, without a mail address."""

from datetime import UTC, datetime

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.commits import Commit, CommitPatch, FilePatch, History, Hunk, TouchedFile
from orchestrator.kg.history.lines import Span, commits_by_definition, definitions_before
from orchestrator.kg.history.triples import history_graph, history_quads
from orchestrator.kg.rdf.vocabulary import PREFIXES
from tests.kg.conftest import PROJECT

_NOW = datetime(2026, 3, 1, tzinfo=UTC)


def sha(number: int) -> str:
    return f"{number:040x}"


def touched(path: str, status: str = "M", old: str = "") -> TouchedFile:
    return TouchedFile(path, old, status, 2, 1)


def commit(number: int, *files: TouchedFile, author: str = "Ann", subject: str = "", parents: str = "") -> Commit:
    known = tuple(sha(int(one)) for one in (parents or str(number - 1)).split())
    mail = f"{author.split()[0].lower()}@example.org"
    return Commit(sha(number), known, author, mail, f"2026-02-{number:02}T10:00:00+01:00", subject, files)


def history(*commits: Commit, patches: tuple[CommitPatch, ...] = (), cut: str = "") -> History:
    return History(commits[0].id, commits, cut, patches, "")


def store(told: History, present: set[str], spans: dict[str, list[Span]] | None = None) -> ox.Store:
    made = ox.Store()
    quads = "\n".join(history_quads(PROJECT, told, present, spans or {}, _NOW))
    made.bulk_load(input=quads.encode(), format=ox.RdfFormat.N_QUADS)
    return made


def rows(graph: ox.Store, where: str) -> list[tuple[str, ...]]:
    found = graph.query(f"{PREFIXES} SELECT {where}", use_default_graph_as_union=True)
    assert isinstance(found, ox.QuerySolutions)
    return sorted(tuple(term.value.rpartition("/")[2] if term else "" for term in row) for row in found)


def test_commits_tell_author_time_parents_and_files() -> None:
    graph = store(history(commit(2, touched("a.py"), touched("b.py")), commit(1, touched("a.py", "A"))), {"a.py"})
    assert rows(graph, "?k ?f { ?k c:changed ?f }") == [(sha(1), "a.py"), (sha(2), "a.py")]
    assert rows(graph, "?k ?p { ?k prov:wasInformedBy ?p }") == [(sha(2), sha(1))]
    assert rows(graph, f"?at {{ ?k dct:identifier 'swh:1:rev:{sha(2)}' ; prov:endedAtTime ?at }}") == [
        ("2026-02-02T09:00:00Z",)
    ]
    assert rows(graph, "?added ?gone { ?f c:addedLines ?added ; c:removedLines ?gone MINUS { ?f a c:Commit } }") == [
        ("4", "2")
    ]
    assert {str(quad.graph_name) for quad in graph} == {f"<{history_graph(PROJECT)}>"}


def test_a_mail_address_is_never_in_the_graph() -> None:
    told = history(commit(1, author="Ann ann@example.org", subject="Thanks to <bob@example.org>!"))
    graph = store(told, set())
    assert "example.org" not in graph.dump(format=ox.RdfFormat.N_QUADS).decode()  # type: ignore[union-attr]
    # FOAF: the SHA-1 of the address as a mailto: IRI.
    assert rows(graph, "?name ?sum { ?p foaf:name ?name ; foaf:mbox_sha1sum ?sum }") == [
        ("Ann (address)", "6168d27d1f76f1fd61099f4e24f911dbae8314dc")
    ]
    assert rows(graph, "?title { ?k dct:title ?title }") == [("Thanks to <(address)>!",)]


def test_programs_are_told_from_people() -> None:
    graph = store(history(commit(2, author="renovate[bot]"), commit(1, author="Ann")), set())
    assert rows(graph, "?name { ?p a prov:SoftwareAgent ; foaf:name ?name }") == [("renovate[bot]",)]
    assert rows(graph, "?name { ?p a prov:Person ; foaf:name ?name }") == [("Ann",)]


def test_changes_before_a_rename_belong_to_the_file_of_today() -> None:
    told = history(
        commit(4, touched("new.py")),
        commit(3, touched("new.py", "R", "old.py"), touched("old.py", "A")),
        commit(2, touched("old.py")),
        commit(1, touched("old.py", "A"), touched("gone.py", "A")),
    )
    graph = store(told, {"new.py", "old.py"})
    assert rows(graph, "?k { ?k c:changed ?f . ?f c:formerPath 'old.py' }") == [(sha(n),) for n in (1, 2, 3, 4)]
    assert rows(graph, f"?k {{ ?k c:changed <{PROJECT}/file/old.py> }}") == [(sha(3),)]


def test_what_history_does_not_hold_is_said() -> None:
    graph = store(history(commit(2), cut="commits"), set())
    assert rows(graph, "?cut ?since { ?r c:historyCut ?cut ; c:historySince ?since }") == [
        ("commits", "2026-02-02T09:00:00Z")
    ]
    assert rows(graph, f"?r {{ ?r a c:IndexRun ; prov:used <{PROJECT}/commit/{sha(2)}> }}") == [("history-run",)]


def test_a_merge_names_the_commits_of_its_branch() -> None:
    told = history(commit(4, parents="3 2"), commit(3, parents="1"), commit(2, parents="1"), commit(1, parents="0"))
    assert rows(store(told, set()), "?m ?k { ?m c:merged ?k }") == [(sha(4), sha(2))]


def test_a_time_no_calendar_has_is_left_out() -> None:
    odd = Commit(sha(1), (), "Ann", "a@b", "292277026596-12-04T15:30:07+00:00", "x", ())
    assert rows(store(history(odd), set()), "?at { ?k a c:Commit ; prov:endedAtTime ?at }") == []


def patch(number: int, *files: FilePatch) -> CommitPatch:
    return CommitPatch(sha(number), files)


def test_a_definition_knows_its_commits_across_shifts_and_renames() -> None:
    spans = {"new.py": [Span("urn:f", 11, 14), Span("urn:g", 16, 18)]}
    patches = [
        patch(5, FilePatch("new.py", "new.py", (Hunk(1, 0, 1, 3),))),  # three lines above everything
        patch(4, FilePatch("old.py", "new.py", (Hunk(9, 1, 9, 2),))),  # inside f
        patch(3, FilePatch("old.py", "old.py", (Hunk(11, 2, 11, 0),))),  # removes lines between f and g
        patch(2, FilePatch("old.py", "old.py", (Hunk(1, 0, 8, 20),))),  # writes f and g as a whole
        patch(1, FilePatch("", "old.py", (Hunk(0, 0, 1, 7),))),
    ]
    assert commits_by_definition(spans, patches) == {"urn:f": [sha(4), sha(2)], "urn:g": [sha(2)]}


def test_files_that_swap_names_keep_their_own_history() -> None:
    spans = {"a.py": [Span("urn:a", 1, 2)], "b.py": [Span("urn:b", 1, 2)]}
    patches = [
        patch(2, FilePatch("b.py", "a.py", ()), FilePatch("a.py", "b.py", ())),
        patch(1, FilePatch("", "b.py", (Hunk(1, 0, 1, 2),))),
    ]
    assert commits_by_definition(spans, patches) == {"urn:a": [sha(1)]}


def test_a_definition_keeps_only_its_newest_commits() -> None:
    patches = [patch(number, FilePatch("a.py", "a.py", (Hunk(1, 1, 1, 1),))) for number in range(9, 0, -1)]
    assert commits_by_definition({"a.py": [Span("urn:a", 1, 3)]}, patches, most=2) == {"urn:a": [sha(9), sha(8)]}


def test_a_diff_names_the_definitions_of_its_base() -> None:
    spans = {"a.py": [Span("urn:f", 1, 4), Span("urn:g", 6, 8), Span("urn:h", 10, 12)]}
    files = [FilePatch("a.py", "b.py", (Hunk(2, 1, 2, 1), Hunk(11, 0, 11, 2)))]
    assert definitions_before(spans, files) == {"urn:f", "urn:h"}


_LINES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(versions=st.lists(_LINES, min_size=2, max_size=6), data=st.data())
def test_a_range_of_lines_never_touched_has_no_commit(versions: list[list[str]], data: st.DataObject) -> None:
    # Versions change only around a fixed middle; whatever happens around it, the middle has no commit but its first.
    middle = ["X", "Y", "Z"]
    cuts = [data.draw(st.integers(0, len(version))) for version in versions]
    above = [version[:cut] for version, cut in zip(versions, cuts, strict=True)]
    below = [version[cut:] for version, cut in zip(versions, cuts, strict=True)]
    patches = []
    for number in range(1, len(versions)):
        hunks = [Hunk(1, len(above[number - 1]), 1, len(above[number]))]
        old, new = len(above[number - 1]) + 4, len(above[number]) + 4
        hunks.append(Hunk(old, len(below[number - 1]), new, len(below[number])))
        kept = tuple(hunk for hunk in hunks if hunk.old_count or hunk.new_count)
        patches.append(patch(number, FilePatch("a.py", "a.py", kept)))
    patches.insert(0, patch(0, FilePatch("", "a.py", (Hunk(1, 0, 1, len(above[0]) + 3 + len(below[0])),))))
    start = len(above[-1]) + 1
    spans = {"a.py": [Span("urn:m", start, start + len(middle) - 1)]}
    assert commits_by_definition(spans, reversed(patches)) == {"urn:m": [sha(0)]}


@pytest.mark.parametrize("bad", ["no-iri", "urn:x#y"])
def test_a_bad_project_iri_is_refused(bad: str) -> None:
    with pytest.raises(Exception, match="IRI"):
        list(history_quads(bad, history(commit(1)), set(), {}, _NOW))
