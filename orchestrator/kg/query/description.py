"""The SPARQL 1.1 Service Description of an endpoint: what it speaks, reads and writes. Used by the SPARQL door."""

import pyoxigraph as ox

from orchestrator.core.errors import BadQuery
from orchestrator.kg.query.formats import GRAPH_FORMATS, negotiate

_FORMATS = "http://www.w3.org/ns/formats/"
_RESULTS = ("SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV")
_GRAPHS = ("Turtle", "N-Triples", "RDF_XML", "JSON-LD", "TriG", "N-Quads")
_INPUTS = ("Turtle", "N-Triples", "RDF_XML")
_PREFIXES = {"sd": "http://www.w3.org/ns/sparql-service-description#", "formats": _FORMATS}


def describe_service(endpoint: str, accept: str, *, writable: bool) -> tuple[str, bytes]:
    """Media type and bytes of the description. Only a writable endpoint knows updates and an unnamed default graph."""
    languages = "sd:SPARQL11Query, sd:SPARQL11Update" if writable else "sd:SPARQL11Query"
    more = f"sd:inputFormat {_list(_INPUTS)}" if writable else "sd:feature sd:UnionDefaultGraph"
    text = f"""
        PREFIX sd: <{_PREFIXES["sd"]}>
        [] a sd:Service ;
            sd:endpoint <{endpoint}> ;
            sd:supportedLanguage {languages} ;
            sd:resultFormat {_list(_RESULTS + _GRAPHS)} ;
            {more} ;
            sd:defaultDataset [ a sd:Dataset ; sd:defaultGraph [ a sd:Graph ] ] .
    """
    try:
        triples = [quad.triple for quad in ox.parse(text, format=ox.RdfFormat.TURTLE)]
    except SyntaxError as error:
        raise BadQuery("this endpoint was reached under a name that is no IRI", field="host") from error
    media_type = negotiate(accept, "construct")
    return media_type, ox.serialize(triples, format=GRAPH_FORMATS[media_type], prefixes=_PREFIXES) or b""


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"<{_FORMATS}{name}>" for name in names)
