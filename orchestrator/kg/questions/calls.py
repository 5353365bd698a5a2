"""Questions about direct calls: who calls a symbol, what it calls, and what was only seen at run time."""

from orchestrator.kg.questions import texts
from orchestrator.kg.questions.asking import Answer, Asker, Row, place
from orchestrator.kg.rdf.terms import literal

_SHOWN = 5
_MOST_NAMES = 20


async def callers(asker: Asker, symbol: str) -> Answer:
    """Sites that call, or may call, a symbol; for a class, that make one. Raises NotFound (field ``symbol``)."""
    found = await asker.resolve(symbol)
    rows, observed = await asker.about(found, texts.CALLERS, texts.OBSERVED_CALLERS)
    named = await asker.rows(texts.UNRESOLVED_BY_NAME, {"name": literal(found.name)})
    unknown = (await asker.knowledge()).of_calls()
    if named:
        names = ", ".join(row["symbol"] for row in named[:_SHOWN])
        unknown.append(
            f"{len(named)} symbols also call something named {found.name!r} that could not be resolved: {names}"
        )
    about = {"symbol": found.qualified_name, "iri": found.iri}
    return Answer(about, {"callers": told(rows, observed)}, unknown)


async def callees(asker: Asker, symbol: str) -> Answer:
    """What a symbol calls, or may call, and at which lines. Raises NotFound (field ``symbol``)."""
    found = await asker.resolve(symbol)
    rows, observed, missing = await asker.about(found, texts.CALLEES, texts.OBSERVED_CALLEES, texts.UNRESOLVED_OF)
    unknown = (await asker.knowledge()).of_calls()
    if missing:
        names = ", ".join(sorted({row["name"] for row in missing})[:_MOST_NAMES])
        sites = sum({row["x"]: int(row["sites"]) for row in missing}.values())
        unknown.append(f"{sites} call sites in it have no certain target; they call {names}")
    about = {"symbol": found.qualified_name, "iri": found.iri}
    return Answer(about, {"callees": told(rows, observed)}, unknown)


async def unseen_calls(asker: Asker, path: str, limit: int) -> Answer:
    """Calls that test runs made and the code alone does not show, of callers in files whose path begins so."""
    rows = await asker.rows(texts.UNSEEN, {"path": literal(path)})
    knowledge = await asker.knowledge()
    unknown = [] if knowledge.observed else ["No test run was traced: no call was seen at run time."]
    shown = [{"caller": row["caller"], "callee": row["callee"], "path": row["file"]} for row in rows]
    return Answer({"path": path}, {"calls": shown}, unknown, limit)


def told(rows: list[Row], observed: list[Row]) -> list[Row]:
    """Call sites, certain ones first; each line of a file once per symbol and certainty.

    A caller that was only seen at run time comes with the line its definition begins at.
    """
    seen = {row["iri"] for row in observed}
    found = {
        (row["certainty"], row["symbol"], row.get("path", ""), row["line"]): {
            **place(row), "certainty": row["certainty"], "rule": row["rule"].rpartition("rule-")[2],
        } | ({"observed": True} if row["iri"] in seen else {})
        for row in rows
    }  # fmt: skip
    static = {row["iri"] for row in rows}
    for row in observed:
        if row["iri"] not in static:
            key = ("observedCall", row["symbol"], row.get("path", ""), row.get("line", "0"))
            found[key] = {**place(row), "certainty": "observedCall"}
    order = {"calls": 0, "observedCall": 1, "mayCall": 2}
    return [found[key] for key in sorted(found, key=lambda key: (order[key[0]], *key[1:3], int(key[3])))]
