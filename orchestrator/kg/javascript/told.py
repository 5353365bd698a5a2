"""What a unit's findings say of a file, so that two runs can be compared, and definitions that moved be followed.

Used by the project of the JavaScript linker. Definitions are named by path and local name here: an edit moves numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.kg.facts import SymbolRef
from orchestrator.kg.javascript.running.record import Record, Site

Numbers = dict[str, dict[int, int]]
_PAIRS = ("references", "extends", "decorated")


def told(record: Record, path: str, names: Callable[[str], Sequence[str]]) -> Any:
    """All that a record says of a file, in its order. ``names`` gives local names as the record numbers them."""

    def named(ref: SymbolRef | None) -> tuple[str, str] | None:
        if ref is None or not ref.path:
            return None if ref is None else ("", ref.external)
        return ref.path, names(ref.path)[ref.at]

    sites = [(number, _site(site, named)) for number, site in record.sites.get(path, {}).items()]
    accessors = [(key, _site(site, named)) for key, site in record.accessors.get(path, {}).items()]
    pairs = [[(at, named(ref)) for at, ref in getattr(record, kind).get(path, {})] for kind in _PAIRS]
    return sites, accessors, pairs


def _site(site: Site, named: Callable[[SymbolRef | None], Any]) -> Any:
    certain = [(named(ref), rule, named(made)) for ref, (rule, made) in site.certain.items()]
    return certain, [named(ref) for ref in site.possible], [named(ref) for ref in site.virtual], site.builtin


def mentioned(record: Record, own: Sequence[str]) -> frozenset[tuple[str, int]]:
    """The definitions of files beside a unit's own that its findings name."""
    return frozenset((ref.path, ref.at) for ref in _refs(record) if ref.path and ref.path not in own)


def _refs(record: Record) -> Iterator[SymbolRef]:
    groups: list[Mapping[Any, Site]] = [*record.sites.values(), *record.accessors.values()]
    for of in groups:
        for site in of.values():
            yield from site.certain
            yield from site.possible
            yield from site.virtual
            yield from (made for _, made in site.certain.values() if made is not None)
    for kind in _PAIRS:
        for pairs in getattr(record, kind).values():
            yield from (ref for _, ref in pairs)


def renumber(record: Record, numbers: Numbers) -> Record:
    """The same findings, with the definitions of other files by the numbers that they have now."""

    def moved(ref: SymbolRef) -> SymbolRef:
        of = numbers.get(ref.path)
        return ref if of is None else ref._replace(at=of.get(ref.at, ref.at))

    def site(one: Site) -> Site:
        certain = {
            moved(ref): (rule, moved(made) if made is not None else None) for ref, (rule, made) in one.certain.items()
        }
        possible = {moved(ref): rule for ref, rule in one.possible.items()}
        return replace(one, certain=certain, possible=possible, virtual={moved(ref): None for ref in one.virtual})

    def pairs(kind: Mapping[str, Mapping[tuple[int, SymbolRef], None]]) -> dict[str, dict[tuple[int, SymbolRef], None]]:
        return {path: {(at, moved(ref)): None for at, ref in of} for path, of in kind.items()}

    return replace(
        record,
        sites={path: {key: site(one) for key, one in of.items()} for path, of in record.sites.items()},
        accessors={path: {key: site(one) for key, one in of.items()} for path, of in record.accessors.items()},
        used={(path, numbers.get(path, {}).get(at, at)) for path, at in record.used},
        made={(path, numbers.get(path, {}).get(at, at)) for path, at in record.made},
        references=pairs(record.references),
        extends=pairs(record.extends),
        decorated=pairs(record.decorated),
    )
