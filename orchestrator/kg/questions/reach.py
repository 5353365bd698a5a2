"""Questions that follow calls: what a change reaches, which tests reach a symbol, the way between two symbols."""

from orchestrator.kg.questions import texts
from orchestrator.kg.questions.asking import Answer, Asker, Row, Symbol, place, values

_MOST_REACHED = 2000
_MOST_STEPS = 15
_ENOUGH_TESTS = 100


async def impact(asker: Asker, symbol: str, depth: int) -> Answer:
    """What a change of a symbol may reach: callers, subclasses and overriding methods, up to ``depth`` steps away.

    ``certainty`` is ``calls`` where every step on some shortest way is certain, else ``mayCall``.
    """
    found = await asker.resolve(symbol)
    (members,) = await asker.about(found, texts.MEMBERS)
    frontier = dict.fromkeys(found.iris, "calls") | {row["iri"]: "calls" for row in members}
    reached: dict[str, Row] = {}
    seen = dict(frontier)
    for distance in range(1, depth + 1):
        if not frontier or len(reached) >= _MOST_REACHED:
            break
        rows = await asker.rows(texts.DEPENDENTS.replace("#VALUES#", values(sorted(frontier))))
        frontier = _step(rows, seen, reached, distance)
    unknown = (await asker.knowledge()).of_calls()
    if frontier:
        unknown.append(f"There may be more beyond {depth} steps or {_MOST_REACHED} symbols.")
    ordered = sorted(reached.values(), key=lambda row: (row["distance"], row["certainty"], row["symbol"]))
    return Answer({"symbol": found.qualified_name, "iri": found.iri}, {"reached": ordered}, unknown)


def _step(rows: list[Row], seen: dict[str, str], reached: dict[str, Row], distance: int) -> dict[str, str]:
    """Take one step's rows in: what is new, or now certain, goes on."""
    following: dict[str, str] = {}
    for row in rows:
        certain = row["certainty"] == "calls" and seen[row["target"]] == "calls"
        known = reached.get(row["iri"])
        if row["iri"] in seen and not (certain and known and known["certainty"] == "mayCall"):
            continue
        seen[row["iri"]] = following[row["iri"]] = "calls" if certain else "mayCall"
        told = {**place(row), "certainty": seen[row["iri"]], "distance": distance}
        reached[row["iri"]] = {**told, "distance": known["distance"]} if known else told
    return following


async def tests_reaching(asker: Asker, symbol: str) -> Answer:
    """Tests seen to run a symbol or reaching it by certain calls, then those that may reach it."""
    found = await asker.resolve(symbol)
    (certain,) = await asker.about(found, texts.TESTS)
    enough = len(certain) >= _ENOUGH_TESTS
    (cautious,) = await asker.about(found, texts.TESTS_CAUTIOUS) if not enough else ([],)
    sure = {row["iri"] for row in certain}
    tests = [{**place(row), "certainty": "calls"} for row in _once(certain)]
    tests += [{**place(row), "certainty": "mayCall"} for row in _once(cautious) if row["iri"] not in sure]
    unknown = (await asker.knowledge()).of_calls()
    if enough:
        unknown.insert(0, f"{len(sure)} tests reach it for certain: those that only may were not looked for.")
    return Answer({"symbol": found.qualified_name, "iri": found.iri}, {"tests": tests}, unknown)


async def path_between(asker: Asker, start: str, end: str) -> Answer:
    """A shortest way of calls from one symbol to another: of certain calls if there is one, else of possible ones."""
    source, target = await asker.resolve(start, "start"), await asker.resolve(end, "end")
    unknown = (await asker.knowledge()).of_calls()
    about: Row = {"start": source.qualified_name, "end": target.qualified_name}
    for certainty, text in (("calls", texts.STEPS), ("mayCall", texts.STEPS_CAUTIOUS)):
        came_from, cut = await _walk(asker, source, target, text)
        reached = [one for one in target.iris if one in came_from]
        if reached:
            steps = [{"symbol": source.qualified_name}, *_way(came_from, source, reached[0])]
            return Answer(about | {"certainty": certainty}, {"steps": steps}, unknown)
    unknown.append(
        f"The search stopped after {_MOST_STEPS} steps or {_MOST_REACHED} symbols." if cut
        else "No way was found; that is no proof that there is none."
    )  # fmt: skip
    return Answer(about, {"steps": []}, unknown)


def _once(rows: list[Row]) -> list[Row]:
    return list({row["iri"]: row for row in rows}.values())


async def _walk(asker: Asker, source: Symbol, target: Symbol, text: str) -> tuple[dict[str, Row], bool]:
    """From where each symbol was reached first, and whether the search was cut short."""
    came_from: dict[str, Row] = {}
    frontier = list(source.iris)
    for _ in range(_MOST_STEPS):
        rows = await asker.rows(text.replace("#VALUES#", values(frontier)))
        frontier = []
        for row in rows:
            if row["iri"] not in came_from and row["iri"] not in source.iris:
                came_from[row["iri"]] = row
                frontier.append(row["iri"])
        if not came_from.keys().isdisjoint(target.iris) or not frontier:
            return came_from, False
        if len(came_from) > _MOST_REACHED:
            break
    return came_from, True


def _way(came_from: dict[str, Row], source: Symbol, target: str) -> list[Row]:
    steps: list[Row] = []
    while target not in source.iris:
        row = came_from[target]
        steps.append({**place(row), "certainty": row["certainty"]})
        target = row["source"]
    return steps[::-1]
