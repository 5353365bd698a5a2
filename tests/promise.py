"""The shape of a promise. The promises themselves are in ``promises``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """A promised behaviour. ``tests`` are paths below tests/ with a test's name; ``deferred`` is why there is none."""

    id: str
    source: str
    sentence: str
    tests: tuple[str, ...] = ()
    deferred: str = ""


def promise(name: str, source: str, sentence: str, *tests: str, deferred: str = "") -> Promise:
    """One promise with the tests that show it."""
    return Promise(name, source, sentence, tests, deferred)
