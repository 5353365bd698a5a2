"""The SPARQL behind the questions about history and work. Constants, as in ``texts``."""

from orchestrator.kg.rdf.vocabulary import PREFIXES

# Commits that touch half the tree, such as a new formatter, say nothing about what belongs together.
MASS_COMMIT = 50

OWNERS = f"""{PREFIXES}
SELECT ?path ?who (COUNT(DISTINCT ?k) AS ?commits) (MAX(?at) AS ?last) WHERE {{
  ?file c:path ?name FILTER(?name = ?path || STRSTARTS(?name, CONCAT(?path, "/")))
  ?k c:changed ?file ; prov:wasAssociatedWith ?person .
  FILTER EXISTS {{ ?k a c:Commit }}
  ?person foaf:name ?who . OPTIONAL {{ ?k prov:endedAtTime ?at }}
}} GROUP BY ?path ?who ORDER BY DESC(?commits) ?who"""

CHANGES_OF_FILE = f"""{PREFIXES}
SELECT ?path (COUNT(DISTINCT ?k) AS ?commits) WHERE {{
  ?file c:path ?path . ?k c:changed ?file . FILTER EXISTS {{ ?k a c:Commit }}
  ?k c:changedFiles ?n FILTER(?n <= {MASS_COMMIT})
}} GROUP BY ?path"""

CO_CHANGING = f"""{PREFIXES}
SELECT ?path ?other (COUNT(DISTINCT ?k) AS ?together) WHERE {{
  ?file c:path ?path . ?k c:changed ?file ; c:changedFiles ?n FILTER(?n <= {MASS_COMMIT})
  FILTER EXISTS {{ ?k a c:Commit }}
  ?k c:changed ?with . FILTER(?with != ?file) ?with c:path ?other
}} GROUP BY ?path ?other ORDER BY DESC(?together) ?other"""

IS_FILE = f"{PREFIXES} SELECT ?path ?file WHERE {{ ?file c:path ?path }}"

_COMMIT = """FILTER EXISTS { ?k a c:Commit }
  ?k dct:identifier ?commit ; dct:title ?title ; prov:wasAssociatedWith/foaf:name ?who .
  OPTIONAL { ?k prov:endedAtTime ?at }"""
COMMITS_OF_SYMBOL = (
    f"{PREFIXES} SELECT ?x ?commit ?title ?who ?at WHERE {{ ?k c:modified ?x . {_COMMIT} }} ORDER BY DESC(?at)"
)
COMMITS_OF_FILE = (
    f"{PREFIXES} SELECT ?x ?commit ?title ?who ?at WHERE {{ ?k c:changed ?x . {_COMMIT} }} ORDER BY DESC(?at)"
)

_TASK = """FILTER EXISTS { ?t a c:Task }
  ?t dct:identifier ?task ; dct:title ?title ; c:state ?state .
  OPTIONAL { ?t prov:wasAssociatedWith/schema:name ?agent } OPTIONAL { ?t prov:endedAtTime ?at }
  OPTIONAL { ?t c:produced/dct:identifier ?commit }
  OPTIONAL { ?run prov:wasInformedBy ?t . FILTER EXISTS { ?run a c:TestRun } ?run c:outcome ?outcome .
    OPTIONAL { ?run prov:endedAtTime ?ran } OPTIONAL { ?run c:failing/c:qualifiedName ?failing } }"""
_TASK_SHOWN = "SELECT ?x ?task ?title ?state ?agent ?at ?commit ?run ?outcome ?ran ?failing WHERE"
TASKS_OF_SYMBOL = f"""{PREFIXES}
{_TASK_SHOWN} {{
  {{ SELECT DISTINCT ?x ?t WHERE {{ {{ ?t c:modified ?x }} UNION {{ ?k c:modified ?x . ?t c:produced ?k }} }} }}
  {_TASK}
}} ORDER BY DESC(?at) ?ran"""
# What a merge brought in that touches the file the symbol stands in: who really wrote it is among them.
MERGED_OF_SYMBOL = f"""{PREFIXES}
SELECT ?x ?merge ?commit ?title ?who ?at WHERE {{
  ?m c:modified ?x ; c:merged ?k ; dct:identifier ?merge . ?x c:definedIn ?file . ?k c:changed ?file . {_COMMIT}
}} ORDER BY DESC(?at)"""
TASKS_OF_FILE = TASKS_OF_SYMBOL.replace("c:modified", "c:changed")

NEWEST = (
    f"{PREFIXES} SELECT ?k ?commit WHERE {{ ?r a c:IndexRun ; prov:used ?k . ?k a c:Commit ; dct:identifier ?commit }}"
)
COMMIT = f"""{PREFIXES}
SELECT ?start ?k ?commit WHERE {{
  ?k a c:Commit ; dct:identifier ?commit FILTER(STRSTARTS(?commit, ?start))
}} LIMIT 3"""

# Behind the newer commit and not behind the older one, as git's ``old..new``; NOT EXISTS would walk once per commit.
_BETWEEN = "?new prov:wasInformedBy* ?k MINUS { ?old prov:wasInformedBy* ?k }"
BETWEEN = f"""{PREFIXES}
SELECT ?old ?new ?commit ?title ?who ?at ?k WHERE {{ {_BETWEEN} {_COMMIT} }} ORDER BY DESC(?at)"""
FILES_BETWEEN = f"""{PREFIXES}
SELECT ?old ?new ?path (COUNT(?k) AS ?commits) WHERE {{
  {_BETWEEN} ?k c:changed ?file . ?file c:path ?path
}} GROUP BY ?old ?new ?path ORDER BY DESC(?commits) ?path"""
SYMBOLS_BETWEEN = f"""{PREFIXES}
SELECT ?old ?new ?symbol ?path ?line (COUNT(?k) AS ?commits) WHERE {{
  {_BETWEEN} ?k c:modified ?x . ?x c:qualifiedName ?symbol ; c:startLine ?line ; c:definedIn/c:path ?path
}} GROUP BY ?old ?new ?symbol ?path ?line ORDER BY DESC(?commits) ?symbol"""
