"""A made graph of a million triples in our own vocabulary, in the shape of a large Python project. For benchmarks.

Numbers of files, definitions, call sites and imports are Django's; who calls what is drawn from a skewed distribution
with a fixed seed, so every run asks the same graph. One named graph per file, and one each for history and work.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from orchestrator.kg.rdf.vocabulary import CODE, FOAF, PROV, RDF, RDFS, XSD

BASE = "urn:orchestrator:project:bench"
HUB = f"{BASE}/symbol/pkg0/mod0.py#f0"
HUB_FILE = f"{BASE}/file/pkg0/mod0.py"
HUB_NAME = "pkg0.mod0.f0"
LEAF = f"{BASE}/symbol/pkg7/mod11.py#f3"

_FILES, _PER_FILE, _PACKAGES = 2_823, 16, 60
_SITES = 70_763
_COMMITS, _TASKS = 32_000, 3_000
_WORDS = (
    "query", "value", "field", "model", "request", "transaction", "cache", "url", "template", "form", "signal",
    "session", "test", "handler", "node",
)  # fmt: skip
_TYPE, _LABEL, _COMMENT = f"<{RDF}type>", f"<{RDFS}label>", f"<{RDFS}comment>"


def write_graph(path: Path) -> int:
    """Write the graph as N-Quads; returns the number of lines, which are all different."""
    count = 0
    with path.open("w") as out:
        for line in _lines(random.Random(20261124)):
            out.write(line)
            count += 1
    return count


def _c(name: str) -> str:
    return f"<{CODE}{name}>"


def _path(file: int) -> str:
    return f"pkg{file % _PACKAGES}/mod{file // _PACKAGES}.py"


def _symbol(number: int) -> str:
    file, place = divmod(number, _PER_FILE)
    return f"<{BASE}/symbol/{_path(file)}#f{place}>"


def _name(number: int) -> str:
    file, place = divmod(number, _PER_FILE)
    return f"{_path(file)[:-3].replace('/', '.')}.f{place}"


def _lines(chance: random.Random) -> Iterator[str]:
    sites = _call_sites(chance)
    for file in range(_FILES):
        tail = f" <{BASE}/file/{_path(file)}@{file:040x}> .\n"
        for subject, predicate, value in _file(chance, file, sites.get(file, [])):
            yield f"{subject} {predicate} {value}{tail}"
    yield from _history(chance)
    yield from _work(chance)


def _call_sites(chance: random.Random) -> dict[int, list[tuple[int, int]]]:
    """Caller and callee by the caller's file: few functions are called by many, as in real code."""
    definitions = _FILES * _PER_FILE
    sites: dict[int, list[tuple[int, int]]] = {}
    for _ in range(_SITES):
        caller = chance.randrange(definitions)
        callee = min(int(definitions * chance.random() ** 4), definitions - 1)
        sites.setdefault(caller // _PER_FILE, []).append((caller, callee))
    return sites


def _file(chance: random.Random, file: int, sites: list[tuple[int, int]]) -> Iterator[tuple[str, str, str]]:
    path = _path(file)
    subject, module = f"<{BASE}/file/{path}>", f"<{BASE}/symbol/{path}>"
    yield subject, _TYPE, _c("SourceFile")
    yield subject, _c("path"), f'"{path}"'
    yield subject, _c("lines"), f'"{chance.randrange(20, 900)}"^^<{XSD}integer>'
    yield module, _TYPE, _c("Module")
    yield module, _c("definedIn"), subject
    yield module, _c("qualifiedName"), f'"{path[:-3].replace("/", ".")}"'
    for other in {chance.randrange(max(file, 1)) for _ in range(6)} | {(file + _PACKAGES) % _FILES}:
        yield module, _c("imports"), f"<{BASE}/symbol/{_path(other)}>"
    for number in range(file * _PER_FILE, (file + 1) * _PER_FILE):
        yield from _definition(chance, file, number, subject)
    for index, (caller, callee) in enumerate(sites):
        yield from _site(f"<{BASE}/symbol/{path}#call{index}>", caller, callee, chance.randrange(900))
    for caller, callee in sorted(set(sites)):
        yield _symbol(caller), _c("calls"), _symbol(callee)


def _definition(chance: random.Random, file: int, number: int, subject: str) -> Iterator[tuple[str, str, str]]:
    symbol, label = _symbol(number), f"{'get' if number % 7 == 0 else 'do'}_{chance.choice(_WORDS)}_{number}"
    kind = "Class" if number % _PER_FILE == 15 else "TestCase" if file % 3 == 0 and number % 2 else "Function"
    yield symbol, _TYPE, _c(kind)
    yield symbol, _LABEL, f'"{label}"'
    yield symbol, _c("qualifiedName"), f'"{_name(number)}"'
    yield symbol, _c("definedIn"), subject
    yield symbol, _c("startLine"), f'"{number % _PER_FILE * 40 + 1}"^^<{XSD}integer>'
    yield symbol, _c("endLine"), f'"{number % _PER_FILE * 40 + 39}"^^<{XSD}integer>'
    yield symbol, _c("visibility"), _c("internal" if number % 5 == 0 else "public")
    if number % 3 == 0:
        yield symbol, _COMMENT, f'"Does what {" ".join(chance.choices(_WORDS, k=9))} needs."'
    if kind == "Class" and file:
        yield symbol, _c("extends"), _symbol(chance.randrange(file) * _PER_FILE + 15)


def _site(site: str, caller: int, callee: int, line: int) -> Iterator[tuple[str, str, str]]:
    yield site, _TYPE, _c("CallSite")
    yield site, _c("caller"), _symbol(caller)
    yield site, _c("callee"), _symbol(callee)
    yield site, _c("startLine"), f'"{line}"^^<{XSD}integer>'
    yield site, _c("resolution"), _c("rule-import")


def _history(chance: random.Random) -> Iterator[str]:
    tail = f" <{BASE}/history> .\n"
    for author in range(200):
        yield f'<{BASE}/person/{author}> <{FOAF}name> "Author {author}"{tail}'
    for number in range(_COMMITS):
        commit = f"<{BASE}/commit/{number:040x}>"
        yield f"{commit} {_TYPE} {_c('Commit')}{tail}"
        yield f"{commit} <{PROV}wasAssociatedWith> <{BASE}/person/{int(200 * chance.random() ** 2)}>{tail}"
        yield f'{commit} <{PROV}endedAtTime> "2026-01-01T00:00:{number % 60:02}Z"^^<{XSD}dateTime>{tail}'
        for file in {int(_FILES * chance.random() ** 1.25) for _ in range(3)}:
            yield f"{commit} {_c('changed')} <{BASE}/file/{_path(file)}>{tail}"


def _work(chance: random.Random) -> Iterator[str]:
    tail = f" <{BASE}/work> .\n"
    for number in range(_TASKS):
        task, run = f"<{BASE}/task/{number}>", f"<{BASE}/test-run/{number}>"
        yield f"{task} {_TYPE} {_c('Task')}{tail}"
        yield f"{task} {_c('modified')} {_symbol(int(_FILES * _PER_FILE * chance.random() ** 3))}{tail}"
        yield f"{run} {_TYPE} {_c('TestRun')}{tail}"
        yield f"{run} <{PROV}wasInformedBy> {task}{tail}"
        yield f"{run} {_c('outcome')} {_c('failed' if number % 10 == 0 else 'passed')}{tail}"
