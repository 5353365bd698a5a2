"""Acceptance criteria: what must hold of a task's result before it counts as done, and how each of them came out.

Checked where a task is handed in, read again by the verifier. A criterion is a command, a selection of tests, or a
SPARQL ASK over the graph of the result. ``unknown`` is never ``passed``. Nothing here runs anything.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.core.errors import InvalidInput

MOST_CRITERIA = 32
MOST_SECONDS = 7200.0
USUAL_SECONDS = 600.0
_MOST_ARGUMENTS, _LONGEST_ARGUMENT, _LONGEST_NAME, _LONGEST_QUERY = 256, 8192, 100, 100_000
_ASK = re.compile(r"\bASK\b", re.IGNORECASE)


class CriterionKind(StrEnum):
    """How a criterion is checked. ``merge`` is the one every change has: that it merges with the present base."""

    COMMAND = "command"
    TESTS = "tests"
    ASK = "ask"
    MERGE = "merge"


class Verdict(StrEnum):
    """How a criterion came out; ``unknown``: it could not be checked, which is no pass."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion; which fields count depends on its kind."""

    kind: CriterionKind
    name: str
    timeout: float = USUAL_SECONDS
    command: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    runner: tuple[str, ...] = ()
    query: str = ""
    expects: bool = True
    network: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """How one criterion came out, on which commit. ``output`` is the end of what it wrote; ``pointer`` the whole."""

    number: int
    name: str
    kind: CriterionKind
    verdict: Verdict
    commit: str
    why: str = ""
    exit_code: int | None = None
    output: str = ""
    pointer: dict[str, Any] | None = None
    seconds: float = 0.0
    enclosed: bool | None = None

    def told(self) -> dict[str, Any]:
        """What an event, a result and an error say of it; its output is stored beside."""
        return {
            "name": self.name, "kind": self.kind, "verdict": self.verdict, "why": self.why,
            "exit_code": self.exit_code, "seconds": round(self.seconds, 3), "commit": self.commit,
        }  # fmt: skip


def is_met(proofs: Sequence[Proof]) -> bool:
    """Whether every criterion passed."""
    return all(proof.verdict == Verdict.PASSED for proof in proofs)


def criteria(given: Sequence[Any], *, has_project: bool = True) -> tuple[Criterion, ...]:
    """The criteria as they were asked for; InvalidInput names the one and the field, as ``acceptance[0].command``."""
    if len(given) > MOST_CRITERIA:
        raise InvalidInput(f"at most {MOST_CRITERIA} acceptance criteria", field="acceptance")
    if given and not has_project:
        raise InvalidInput("acceptance criteria are checked on a project's files: name it", field="project_id")
    read = tuple(_Reader(one, f"acceptance[{number}]").read() for number, one in enumerate(given))
    names = [one.name for one in read]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise InvalidInput("two criteria have this name", field=f"acceptance[{number}].name")
    return read


_FIELDS: dict[str, frozenset[str]] = {
    CriterionKind.COMMAND: frozenset({"command", "network"}),
    CriterionKind.TESTS: frozenset({"select", "runner", "network"}),
    CriterionKind.ASK: frozenset({"query", "expects"}),
}
_OF_ALL = frozenset({"kind", "name", "timeout"})


class _Reader:
    """Reads one criterion."""

    def __init__(self, given: Any, place: str) -> None:
        if not isinstance(given, Mapping):
            raise InvalidInput("a criterion is an object with a kind", field=place)
        self._given, self._place = given, place

    def read(self) -> Criterion:
        kind = self._given.get("kind")
        if not isinstance(kind, str) or kind not in _FIELDS:
            raise self._wrong("kind", f"one of {', '.join(_FIELDS)} is expected")
        for name in self._given:
            if name not in _FIELDS[kind] | _OF_ALL:
                raise self._wrong(str(name)[:50], f"a criterion of kind {kind} has no such field")
        own = {"command": self._command, "tests": self._tests, "ask": self._ask}[kind]()
        usual = " ".join(own.get("command") or own.get("select") or ("ASK",))
        name = self._text("name", _LONGEST_NAME, " ".join(usual.split())[:_LONGEST_NAME])
        return Criterion(CriterionKind(kind), name, self._timeout(), **own)

    def _command(self) -> dict[str, Any]:
        return {"command": self._words("command", needed=True), "network": self._flag("network", usual=False)}

    def _tests(self) -> dict[str, Any]:
        select = self._words("select", needed=True)
        for number, word in enumerate(select):
            if word.startswith("-"):
                raise self._wrong(f"select[{number}]", "a test is named by its path or node id, not by an option")
        runner = self._words("runner", needed=False)
        return {"select": select, "runner": runner, "network": self._flag("network", usual=False)}

    def _ask(self) -> dict[str, Any]:
        query = self._text("query", _LONGEST_QUERY, "")
        if not _ASK.search(query):
            raise self._wrong("query", "a SPARQL ASK query is expected")
        return {"query": query, "expects": self._flag("expects", usual=True)}

    def _words(self, name: str, *, needed: bool) -> tuple[str, ...]:
        words = self._given.get(name, None if needed else [])
        if not isinstance(words, list) or len(words) > _MOST_ARGUMENTS or (needed and not words):
            raise self._wrong(name, f"a list of words is expected, at most {_MOST_ARGUMENTS}")
        for number, word in enumerate(words):
            if not isinstance(word, str) or len(word) > _LONGEST_ARGUMENT or "\0" in word:
                raise self._wrong(f"{name}[{number}]", "a text is expected")
        if words and not words[0].strip():
            raise self._wrong(f"{name}[0]", "this is empty")
        return tuple(words)

    def _text(self, name: str, longest: int, usual: str) -> str:
        text = self._given.get(name, usual)
        if not isinstance(text, str) or not text.strip() or len(text) > longest or "\0" in text:
            raise self._wrong(name, f"a text of at most {longest} characters is expected")
        return text

    def _flag(self, name: str, *, usual: bool) -> bool:
        flag = self._given.get(name, usual)
        if not isinstance(flag, bool):
            raise self._wrong(name, "true or false is expected")
        return flag

    def _timeout(self) -> float:
        seconds = self._given.get("timeout", USUAL_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
            raise self._wrong("timeout", f"seconds above 0 are expected, at most {MOST_SECONDS:g}")
        return float(seconds)

    def _wrong(self, name: str, message: str) -> InvalidInput:
        return InvalidInput(message, field=f"{self._place}.{name}")
