"""The ontology, the constants and the built graphs say the same."""

from pathlib import Path

import pyoxigraph as ox
import pytest
from pyshacl import validate
from rdflib import RDF, RDFS, Graph, URIRef
from rdflib.compare import isomorphic

import orchestrator.kg
from orchestrator.core.errors import InvalidInput
from orchestrator.kg.query.export import export_graph
from orchestrator.kg.rdf.vocabulary import CODE, RULES, TERMS
from tests.kg.conftest import Build
from tests.kg.sample import load

_HERE = Path(next(iter(orchestrator.kg.__path__)))


def ontology() -> Graph:
    return Graph().parse(_HERE / "rdf" / "ontology.ttl")


def test_the_constants_are_the_terms_of_the_ontology() -> None:
    defined = {str(term).removeprefix(CODE) for term in ontology().subjects(RDF.type) if str(term).startswith(CODE)}
    assert defined == TERMS


def test_every_term_has_one_label_and_one_definition() -> None:
    graph = ontology()
    for name in TERMS:
        term = URIRef(CODE + name)
        assert len(list(graph.objects(term, RDFS.label))) == 1, name
        assert len(str(graph.value(term, RDFS.comment))) > 10, name


def test_rules_have_the_confidence_of_the_ontology() -> None:
    graph = ontology()
    told = {name: float(str(graph.value(URIRef(f"{CODE}rule-{name}"), URIRef(CODE + "confidence")))) for name in RULES}
    assert told == RULES


def exported(build: Build, folder: Path) -> Graph:
    """The union of a built graph, as rdflib reads it."""
    build()
    return Graph().parse(data=_triples(folder), format="nt")


def _triples(folder: Path) -> str:
    target = folder / "all.nt"
    assert export_graph(folder, "ntriples", target) == "application/n-triples"
    return target.read_text()


def test_a_built_graph_has_the_shape_it_should(build: Build, folder: Path) -> None:
    shapes = Graph().parse(_HERE / "rdf" / "shapes.ttl")
    conforms, _, words = validate(exported(build, folder), shacl_graph=shapes, ont_graph=ontology())
    assert conforms, words


def test_several_callees_of_a_site_are_what_the_flow_of_values_brings_there(build: Build, folder: Path) -> None:
    build({"m.py": "def one(): ...\ndef two(): ...\nfor f in (one, two):\n    f()\n"})
    graph = Graph().parse(data=_triples(folder), format="nt")
    sites = graph.subjects(URIRef(CODE + "resolution"), URIRef(CODE + "rule-flow"))
    assert max(len(list(graph.objects(site, URIRef(CODE + "callee")))) for site in sites) == 2
    conforms, _, words = validate(graph, shacl_graph=Graph().parse(_HERE / "rdf" / "shapes.ttl"), ont_graph=ontology())
    assert conforms, words


def test_the_shapes_notice_what_is_wrong(build: Build, folder: Path) -> None:
    graph = exported(build, folder)
    for predicate in ("qualifiedName", "resolution", "contentHash"):
        graph.remove((None, URIRef(CODE + predicate), None))
    conforms, _, words = validate(graph, shacl_graph=Graph().parse(_HERE / "rdf" / "shapes.ttl"), ont_graph=ontology())
    assert not conforms
    for predicate in ("qualifiedName", "resolution", "contentHash"):
        assert predicate in words


def test_a_built_graph_uses_only_defined_terms(build: Build, folder: Path) -> None:
    used = {str(node) for triple in exported(build, folder) for node in triple if str(node).startswith(CODE)}
    assert {term.removeprefix(CODE) for term in used} <= TERMS


def test_exports_in_every_format_hold_the_same(build: Build, folder: Path) -> None:
    whole = exported(build, folder)
    for name, reader in (("turtle", "turtle"), ("rdfxml", "xml")):
        export_graph(folder, name, folder / name)
        assert isomorphic(whole, Graph().parse(data=(folder / name).read_text(), format=reader)), name
    for name in ("trig", "nquads", "jsonld"):
        media_type = export_graph(folder, name, folder / name)
        quads = set(ox.parse(path=str(folder / name), format=ox.RdfFormat.from_media_type(media_type)))
        assert quads == set(load(folder)), name
    with pytest.raises(InvalidInput):
        export_graph(folder, "pdf", folder / "pdf")
