"""The SPARQL behind the questions about structure: API, dead code, tests, overrides, imports, configuration.

Constants, as in ``texts``: what a question binds is substituted by the engine, never pasted.
"""

from orchestrator.kg.rdf.vocabulary import PREFIXES

_BELOW = "?file c:path ?at FILTER(STRSTARTS(?at, ?path))"
_KINDS = 'VALUES (?type ?kind) { (c:Class "class") (c:Function "function") (c:Method "method") }'
_STANDS = "?iri c:qualifiedName ?symbol ; c:startLine ?line"

PUBLIC_API = f"""{PREFIXES}
SELECT ?path ?iri ?symbol ?kind ?at ?line ?signature ?doc WHERE {{
  {_BELOW}
  ?iri c:definedIn ?file ; c:visibility c:public ; a ?type . {_KINDS}
  {_STANDS} ; c:memberOf ?outer .
  FILTER NOT EXISTS {{ ?iri a c:TestCase }}
  FILTER NOT EXISTS {{ ?outer a c:Function }}
  FILTER NOT EXISTS {{ ?outer a c:Method }}
  OPTIONAL {{ ?iri c:signature ?signature }}
  OPTIONAL {{ ?iri rdfs:comment ?doc }}
}} ORDER BY ?at ?line"""

# Nothing known reaches it: no call, no hand-over, no decorator that may register it, no method it stands in for.
DEAD_CODE = f"""{PREFIXES}
SELECT DISTINCT ?path ?iri ?symbol ?kind ?at ?line ?visibility ?named WHERE {{
  {_BELOW}
  ?iri c:definedIn ?file ; a ?type . VALUES (?type ?kind) {{ (c:Function "function") (c:Method "method") }}
  FILTER NOT EXISTS {{ ?iri a c:TestCase }}
  FILTER NOT EXISTS {{ ?user c:calls|c:mayCall|c:observedCall|c:references|c:covers|c:overrides ?iri }}
  FILTER NOT EXISTS {{ ?iri c:decoratedBy|c:overrides ?other }}
  {_STANDS} ; rdfs:label ?label ; c:visibility ?visibility .
  FILTER(!STRSTARTS(?label, "__") && !STRSTARTS(?label, "<"))
  BIND(EXISTS {{ ?caller c:unresolvedName ?label }} AS ?named)
}} ORDER BY ?at ?line"""

UNTESTED = f"""{PREFIXES}
SELECT ?path ?iri ?symbol ?kind ?at ?line WHERE {{
  {_BELOW}
  ?iri c:definedIn ?file ; c:visibility c:public ; a ?type .
  VALUES (?type ?kind) {{ (c:Function "function") (c:Method "method") }}
  FILTER NOT EXISTS {{ ?iri a c:TestCase }}
  FILTER NOT EXISTS {{ ?test c:calls|c:observedCall|c:covers ?iri . FILTER EXISTS {{ ?test a c:TestCase }} }}
  {_STANDS} ; rdfs:label ?label .
  FILTER(!STRSTARTS(?label, "__"))
}} ORDER BY ?at ?line"""

# Asked by itself: tested for each row it would cost a hundred times as much.
TEST_FILES = f"{PREFIXES} SELECT DISTINCT ?at WHERE {{ ?test a c:TestCase ; c:definedIn/c:path ?at }}"

OVERRIDES = f"""{PREFIXES}
SELECT DISTINCT ?x ?how ?iri ?symbol ?path ?line WHERE {{
  {{ ?iri c:extends+ ?x BIND("subclass" AS ?how) }}
  UNION {{ ?member c:memberOf ?x . ?iri c:overrides+ ?member BIND("overrides" AS ?how) }}
  UNION {{ ?iri c:overrides+ ?x BIND("overrides" AS ?how) }}
  {_STANDS} ; c:definedIn/c:path ?path .
}} ORDER BY ?how ?symbol"""

# One row per import that lies on a circle; only imports at the top level of modules have a module on both ends.
CYCLES = f"""{PREFIXES}
SELECT DISTINCT ?from ?to ?at WHERE {{
  ?m a c:Module ; c:imports ?next . ?next c:imports+ ?m .
  ?m c:qualifiedName ?from ; c:definedIn/c:path ?at . ?next c:qualifiedName ?to .
}} ORDER BY ?from ?to"""

CONFIG = f"""{PREFIXES}
SELECT ?key ?source ?iri ?symbol ?path ?line WHERE {{
  ?node a c:ConfigKey ; rdfs:label ?key ; c:configSource ?source .
  ?iri c:readsConfig ?node ; c:qualifiedName ?symbol ; c:definedIn/c:path ?path ; c:startLine ?line .
}} ORDER BY ?key ?symbol"""

CONFIG_KEY = CONFIG.replace("rdfs:label ?key ;", "rdfs:label ?key , ?wanted ;").replace("SELECT", "SELECT ?wanted", 1)

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
