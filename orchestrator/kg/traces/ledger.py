"""What was seen in the last runs, kept beside a project's graph: calls and covered functions by file version.

    <folder>/traces/ledger    one file, replaced whole

A version that the tree does not have any more, or not yet, stays for as long as its runs: a branch that comes back
finds its calls again. Written and read by the one indexer of the folder, and read by builds. It knows no RDF.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from orchestrator.kg.traces.match import Seen, Symbol
from orchestrator.kg.traces.read import Version

MOST_RUNS = 50
MOST_CALLS = 500_000
MOST_COVERED = 1_000_000
TESTS_PER_FUNCTION = 100
_FOLDER, _LEDGER = "traces", "ledger"


class Run(msgspec.Struct, frozen=True):
    """A traced run: its id, when it ended (ISO 8601, UTC), what ran, the task it belongs to, what is not told of it.

    ``stale``: files that ran in a version the graph did not know; ``left_out``: observations beyond the limits.
    """

    id: str
    ended_at: str
    label: str
    task: str = ""
    stale: int = 0
    left_out: int = 0


class Call(msgspec.Struct, array_like=True):
    """How often a call was seen: in so many runs, last in that one, first from that line of the caller."""

    runs: int
    last: str
    line: int


class FileSeen(msgspec.Struct):
    """What starts in one version of a file: calls by caller, covered functions by test ("" for none)."""

    calls: dict[str, dict[Symbol, Call]] = msgspec.field(default_factory=dict)
    covered: dict[str, dict[Symbol, str]] = msgspec.field(default_factory=dict)


class _Stored(msgspec.Struct):
    runs: list[Run]
    files: list[tuple[Version, list[tuple[str, Symbol, Call]], list[tuple[str, Symbol, str]]]]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Stored)


class Ledger:
    """The ledger of one project, in memory."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self.runs = list(runs)
        self.files: dict[Version, FileSeen] = {}

    def add(self, run: Run, seen: Seen) -> Run:
        """Take a run in, and forget what only runs beyond the last ones saw. Returns the run with its counts.

        A run that is known by its id is not counted again.
        """
        known = next((one for one in self.runs if one.id == run.id), None)
        if known is not None:
            return known
        left_out = self._add_calls(run, seen) + self._add_covered(run, seen)
        run = msgspec.structs.replace(run, stale=len(seen.stale), left_out=left_out + seen.dropped)
        self.runs = [*self.runs, run][-MOST_RUNS:]
        self._forget()
        return run

    def _add_calls(self, run: Run, seen: Seen) -> int:
        count = sum(len(found) for one in self.files.values() for found in one.calls.values())
        left_out = 0
        for (caller, callee), line in seen.calls.items():
            found = self.files.setdefault(caller.file, FileSeen()).calls.setdefault(caller.name, {})
            known = found.get(callee)
            if known is not None:
                found[callee] = Call(known.runs + 1, run.id, known.line)
            elif count < MOST_CALLS:
                found[callee] = Call(1, run.id, line)
                count += 1
            else:
                left_out += 1
        return left_out

    def _add_covered(self, run: Run, seen: Seen) -> int:
        """A function that very many tests reach is told of the first of them only: more would say little."""
        tests: dict[Symbol, int] = {}
        for one in self.files.values():
            for found in one.covered.values():
                for function in found:
                    tests[function] = tests.get(function, 0) + 1
        count, left_out = sum(tests.values()), 0
        for test, functions in seen.covered.items():
            for function in functions:
                subject = test or Symbol(function.file, "")
                found = self.files.setdefault(subject.file, FileSeen()).covered.setdefault(subject.name, {})
                if function not in found:
                    if count >= MOST_COVERED or tests.get(function, 0) >= TESTS_PER_FUNCTION:
                        left_out += 1
                        continue
                    count += 1
                    tests[function] = tests.get(function, 0) + 1
                found[function] = run.id
        return left_out

    def _forget(self) -> None:
        kept = {run.id for run in self.runs}
        for version, one in list(self.files.items()):
            for caller, calls in list(one.calls.items()):
                one.calls[caller] = {to: call for to, call in calls.items() if call.last in kept}
            for test, functions in list(one.covered.items()):
                one.covered[test] = {to: last for to, last in functions.items() if last in kept}
            if not any(one.calls.values()) and not any(one.covered.values()):
                del self.files[version]


def load_ledger(folder: Path) -> Ledger:
    """The ledger below a graph's folder; empty where there is none, or none that can be read."""
    try:
        stored = _DECODER.decode((folder / _FOLDER / _LEDGER).read_bytes())
    except (OSError, msgspec.DecodeError):
        return Ledger()
    ledger = Ledger(stored.runs)
    for version, calls, covered in stored.files:
        one = ledger.files[version] = FileSeen()
        for caller, callee, call in calls:
            one.calls.setdefault(caller, {})[callee] = call
        for test, function, last in covered:
            one.covered.setdefault(test, {})[function] = last
    return ledger


def save_ledger(folder: Path, ledger: Ledger) -> None:
    """Replace the ledger, whole or not at all."""
    stored = _Stored(
        ledger.runs,
        [
            (
                version,
                [(caller, callee, call) for caller, found in one.calls.items() for callee, call in found.items()],
                [(test, function, last) for test, found in one.covered.items() for function, last in found.items()],
            )
            for version, one in ledger.files.items()
        ],
    )
    (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
    draft = folder / _FOLDER / f"{_LEDGER}.new"
    with draft.open("wb") as file:
        file.write(_ENCODER.encode(stored))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / _FOLDER / _LEDGER)


def stamp(folder: Path) -> tuple[int, int]:
    """Another one whenever the ledger was replaced."""
    try:
        status = (folder / _FOLDER / _LEDGER).stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_mtime_ns
