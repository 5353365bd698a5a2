/** SPARQL over a project's graph by the W3C protocol, answers in any of its formats. */
import { problemFrom } from "./problem.ts";

export const JSON_RESULTS = "application/sparql-results+json";

export interface Term {
  type: "uri" | "literal" | "bnode" | "triple";
  value: string;
  datatype?: string;
  "xml:lang"?: string;
}

export type Answer =
  | { kind: "table"; columns: string[]; rows: Record<string, Term>[]; truncated: boolean; seconds: number }
  | { kind: "boolean"; value: boolean; seconds: number }
  | { kind: "graph"; text: string; truncated: boolean; seconds: number };

/** The answer to a query, with the time from asking to having it, in seconds. */
export async function ask(kgId: string, query: string, signal?: AbortSignal): Promise<Answer> {
  const began = performance.now();
  const response = await send(kgId, query, `${JSON_RESULTS}, text/turtle;q=0.9`, signal);
  const text = await response.text();
  const seconds = (performance.now() - began) / 1000;
  const truncated = response.headers.get("x-query-truncated") === "true";
  if (!response.headers.get("content-type")?.startsWith(JSON_RESULTS))
    return { kind: "graph", text, truncated, seconds };
  const body = JSON.parse(text) as {
    boolean?: boolean;
    head: { vars?: string[] };
    results?: { bindings: Record<string, Term>[] };
  };
  if (body.boolean !== undefined) return { kind: "boolean", value: body.boolean, seconds };
  return {
    kind: "table",
    columns: body.head.vars ?? [],
    rows: body.results?.bindings ?? [],
    truncated,
    seconds,
  };
}

/** The answer as a file in the given format. */
export async function exportAnswer(kgId: string, query: string, mediaType: string): Promise<Blob> {
  return (await send(kgId, query, mediaType)).blob();
}

async function send(kgId: string, query: string, accept: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(`/api/v1/kg/${kgId}/sparql?${new URLSearchParams({ query })}`, {
    headers: { Accept: accept },
    credentials: "same-origin",
    signal,
  });
  if (!response.ok) throw problemFrom(response, await response.json().catch(() => null));
  return response;
}
