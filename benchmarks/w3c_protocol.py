"""The W3C SPARQL 1.1 Protocol and Service Description tests, sent to an endpoint as their manifests describe them.

A protocol test is a list of HTTP requests with the statuses, formats and booleans that must come back.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import rdflib
from rdflib import RDF
from rdflib.collection import Collection
from rdflib.term import Node

from benchmarks.w3c_compare import table
from benchmarks.w3c_sets import MF, Case, cases
from benchmarks.w3c_sparql import Endpoint, Verdict, labelled

HT = rdflib.Namespace("http://www.w3.org/2011/http#")
CNT = rdflib.Namespace("http://www.w3.org/2011/content#")
SD = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
_RDF = {"text/turtle", "application/rdf+xml", "application/n-triples", "application/ld+json"}
_BOOLEAN = {"application/sparql-results+json", "application/sparql-results+xml"}
_FORMATS = {
    "boolean": _BOOLEAN,
    "tabular": _BOOLEAN | {"text/csv", "text/tab-separated-values"},
    "RDF": _RDF,
}
# Domains and ranges of the description vocabulary, as far as the properties are about its own classes.
_SHAPE = {
    SD.endpoint: (SD.Service, None),
    SD.supportedLanguage: (SD.Service, None),
    SD.resultFormat: (SD.Service, None),
    SD.inputFormat: (SD.Service, None),
    SD.feature: (SD.Service, None),
    SD.defaultDataset: (SD.Service, SD.Dataset),
    SD.defaultGraph: (SD.Dataset, SD.Graph),
}


def run_protocol(root: Path, client: httpx.Client, url: str, endpoint: Endpoint) -> list[Verdict]:
    """Every protocol test; ``endpoint`` is the same one, to fill it with what a test wants to be there."""
    verdicts = []
    for case in cases(root, "protocol"):
        endpoint.fill([], labelled(case, case.node))
        faults = list(_faults(case, client, url))
        verdicts.append(Verdict(case, "; ".join(faults)))
    return verdicts


def run_description(root: Path, client: httpx.Client, url: str) -> list[Verdict]:
    """The three tests of the description that a GET without a query answers with."""
    answer = client.get(url, headers={"Accept": "text/turtle, application/rdf+xml;q=0.5"})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    found = rdflib.Graph()
    if answer.status_code == 200 and kind in _RDF:
        found.parse(data=answer.content, format=kind)
    said = {
        "returns-rdf": "" if len(found) else f"{answer.status_code} {kind}",
        "has-endpoint-triple": "" if (None, SD.endpoint, rdflib.URIRef(url)) in found else "no such triple",
        "conforms-to-schema": "; ".join(_nonconforming(found)),
    }
    return [Verdict(case, said[case.name]) for case in cases(root, "service-description")]


def _faults(case: Case, client: httpx.Client, url: str) -> Iterator[str]:
    requests = case.one(case.one(case.node, MF.action), HT.requests)
    assert requests is not None
    for request in Collection(case.manifest, requests):
        answer = _send(case, client, url, request)
        wanted = case.one(request, HT.resp)
        statuses = {str(status)[-3] for status in case.all(wanted, MF.expectedStatus)}
        if str(answer.status_code)[0] not in statuses:
            yield f"status {answer.status_code}: {answer.text[:150]}"
            continue
        kind = answer.headers.get("content-type", "").partition(";")[0]
        form = case.one(wanted, MF.expectedFormat)
        if form is not None and kind not in _FORMATS[str(form)]:
            yield f"format {kind}"
        boolean = case.one(wanted, MF.expectedBoolean)
        if boolean is not None and table(answer.content, kind) is not bool(boolean.toPython()):  # type: ignore[attr-defined]
            yield "the other boolean"


def _send(case: Case, client: httpx.Client, url: str, request: Node) -> httpx.Response:
    """One request as described; without a Content-Type where the description has none."""
    path = str(case.one(request, HT.absolutePath))
    body = case.one(request, HT.body)
    given = case.one(request, HT.headers)
    headers = {}
    for header in Collection(case.manifest, given) if given is not None else ():
        headers[str(case.one(header, HT.fieldName))] = str(case.one(header, HT.fieldValue))
    content = (
        str(case.one(body, CNT.chars)).encode(str(case.one(body, CNT.characterEncoding) or "UTF-8")) if body else None
    )
    target = url + path.removeprefix("/sparql/")
    return client.request(str(case.one(request, HT.methodName)), target, content=content, headers=headers)


def _nonconforming(found: rdflib.Graph) -> Iterator[str]:
    """Where the description breaks the vocabulary's own schema, and what it must have and has not."""
    if len(set(found.subjects(RDF.type, SD.Service))) != 1:
        yield "there is not one service"
    for subject, predicate, value in found:
        if predicate not in SD:
            continue
        domain, range_ = _SHAPE.get(rdflib.URIRef(predicate), (None, None))
        if domain is None:
            yield f"unknown property {predicate}"
        elif (subject, RDF.type, domain) not in found or (range_ and (value, RDF.type, range_) not in found):
            yield f"{predicate} connects the wrong things"
