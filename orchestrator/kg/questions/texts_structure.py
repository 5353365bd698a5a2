"""The SPARQL behind the questions about structure: API, dead code, tests, overrides, imports, configuration.

Constants, as in ``texts``: what a question binds is substituted by the engine, never pasted.
"""

from orchestrator.kg.rdf.vocabulary import PREFIXES

# ``#FILES#`` is replaced by ANY_FILE, or by the files themselves where they are few: then the engine starts from them.
ANY_FILE = "?file c:path ?at FILTER(STRSTARTS(?at, ?path))"
FILES = f"{PREFIXES} SELECT ?path ?file WHERE {{ {ANY_FILE} }}"
_STANDS = "?iri c:qualifiedName ?symbol ; c:startLine ?line"
# Types are filtered, not matched: the engine would start from all definitions of a kind.
_KIND = 'BIND(LCASE(STRAFTER(STR(?type), "#")) AS ?kind)'
_CALLABLE = f"FILTER(?type IN (c:Function, c:Method)) {_KIND}"

PUBLIC_API = f"""{PREFIXES}
SELECT ?path ?iri ?symbol ?kind ?at ?line ?signature ?doc WHERE {{
  #FILES#
  ?iri c:definedIn ?file ; c:visibility ?visibility ; c:memberOf ?outer ; a ?type . {_STANDS} .
  FILTER(?visibility = c:public) FILTER(?type IN (c:Class, c:Function, c:Method)) {_KIND}
  FILTER(!EXISTS {{ ?outer a c:Function }} && !EXISTS {{ ?outer a c:Method }} && !EXISTS {{ ?iri a c:TestCase }})
  OPTIONAL {{ ?iri c:signature ?signature }}
  OPTIONAL {{ ?iri rdfs:comment ?doc }}
}} ORDER BY ?at ?line"""

# Nothing known reaches it: no call, no hand-over, no decorator that may register it, no method it stands in for.
DEAD_CODE = f"""{PREFIXES}
SELECT DISTINCT ?path ?iri ?symbol ?kind ?at ?line ?visibility ?named WHERE {{
  #FILES#
  ?iri c:definedIn ?file ; a ?type ; rdfs:label ?label ; c:visibility ?visibility . {_STANDS} . {_CALLABLE}
  FILTER(!STRSTARTS(?label, "__") && !STRSTARTS(?label, "<"))
  FILTER NOT EXISTS {{ ?iri a c:TestCase }}
  FILTER NOT EXISTS {{ ?user c:calls|c:mayCall|c:observedCall|c:references|c:covers|c:overrides ?iri }}
  FILTER NOT EXISTS {{ ?iri c:decoratedBy|c:overrides ?other }}
  BIND(EXISTS {{ ?caller c:unresolvedName ?label }} AS ?named)
}} ORDER BY ?at ?line"""

UNTESTED = f"""{PREFIXES}
SELECT ?path ?iri ?symbol ?kind ?at ?line WHERE {{
  #FILES#
  ?iri c:definedIn ?file ; a ?type ; rdfs:label ?label ; c:visibility ?visibility . {_STANDS} . {_CALLABLE}
  FILTER(?visibility = c:public) FILTER(!STRSTARTS(?label, "__"))
  FILTER NOT EXISTS {{ ?iri a c:TestCase }}
  FILTER NOT EXISTS {{ ?test c:calls|c:observedCall|c:covers ?iri . FILTER EXISTS {{ ?test a c:TestCase }} }}
}} ORDER BY ?at ?line"""

# Asked by itself: tested for each row it would cost a hundred times as much.
TEST_FILES = f"""{PREFIXES}
SELECT DISTINCT ?path ?at WHERE {{ #FILES# ?test c:definedIn ?file FILTER EXISTS {{ ?test a c:TestCase }} }}"""

# One step down; ``#VALUES#`` is replaced by IRIs that came out of the graph.
BELOW = f"""{PREFIXES}
SELECT DISTINCT ?how ?iri ?symbol ?path ?line WHERE {{
  {{ VALUES ?target {{ #VALUES# }} ?iri c:extends ?target . {_STANDS} ; c:definedIn ?file . ?file c:path ?path .
     BIND("subclass" AS ?how) }}
  UNION {{ VALUES ?target {{ #VALUES# }} ?iri c:overrides ?target . {_STANDS} ; c:definedIn ?file . ?file c:path ?path .
     BIND("overrides" AS ?how) }}
}} ORDER BY ?how ?symbol"""

# Imports at the top level of modules only: a module stands at both ends.
IMPORTS = f"""{PREFIXES}
SELECT DISTINCT ?from ?to ?at WHERE {{
  ?m a c:Module ; c:imports ?n . ?n c:definedIn ?own ; c:qualifiedName ?to .
  ?m c:qualifiedName ?from ; c:definedIn ?file . ?file c:path ?at .
}}"""

# A key's own statements stand in each file that reads it, so joining them here would cost the square of the readers;
# its IRI ends with where it comes from and its name.
CONFIG = f"""{PREFIXES}
SELECT DISTINCT ?node ?iri ?symbol ?path ?line WHERE {{
  ?iri c:readsConfig ?node ; c:qualifiedName ?symbol ; c:startLine ?line ; c:definedIn ?file . ?file c:path ?path .
}} ORDER BY ?node ?symbol"""
CONFIG_KEY = CONFIG.replace("SELECT DISTINCT", "SELECT DISTINCT ?ending").replace(
    "?file c:path ?path .", "?file c:path ?path FILTER(STRENDS(STR(?node), ?ending))"
)

DECLARED = f"""{PREFIXES}
SELECT DISTINCT ?name ?path ?constraint ?locked ?scope WHERE {{
  ?dependency schema:name ?name . FILTER EXISTS {{ ?dependency a c:Dependency }}
  ?dependency c:declaredIn/c:path ?path .
  OPTIONAL {{ ?dependency c:versionConstraint ?constraint }}
  OPTIONAL {{ ?dependency c:lockedVersion ?locked }}
  OPTIONAL {{ ?dependency c:dependencyScope ?scope }}
}} ORDER BY ?path"""

# A library is known by what manifests declare, or by the first part of what modules import from outside.
EXTERNAL_USERS = f"""{PREFIXES}
SELECT DISTINCT ?name ?symbol ?path ?line ?imported WHERE {{
  ?external a c:External ; c:qualifiedName ?imported .
  FILTER(?imported = ?name || STRSTARTS(?imported, CONCAT(?name, ".")))
  ?iri c:imports ?external ; c:qualifiedName ?symbol ; c:definedIn/c:path ?path ; c:startLine ?line .
}} ORDER BY ?symbol ?imported"""
