/** Reads what came of a task: the diff among it, the shape of a result. */
import type { Term } from "../api/sparql.ts";
import type { Task, TaskEvent } from "../api/types.ts";

export interface FoundDiff {
  text: string;
  truncated: boolean;
}

/** The diff of a task that changed code: in its result, else as announced by the last event. */
export function diffOf(task: Pick<Task, "result">, events: readonly TaskEvent[]): FoundDiff | null {
  const announced = events.findLast((event) => event.kind === "diff.ready")?.data;
  return readDiff(record(task.result)?.diff) ?? readDiff(announced?.diff ?? announced);
}

function readDiff(value: unknown): FoundDiff | null {
  if (typeof value === "string") return value ? { text: value, truncated: false } : null;
  const diff = record(value);
  const text = diff?.text ?? diff?.unified ?? diff?.patch;
  return typeof text === "string" ? { text, truncated: diff?.truncated === true } : null;
}

export interface SparqlTableData {
  columns: string[];
  rows: Record<string, Term>[];
}

/** A SPARQL result document anywhere a tool may have put it, or null. */
export function sparqlOf(value: unknown): SparqlTableData | null {
  const found = record(value);
  if (!found) return null;
  const columns = record(found.head)?.vars;
  const rows = record(found.results)?.bindings;
  if (Array.isArray(columns) && Array.isArray(rows)) {
    return { columns: columns as string[], rows: rows as Record<string, Term>[] };
  }
  return sparqlOf(structuredOf(found) ?? found.answer ?? found.result);
}

/** What a tool or agent said in words, or null. Text that only repeats the structured part is left out. */
export function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  const found = record(value);
  if (typeof found?.summary === "string") return found.summary;
  const content = found?.content;
  if (!Array.isArray(content) || (structuredOf(value) !== null && isJson(content))) return null;
  const texts = content.map((part) => record(part)?.text).filter((text) => typeof text === "string");
  return texts.length ? texts.join("\n") : null;
}

function isJson(content: unknown[]): boolean {
  return content.every((part) => /^\s*[[{]/.test(String(record(part)?.text ?? "")));
}

/** The structured part of a tool's or agent's answer, or null. */
export function structuredOf(value: unknown): unknown {
  const found = record(value);
  return found?.structuredContent ?? found?.structured_content ?? found?.data ?? null;
}

export function record(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
