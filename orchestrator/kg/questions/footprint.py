"""What a change of a symbol touches: its definition, what belongs to it, and who surely calls, extends or overrides it.

Used by services to tell which tasks would work on the same code. No prepared question of the catalogue: one step only,
certain steps only, and nothing is cut to a reader's budget.
"""

from orchestrator.kg.questions import texts
from orchestrator.kg.questions.asking import Asker, values
from orchestrator.kg.rdf.terms import literal


async def touched(asker: Asker, symbol: str) -> dict[str, str]:
    """Qualified names with the file each stands in. Raises NotFound for a name that means none, or several."""
    found = await asker.resolve(symbol)
    own, members = await asker.about(found, texts.PLACE, texts.MEMBER_PLACES)
    all_of_it = sorted({*found.iris, *(row["iri"] for row in members)})
    dependents = await asker.rows(texts.DEPENDENTS.replace("#VALUES#", values(all_of_it)))
    certain = [row for row in dependents if row["certainty"] == "calls"]
    return {row["symbol"]: row["path"] for row in (*own, *members, *certain)}


async def meant(asker: Asker, symbol: str) -> dict[str, str]:
    """The symbol and what belongs to it, by qualified name, with files. Raises NotFound for none, or several."""
    found = await asker.resolve(symbol)
    own, members = await asker.about(found, texts.PLACE, texts.MEMBER_PLACES)
    return {row["symbol"]: row["path"] for row in (*own, *members)}


async def has_file(asker: Asker, path: str) -> bool:
    """Whether the graph knows a file of this path."""
    return bool(await asker.rows(texts.FILE, {"path": literal(path)}))
