/** Arguments to start from, made of a tool's JSON schema: what is required, with defaults where the schema has them. */
import { record } from "./outcome.ts";

export function exampleOf(schema: unknown): Record<string, unknown> {
  const properties = record(record(schema)?.properties) ?? {};
  const required = record(schema)?.required;
  const names = Array.isArray(required) ? (required as string[]) : [];
  return Object.fromEntries(
    names.filter((name) => name in properties).map((name) => [name, valueOf(properties[name])]),
  );
}

const EMPTY: Record<string, unknown> = {
  string: "",
  integer: 0,
  number: 0,
  boolean: false,
  array: [],
  object: {},
};

function valueOf(schema: unknown): unknown {
  const found = record(schema) ?? {};
  if (found.default !== undefined) return found.default;
  const examples = found.examples ?? found.enum;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  return EMPTY[String(found.type)] ?? null;
}
