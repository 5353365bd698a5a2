"""The W3C SPARQL 1.1 suite through our own HTTP endpoint: a scratch dataset of a running service, limits on.

What fails is printed with its reason. Set RDF_TESTS to a checkout of rdf-tests where GitHub cannot be reached.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kg_service import graph_service
from benchmarks.report import Row, row
from benchmarks.w3c_protocol import run_description, run_protocol
from benchmarks.w3c_sets import w3c_tests
from benchmarks.w3c_sparql import Endpoint, Verdict, run

_SCOPE = "the engine sees a variable inside GRAPH that the specification keeps out"
_EMPTY_PATH = "the engine finds no zero-length path from a constant that is in no triple"
REASONS = {
    "agg-empty-group-count-graph": _SCOPE,
    "graph": _SCOPE,
    "graph-minus": _SCOPE,
    "zero_or_more_set_start": _EMPTY_PATH,
    "zero_or_more_set_end": _EMPTY_PATH,
    "zero_or_one_set_start": _EMPTY_PATH,
    "zero_or_one_set_end": _EMPTY_PATH,
    "agg-groupconcat-04": "the engine keeps a language tag that all joined strings have, as SPARQL 1.2 does",
    "agg-groupconcat-06": "the engine keeps a language tag that all joined strings have, as SPARQL 1.2 does",
    "bnode01": "the engine's BNODE(text) is one node per text, not one per text and row",
}


async def w3c(folder: Path) -> list[Row]:
    """Evaluation, result formats and syntax; then the protocol; then the service description."""
    root = await asyncio.to_thread(w3c_tests, folder)
    async with graph_service(folder) as graph:
        with graph.client() as client:
            url = graph.scratch
            endpoint = Endpoint(client, url, f"{url.removesuffix('sparql')}data")
            suite = await asyncio.to_thread(run, root, endpoint)
            protocol = await asyncio.to_thread(run_protocol, root, client, url, endpoint)
            described = [*run_description(root, client, url), *run_description(root, client, graph.url)]
    _print_failures([*suite, *protocol, *described])
    return [
        row("w3c_sparql11", f"W3C SPARQL 1.1 tests over HTTP, of {len(suite)}", [_passed(suite)], "", at_least=485,
            baseline="pyoxigraph in process 485, rdflib 423"),
        row("w3c_protocol", f"W3C protocol tests, of {len(protocol)}", [_passed(protocol)], "", at_least=34),
        row("w3c_description", f"W3C service description tests, of {len(described)} (graph and scratch)",
            [_passed(described)], "", at_least=6),
    ]  # fmt: skip


def _passed(verdicts: Sequence[Verdict]) -> float:
    return sum(1 for verdict in verdicts if not verdict.why)


def _print_failures(verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        if verdict.why:
            reason = REASONS.get(verdict.case.name, f"not known before: {verdict.why}")
            print(f"  {verdict.case.group}/{verdict.case.name}: {reason}")
