"""Which commits changed which definitions: line ranges of the present tree, followed back through patches.

Used by the history writer and for the diffs of tasks. Needs the main line newest first, each commit against its first
parent: then a range can be carried from one commit to the one before. It ends where its lines were written as a whole.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from orchestrator.core.commits import CommitPatch, FilePatch, Hunk

_MOST_COMMITS = 50


class Span(NamedTuple):
    """A definition: its IRI and its lines, from 1, both included."""

    iri: str
    start: int
    end: int


Spans = Mapping[str, Sequence[Span]]


def commits_by_definition(
    spans: Spans, patches: Iterable[CommitPatch], most: int = _MOST_COMMITS
) -> dict[str, list[str]]:
    """The commits that changed each definition, newest first, at most ``most`` each. ``spans`` is by present path."""
    tracked: dict[str, Sequence[Span]] = dict(spans)
    changed: dict[str, list[str]] = defaultdict(list)
    for patch in patches:
        # All files of a commit leave their new names before any takes its old one: names may be swapped.
        found = [(file, tracked.pop(file.path, ())) for file in patch.files if file.path]
        for file, current in found:
            kept = []
            for span in current:
                if touches(span, file.hunks):
                    changed[span.iri].append(patch.commit)
                before = _carried(span, file.hunks)
                if before is not None and len(changed[span.iri]) < most:
                    kept.append(before)
            if kept and file.old_path:
                tracked[file.old_path] = kept
    return {iri: commits for iri, commits in changed.items() if commits}


def definitions_before(spans: Spans, files: Iterable[FilePatch]) -> set[str]:
    """The definitions of a tree whose lines a patch to that tree removes, replaces or adds to."""
    swapped = [(file.old_path, [Hunk(new, news, old, olds) for old, olds, new, news in file.hunks]) for file in files]
    return {span.iri for path, hunks in swapped for span in spans.get(path, ()) if touches(span, hunks)}


def touches(span: Span, hunks: Sequence[Hunk]) -> bool:
    """Whether lines of a range were written, or lines between two of its lines were removed."""
    for _, _, new, news in hunks[max(0, bisect_right(hunks, span.start, key=_new_start) - 1) :]:
        if new > span.end:
            return False
        if (new + news > span.start) if news else (new > span.start):
            return True
    return False


def _carried(span: Span, hunks: Sequence[Hunk]) -> Span | None:
    """The range before the hunks, or None where it was not there, or not apart from other lines."""
    first = hunks[max(0, bisect_right(hunks, span.start, key=_new_start) - 1)] if hunks else None
    if first is not None and first.new_start <= span.start and span.end < first.new_start + first.new_count:
        whole = (first.new_start, first.new_start + first.new_count - 1) == (span.start, span.end)
        if not whole or not first.old_count:
            return None
    start, end = _old_line(span.start, hunks, from_top=True), _old_line(span.end, hunks, from_top=False)
    return Span(span.iri, start, end) if start <= end else None


def _old_line(line: int, hunks: Sequence[Hunk], *, from_top: bool) -> int:
    """Where a line was. Inside a replaced run, the place as far from the run's top, or bottom, as it is now."""
    at = bisect_right(hunks, line, key=_new_start) - 1
    if at < 0:
        return line
    old, olds, new, news = hunks[at]
    if line >= new + news:
        return line - (new + news) + old + olds
    if from_top:
        return old + min(line - new, olds)
    return old + olds - 1 - min(new + news - 1 - line, olds)


def _new_start(hunk: Hunk) -> int:
    return hunk.new_start
