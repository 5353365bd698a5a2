"""The W3C's rdf-tests: a folder named by RDF_TESTS, or fetched at a fixed commit; and their manifests, read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import rdflib
from rdflib import RDF
from rdflib.collection import Collection
from rdflib.term import Node

from benchmarks.kg_sets import checkout

MF = rdflib.Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
_SOURCE = "https://github.com/w3c/rdf-tests"
_COMMIT = "ad541a5f0479f0798608c4801369d97b8e08b36f"


@dataclass(frozen=True, slots=True)
class Case:
    """One test of a manifest: its group (a folder), kind (without the namespace), and node in the manifest's graph."""

    group: str
    name: str
    kind: str
    node: Node
    manifest: rdflib.Graph

    def one(self, subject: Node | None, predicate: Node) -> Node | None:
        """The value of a property in the manifest, if there is one."""
        return self.manifest.value(subject, predicate)

    def all(self, subject: Node | None, predicate: Node) -> list[Node]:
        """All values of a property in the manifest."""
        return list(self.manifest.objects(subject, predicate))


def w3c_tests(folder: Path) -> Path:
    """Where the SPARQL 1.1 tests lie; fetched below ``folder`` where RDF_TESTS names none."""
    root = checkout("rdf-tests", "RDF_TESTS", _SOURCE, _COMMIT, folder)
    found = root / "sparql" / "sparql11"
    if not (found / "manifest.ttl").exists():
        raise RuntimeError(f"{root} holds no rdf-tests; set RDF_TESTS to a checkout of {_SOURCE}")
    return found.resolve()


def cases(root: Path, group: str) -> Iterator[Case]:
    """The tests of one folder, in the order of its manifest."""
    path = root / group / "manifest.ttl"
    if not path.exists():
        return
    manifest = rdflib.Graph().parse(path, format="turtle", publicID=path.as_uri())
    for entries in manifest.objects(None, MF.entries):
        for node in Collection(manifest, entries):
            kinds = [str(kind)[len(MF) :] for kind in manifest.objects(node, RDF.type) if kind in MF]
            if kinds:
                yield Case(group, str(node).rpartition("#")[2], kinds[0], node, manifest)
