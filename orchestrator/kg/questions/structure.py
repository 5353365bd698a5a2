"""Questions about structure: outlines, public API, what nothing uses, imports in circles, configuration, libraries."""

from collections import defaultdict
from urllib.parse import unquote

from orchestrator.core.errors import NotFound
from orchestrator.kg.questions import texts, texts_structure
from orchestrator.kg.questions.asking import Answer, Asker, Row, given, place, values
from orchestrator.kg.questions.circles import circles
from orchestrator.kg.rdf.terms import literal, path_part

_MOST_BELOW = 5000
_FEW_FILES = 150
_DYNAMIC = "Properties that are only read, names looked up by text, and uses outside this repository cannot be seen."


async def outline(asker: Asker, path: str) -> Answer:
    """The symbols of a file in order, with signatures and first docstring lines. Raises NotFound (field ``path``)."""
    wanted = given(path, "path")
    bound = {"path": literal(wanted)}
    files, rows = await asker.together((texts.FILE, bound), (texts.OUTLINE, bound))
    if not files:
        raise NotFound(f"the graph has no file {wanted}", field="path")
    unknown = []
    if "lines" not in files[0]:
        unknown.append("This file is not in a language the graph reads, or was skipped: only its name is known.")
    broken = sorted(int(row["problem"]) for row in files if "problem" in row)
    if broken:
        unknown.append(f"The file has broken syntax at line {broken[0]}: some symbols may be missing.")
    shown = [{key: value for key, value in place(row).items() if key != "path"} for row in rows]
    return Answer({"path": wanted}, {"symbols": shown}, unknown)


async def public_api(asker: Asker, path: str, limit: int) -> Answer:
    """Public classes, functions and methods of files whose path begins so; tests and what is nested are left out."""
    rows = await _outside_tests(asker, texts_structure.PUBLIC_API, path)
    unknown = ["Public is told by names and scopes; what a package exports otherwise is not told."]
    return _listed(path, "symbols", rows, limit, unknown)


async def dead_code(asker: Asker, path: str, limit: int, *, public: bool) -> Answer:
    """Functions that nothing known reaches. ``named``: somebody calls that name without a known target."""
    (rows,) = await _below(asker, path, texts_structure.DEAD_CODE)
    rows = [row for row in rows if public or row["visibility"].endswith("internal")]
    rows.sort(key=lambda row: row["named"] == "true")
    unknown = [_DYNAMIC, *(await asker.knowledge()).of_calls()]
    return _listed(path, "candidates", rows, limit, unknown)


async def untested(asker: Asker, path: str, limit: int) -> Answer:
    """Public functions that no test calls itself; tests may reach them through others (tests_reaching tells)."""
    rows = await _outside_tests(asker, texts_structure.UNTESTED, path)
    unknown = ["Only direct calls of tests count here; tests_reaching follows calls."]
    return _listed(path, "symbols", rows, limit, [*unknown, *(await asker.knowledge()).of_calls()])


async def overrides(asker: Asker, symbol: str) -> Answer:
    """Subclasses and overriding methods, at any depth."""
    found = await asker.resolve(symbol)
    (members,) = await asker.about(found, texts.MEMBERS)
    frontier = [*found.iris, *(row["iri"] for row in members)]
    below: dict[str, Row] = {}
    while frontier and len(below) < _MOST_BELOW:
        rows = await asker.rows(texts_structure.BELOW.replace("#VALUES#", values(frontier)))
        frontier = [row["iri"] for row in rows if row["iri"] not in below]
        below |= {row["iri"]: row for row in rows}
    shown = [{**place(row), "how": row["how"]} for row in below.values()]
    unknown = ["Classes made at run time, and subclasses outside this repository, are unknown."]
    return Answer({"symbol": found.qualified_name, "iri": found.iri}, {"found_below": shown}, unknown)


async def import_cycles(asker: Asker, path: str) -> Answer:
    """Groups of modules that import each other at their top level, with one shortest circle of each group."""
    rows = await asker.rows(texts_structure.IMPORTS)
    edges: dict[str, set[str]] = defaultdict(set)
    files = {row["from"]: row["at"] for row in rows}
    for row in rows:
        edges[row["from"]].add(row["to"])
    groups = [
        {"modules": sorted(group), "circle": circle}
        for group, circle in circles(edges)
        if any(files.get(module, "").startswith(path) for module in group)
    ]
    unknown = ["Imports inside functions are left out; imports only for type checkers are counted."]
    return Answer({"path": path}, {"cycles": sorted(groups, key=lambda one: len(one["modules"]))}, unknown)


async def config_reads(asker: Asker, key: str) -> Answer:
    """Configuration keys with the symbols that read them."""
    text = texts_structure.CONFIG_KEY if key else texts_structure.CONFIG
    rows = await asker.rows(text, {"ending": literal(f"/{path_part(key)}")} if key else {})
    readers: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        source, _, name = row["node"].partition("/config/")[2].partition("/")
        if not key or unquote(name) == key:
            readers[unquote(name), source].append(place(row))
    shown = [{"key": name, "source": source, "read_by": found} for (name, source), found in sorted(readers.items())]
    unknown = ["Keys that are put together at run time, and reads through helpers, are not seen."]
    return Answer({"key": key} if key else {}, {"keys": shown}, unknown)


async def users_of_dependency(asker: Asker, name: str, limit: int) -> Answer:
    """Symbols that import a library from outside, mostly modules, and the manifests that declare it."""
    wanted = given(name, "name")
    imported = wanted.replace("-", "_")
    rows, declared = await asker.together(
        (texts_structure.EXTERNAL_USERS, {"name": literal(imported)}),
        (texts_structure.DECLARED, {"name": literal(wanted)}),
    )
    users: dict[str, Row] = {}
    for row in rows:
        user = users.setdefault(row["symbol"], {**place(row), "imports": []})
        user["imports"].append(row["imported"])
    shown = [{key: value for key, value in row.items() if key != "name"} for row in declared]
    unknown = [] if rows else ["A library may be imported under another name than it is declared by."]
    return Answer({"name": wanted}, {"users": list(users.values()), "declared": shown}, unknown, limit)


async def _below(asker: Asker, path: str, *asked: str) -> list[list[Row]]:
    """The rows of several queries about files whose path begins so."""
    bound = {"path": literal(path)}
    files = await asker.rows(texts_structure.FILES, bound)
    if len(files) <= _FEW_FILES:
        which, bound = f"VALUES ?file {{ {values([row['file'] for row in files])} }} ?file c:path ?at .", {}
    else:
        which = texts_structure.ANY_FILE
    return await asker.together(*((text.replace("#FILES#", which), bound) for text in asked))


async def _outside_tests(asker: Asker, text: str, path: str) -> list[Row]:
    """The rows that do not stand in a file with tests."""
    rows, tests = await _below(asker, path, text, texts_structure.TEST_FILES)
    files = {row["at"] for row in tests}
    return [row for row in rows if row["at"] not in files]


def _listed(path: str, name: str, rows: list[Row], limit: int, unknown: list[str]) -> Answer:
    """Symbols of many files: their path is in ``at``, because ``path`` was asked for."""
    shown = [
        place({**row, "path": row["at"]}) | ({"named": True} if row.get("named") == "true" else {}) for row in rows
    ]
    return Answer({"path": path}, {name: shown}, unknown, limit)
