/** Well-known namespaces and the prefixes people write for them. */
const PREFIXES: [string, string][] = [
  ["rdf:", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"],
  ["rdfs:", "http://www.w3.org/2000/01/rdf-schema#"],
  ["owl:", "http://www.w3.org/2002/07/owl#"],
  ["xsd:", "http://www.w3.org/2001/XMLSchema#"],
  ["prov:", "http://www.w3.org/ns/prov#"],
  ["dcterms:", "http://purl.org/dc/terms/"],
  ["schema:", "https://schema.org/"],
];

/** An IRI as people would write it: with a prefix, or only its telling end. */
export function shortIri(iri: string): string {
  const known = PREFIXES.find(([, namespace]) => iri.startsWith(namespace));
  if (known) return known[0] + iri.slice(known[1].length);
  const hash = iri.lastIndexOf("#");
  const end = hash >= 0 ? iri.slice(hash + 1) : iri.split("/").slice(-2).join("/");
  return readable(end || iri);
}

function readable(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone "%" is no encoding
  }
}
