"""The SPARQL behind the prepared questions. Used by ``questions`` only.

Constants: a variable such as ``?wanted`` or ``?x`` that a question binds is substituted by the engine, never pasted;
the engine wants such a variable in the projection. Definitions and call sites both have caller, line and name triples.
"""

from orchestrator.kg.rdf.vocabulary import PREFIXES

# What the graph holds at all, a row for each thing there is.
KNOWLEDGE = f"""{PREFIXES}
SELECT ?what ?value WHERE {{
  {{ SELECT ("skipped" AS ?what) (COUNT(DISTINCT ?f) AS ?value) WHERE {{ ?f c:skippedBecause ?why }} }}
  UNION {{ SELECT ("observed" AS ?what) (1 AS ?value) WHERE {{ ?a c:observedCall|c:covers ?b }} LIMIT 1 }}
  UNION {{ SELECT ("history" AS ?what) (1 AS ?value) WHERE {{ ?k a c:Commit }} LIMIT 1 }}
  UNION {{ SELECT ("work" AS ?what) (1 AS ?value) WHERE {{ ?t a c:Task }} LIMIT 1 }}
  UNION {{ SELECT ("cut" AS ?what) ?value WHERE {{ ?r c:historyCut ?value }} LIMIT 1 }}
}}"""

FILE = f"""{PREFIXES}
SELECT ?path ?lines ?problem WHERE {{
  ?file c:path ?path .
  OPTIONAL {{ ?file c:lines ?lines }}
  OPTIONAL {{ ?file c:problemLine ?problem }}
}}"""

# The type is filtered, not matched: the engine would start from all definitions of a kind.
OUTLINE = f"""{PREFIXES}
SELECT ?path ?iri ?symbol ?kind ?line ?end ?signature ?doc WHERE {{
  ?file c:path ?path .
  ?iri c:definedIn ?file ; c:qualifiedName ?symbol ; c:startLine ?line ; c:endLine ?end ; a ?type .
  FILTER(?type IN (c:Class, c:Function, c:Method, c:Module)) BIND(LCASE(STRAFTER(STR(?type), "#")) AS ?kind)
  OPTIONAL {{ ?iri c:signature ?signature }}
  OPTIONAL {{ ?iri rdfs:comment ?doc }}
}} ORDER BY ?line ?iri"""

BY_IRI = f"""{PREFIXES}
SELECT ?x ?symbol ?label WHERE {{ ?x c:qualifiedName ?symbol ; rdfs:label ?label }}"""

BY_QUALIFIED_NAME = f"""{PREFIXES}
SELECT ?wanted ?iri ?symbol ?label WHERE {{
  ?iri c:qualifiedName ?wanted ; c:qualifiedName ?symbol ; rdfs:label ?label
}}"""

BY_LABEL = f"""{PREFIXES}
SELECT ?iri ?symbol ?label WHERE {{ ?iri rdfs:label ?label ; c:qualifiedName ?symbol ; rdfs:label ?label }}"""

# Each branch of a UNION holds its whole pattern: joined behind the UNION, the engine starts from every call site.
_SITE = "?site c:caller ?iri ; c:startLine ?line ; c:resolution ?rule ."
_CALLER = f"{_SITE} ?iri c:qualifiedName ?symbol ; c:definedIn/c:path ?path ."

# A class is called by what makes an instance of it, whichever __init__ that runs.
CALLERS = f"""{PREFIXES}
SELECT ?x ?iri ?symbol ?path ?line ?certainty ?rule WHERE {{
  {{ ?site c:callee ?x . {_CALLER} BIND("calls" AS ?certainty) }}
  UNION {{ ?site c:instantiates ?x . {_CALLER} BIND("calls" AS ?certainty) }}
  UNION {{ ?site c:candidate ?x . {_CALLER} BIND("mayCall" AS ?certainty) }}
}}"""

_CALLED = "?iri c:qualifiedName ?symbol . OPTIONAL { ?iri c:definedIn/c:path ?path }"
_OWN_SITE = "?site c:caller ?x ; c:startLine ?line ; c:resolution ?rule ."

CALLEES = f"""{PREFIXES}
SELECT ?x ?iri ?symbol ?path ?line ?certainty ?rule WHERE {{
  {{ {_OWN_SITE} ?site c:callee ?iri . {_CALLED} BIND("calls" AS ?certainty) }}
  UNION {{ {_OWN_SITE} ?site c:candidate ?iri . {_CALLED} BIND("mayCall" AS ?certainty) }}
}}"""

_SEEN = "?iri c:qualifiedName ?symbol ; c:startLine ?line ; c:definedIn/c:path ?path"
OBSERVED_CALLERS = f"""{PREFIXES}
SELECT ?x ?iri ?symbol ?path ?line WHERE {{ ?iri c:observedCall ?x . {_SEEN} }}"""
OBSERVED_CALLEES = f"""{PREFIXES}
SELECT ?x ?iri ?symbol ?path ?line WHERE {{ ?x c:observedCall ?iri . {_SEEN} }}"""

UNSEEN = f"""{PREFIXES}
SELECT ?path ?caller ?callee ?file WHERE {{
  ?a c:observedCall ?b FILTER NOT EXISTS {{ ?a c:calls ?b }}
  ?a c:qualifiedName ?caller ; c:definedIn/c:path ?file FILTER(STRSTARTS(?file, ?path))
  ?b c:qualifiedName ?callee
}} ORDER BY ?caller ?callee"""

UNRESOLVED_BY_NAME = f"""{PREFIXES}
SELECT ?name ?symbol WHERE {{ ?iri c:unresolvedName ?name ; c:qualifiedName ?symbol }} ORDER BY ?symbol LIMIT 200"""

UNRESOLVED_OF = f"""{PREFIXES}
SELECT ?x ?name ?sites WHERE {{ ?x c:unresolvedName ?name ; c:unresolvedCalls ?sites }}"""

MEMBERS = f"""{PREFIXES}
SELECT ?x ?iri WHERE {{ ?iri c:memberOf+ ?x }}"""

_PLACED = "c:qualifiedName ?symbol ; c:definedIn/c:path ?path"
PLACE = f"""{PREFIXES}
SELECT ?x ?symbol ?path WHERE {{ ?x {_PLACED} }}"""

MEMBER_PLACES = f"""{PREFIXES}
SELECT ?x ?iri ?symbol ?path WHERE {{ ?iri c:memberOf+ ?x ; {_PLACED} }}"""

# ``#VALUES#`` is replaced by IRIs that came out of the graph, written by ``terms.iri``.
_TARGETS = "VALUES ?target { #VALUES# }"
_DEPENDENT = "?iri c:qualifiedName ?symbol ; c:startLine ?line ; c:definedIn/c:path ?path ."

DEPENDENTS = f"""{PREFIXES}
SELECT DISTINCT ?target ?iri ?symbol ?path ?line ?certainty WHERE {{
  {{ {_TARGETS} ?iri c:calls|c:observedCall|c:overrides|c:extends|c:instantiates ?target . {_DEPENDENT}
     BIND("calls" AS ?certainty) }}
  UNION {{ {_TARGETS} ?iri c:mayCall|c:references ?target . {_DEPENDENT} BIND("mayCall" AS ?certainty) }}
}}"""

_SOURCES = "VALUES ?source { #VALUES# }"
_STEP = (
    f'{{ {_SOURCES} ?source c:calls|c:observedCall|c:instantiates ?iri . {_DEPENDENT} BIND("calls" AS ?certainty) }}'
)
_STEP_CAUTIOUS = f'{{ {_SOURCES} ?source c:mayCall|c:references ?iri . {_DEPENDENT} BIND("mayCall" AS ?certainty) }}'
_WAY = "SELECT DISTINCT ?source ?iri ?symbol ?path ?line ?certainty WHERE"
STEPS = f"{PREFIXES}{_WAY} {{ {_STEP} }} ORDER BY ?symbol"
STEPS_CAUTIOUS = f"{PREFIXES}{_WAY} {{ {_STEP} UNION {_STEP_CAUTIOUS} }} ORDER BY ?certainty ?symbol"

# The path binds its end first and the type is only tested: the engine would start from all tests otherwise.
_TESTS = """
SELECT ?x ?iri ?symbol ?path ?line WHERE {
  { SELECT DISTINCT ?x ?iri WHERE { { ?iri %s+ ?x } UNION { ?member c:memberOf ?x . ?iri %s+ ?member } } }
  FILTER EXISTS { ?iri a c:TestCase }
  ?iri c:qualifiedName ?symbol ; c:startLine ?line ; c:definedIn/c:path ?path .
} ORDER BY ?symbol"""

TESTS = PREFIXES + _TESTS.replace("%s", "(c:calls|c:instantiates|c:observedCall|c:covers)")
TESTS_CAUTIOUS = PREFIXES + _TESTS.replace("%s", "(c:calls|c:instantiates|c:observedCall|c:covers|c:mayCall)")

KINDS = f"""{PREFIXES}
SELECT ?kind (COUNT(?iri) AS ?n) WHERE {{
  VALUES (?type ?kind) {{
    (c:SourceFile "files") (c:Module "modules") (c:Class "classes") (c:Function "functions") (c:Method "methods")
    (c:TestCase "tests") (c:CallSite "call sites") (c:External "external names")
  }}
  ?iri a ?type
}} GROUP BY ?kind ORDER BY ?kind"""

MOST_CALLED = f"""{PREFIXES}
SELECT ?symbol (COUNT(?caller) AS ?n) WHERE {{
  ?caller c:calls ?iri . ?iri c:definedIn ?file ; c:qualifiedName ?symbol
}} GROUP BY ?iri ?symbol ORDER BY DESC(?n) ?symbol LIMIT 10"""

MOST_IMPORTED = f"""{PREFIXES}
SELECT ?symbol (COUNT(DISTINCT ?file) AS ?n) WHERE {{
  ?importer c:imports ?iri ; c:definedIn ?file . ?iri c:definedIn ?own ; c:qualifiedName ?symbol
}} GROUP BY ?iri ?symbol ORDER BY DESC(?n) ?symbol LIMIT 10"""
