/** Queries to start from, over the vocabulary of the knowledge graph (orchestrator/kg/ontology.ttl). */
export interface Example {
  title: string;
  query: string;
}

const CODE = "PREFIX c: <https://w3id.org/orchestrator/code#>";
const LABELS = "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>";

export const EXAMPLES: [Example, ...Example[]] = [
  {
    title: "What is in the graph",
    query: `SELECT ?type (COUNT(?thing) AS ?count)
WHERE { ?thing a ?type }
GROUP BY ?type
ORDER BY DESC(?count)`,
  },
  {
    title: "Functions that most others call",
    query: `${CODE}

SELECT ?function (COUNT(DISTINCT ?caller) AS ?callers)
WHERE {
  ?caller c:calls ?callee .
  ?callee c:qualifiedName ?function ; c:definedIn ?file .
}
GROUP BY ?function
ORDER BY DESC(?callers)
LIMIT 20`,
  },
  {
    title: "Largest files",
    query: `${CODE}

SELECT ?path ?lines
WHERE { ?file a c:SourceFile ; c:path ?path ; c:lines ?lines }
ORDER BY DESC(?lines)
LIMIT 20`,
  },
  {
    title: "Classes and their bases",
    query: `${CODE}

SELECT ?class ?base ?path
WHERE {
  ?node a c:Class ; c:qualifiedName ?class ; c:extends ?parent ; c:definedIn/c:path ?path .
  ?parent c:qualifiedName ?base .
}
ORDER BY ?class
LIMIT 100`,
  },
  {
    title: "Public functions without a docstring",
    query: `${CODE}
${LABELS}

SELECT ?function ?path ?line
WHERE {
  ?node a c:Function ; c:qualifiedName ?function ; c:visibility c:public ;
        c:definedIn/c:path ?path ; c:startLine ?line .
  FILTER NOT EXISTS { ?node rdfs:comment ?text }
  FILTER NOT EXISTS { ?node a c:TestCase }
}
ORDER BY ?path ?line
LIMIT 100`,
  },
  {
    title: "Tests and what they call directly",
    query: `${CODE}

SELECT ?test ?calls
WHERE {
  ?node a c:TestCase ; c:qualifiedName ?test ; c:calls ?callee .
  ?callee c:qualifiedName ?calls ; c:definedIn ?file .
}
ORDER BY ?test
LIMIT 100`,
  },
  {
    title: "What was skipped, and why",
    query: `${CODE}

SELECT ?path ?why
WHERE { ?file c:path ?path ; c:skippedBecause ?why }
ORDER BY ?path`,
  },
];
