"""A repository's history as N-Quads of one named graph: commits, authors, churn, renames, who changed which definition.

Used by services after a build. Mail addresses never get into the graph: authors are known by the SHA-1 that FOAF
defines for that, and what looks like an address in a name or a subject is blotted out.
"""

import hashlib
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.core.commits import Commit, History
from orchestrator.kg.history.lines import Spans, commits_by_definition
from orchestrator.kg.history.names import PresentNames
from orchestrator.kg.rdf.terms import TYPE, base_iri, code, integer, literal, moment, path_part
from orchestrator.kg.rdf.vocabulary import DCT, FOAF, PROV

_ADDRESS = re.compile(r"[^\s<>()@,;:\"]+@[^\s<>()@,;:\"]+")
_OWN_DOMAIN = "@orchestrator.invalid"
_MOST_TEXT = 500


@dataclass(slots=True)
class _Churn:
    added: int = 0
    removed: int = 0
    former: dict[str, None] = field(default_factory=dict)


def history_graph(project_iri: str) -> str:
    """The IRI of the graph the history stands in."""
    return f"{base_iri(project_iri)}/history"


def history_quads(
    project_iri: str, history: History, present: Set[str], spans: Spans, read_at: datetime
) -> Iterator[str]:
    """The quads, as lines without a newline. ``present`` are the paths of the tree, ``spans`` its definitions."""
    writer = _Writer(base_iri(project_iri), history, present)
    tail = f" <{history_graph(project_iri)}> ."
    for triple in writer.run(read_at):
        yield triple + tail
    for triple in writer.commits():
        yield triple + tail
    for triple in writer.definitions(spans):
        yield triple + tail


class _Writer:
    def __init__(self, base: str, history: History, present: Set[str]) -> None:
        self._base = base
        self._history = history
        self._known = {commit.id for commit in history.commits}
        self._names = PresentNames(present, history.commits)
        self._people: dict[str, tuple[str, ...]] = {}
        self._churn: dict[str, _Churn] = {}

    def run(self, read_at: datetime) -> Iterator[str]:
        """About the reading itself: up to which commit, and what is missing."""
        run, history = f"<{self._base}/history-run>", self._history
        yield f"{run} {TYPE} {code('IndexRun')}"
        yield f"{run} {TYPE} <{PROV}Activity>"
        yield f"{run} {code('commit')} {literal(history.head)}"
        yield f"{run} <{PROV}used> {self._commit(history.head)}"
        yield f"{run} <{PROV}endedAtTime> {moment(read_at)}"
        for cut in sorted({history.cut, history.patches_cut} - {""}):
            yield f"{run} {code('historyCut')} {literal(cut)}"
        times = [at for commit in history.commits if (at := _time(commit.at)) is not None]
        if times:
            yield f"{run} {code('historySince')} {moment(min(times))}"

    def commits(self) -> Iterator[str]:
        """Commits, then the people and the files they tell of."""
        for commit in self._history.commits:
            yield from self._one(commit)
        for merge, brought in _merged(self._history):
            yield f"{self._commit(merge)} {code('merged')} {self._commit(brought)}"
        for triples in self._people.values():
            yield from triples
        for path, churn in self._churn.items():
            file = self._file(path)
            yield f"{file} {code('addedLines')} {integer(churn.added)}"
            yield f"{file} {code('removedLines')} {integer(churn.removed)}"
            for former in churn.former:
                yield f"{file} {code('formerPath')} {literal(former)}"

    def definitions(self, spans: Spans) -> Iterator[str]:
        """Which commits of the main line changed which definition."""
        patches = (patch for patch in self._history.patches if patch.commit in self._known)
        for iri, commits in commits_by_definition(spans, patches).items():
            yield f"<{iri}> {code('lastChangedIn')} {self._commit(commits[0])}"
            for commit in commits:
                yield f"{self._commit(commit)} {code('modified')} <{iri}>"

    def _one(self, commit: Commit) -> Iterator[str]:
        node, person = self._commit(commit.id), self._person(commit)
        yield f"{node} {TYPE} {code('Commit')}"
        yield f"{node} {TYPE} <{PROV}Activity>"
        yield f"{node} <{DCT}identifier> {literal('swh:1:rev:' + commit.id)}"
        yield f"{node} <{DCT}title> {literal(_without_addresses(commit.subject))}"
        yield f"{node} <{PROV}wasAssociatedWith> {person}"
        at = _time(commit.at)
        if at is not None:
            yield f"{node} <{PROV}endedAtTime> {moment(at)}"
        for parent in commit.parents:
            if parent in self._known:
                yield f"{node} <{PROV}wasInformedBy> {self._commit(parent)}"
        yield f"{node} {code('changedFiles')} {integer(len(commit.files))}"
        yield f"{node} {code('addedLines')} {integer(sum(file.added for file in commit.files))}"
        yield f"{node} {code('removedLines')} {integer(sum(file.removed for file in commit.files))}"
        yield from self._files(node, commit)

    def _files(self, node: str, commit: Commit) -> Iterator[str]:
        for path in dict.fromkeys(self._touched(commit)):
            yield f"{node} {code('changed')} {self._file(path)}"
        for file in commit.files:
            if file.status == "D":
                yield f"{node} {code('deletedPath')} {literal(file.path)}"

    def _touched(self, commit: Commit) -> Iterator[str]:
        for file, today in self._names.step(commit):
            if today is None:
                continue
            churn = self._churn.setdefault(today, _Churn())
            churn.added += file.added
            churn.removed += file.removed
            if file.status == "R" and file.old_path != today:
                churn.former[file.old_path] = None
            yield today

    def _person(self, commit: Commit) -> str:
        address = commit.email.strip().lower()
        digest = hashlib.sha1(f"mailto:{address}".encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
        node = f"<{self._base}/person/{digest}>"
        if node not in self._people:
            kind = "SoftwareAgent" if _is_program(commit) else "Person"
            name = _without_addresses(commit.author) or "unknown"
            self._people[node] = (
                f"{node} {TYPE} <{PROV}{kind}>",
                f"{node} <{FOAF}name> {literal(name)}",
                f"{node} <{FOAF}mbox_sha1sum> {literal(digest)}",
            )
        return node

    def _commit(self, commit: str) -> str:
        return f"<{self._base}/commit/{commit}>"

    def _file(self, path: str) -> str:
        return f"<{self._base}/file/{path_part(path)}>"


def _merged(history: History) -> Iterator[tuple[str, str]]:
    """For each commit of the main line those it brought in: what is behind it and not behind the one before it."""
    known = {commit.id: commit for commit in history.commits}
    main: list[str] = []
    here = history.head if history.head in known else ""
    while here:
        main.append(here)
        here = next((parent for parent in known[here].parents[:1] if parent in known), "")
    seen: set[str] = set()
    for merge in reversed(main):
        waiting = [merge]
        while waiting:
            commit = waiting.pop()
            if commit not in seen and commit in known:
                seen.add(commit)
                waiting.extend(known[commit].parents)
                if commit != merge:
                    yield merge, commit


def _is_program(commit: Commit) -> bool:
    return commit.author.endswith("[bot]") or commit.email.endswith(_OWN_DOMAIN)


def _time(written: str) -> datetime | None:
    """The time, or None for one that no calendar has: git stores whatever it was given."""
    try:
        at = datetime.fromisoformat(written)
        moment(at)
    except (ValueError, OverflowError):
        return None
    return at


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub("(address)", text[:_MOST_TEXT]).strip()
