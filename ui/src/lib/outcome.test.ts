import assert from "node:assert/strict";
import { test } from "node:test";
import { diffOf, sparqlOf, structuredOf, textOf } from "./outcome.ts";

const TABLE = { head: { vars: ["n"] }, results: { bindings: [{ n: { type: "literal", value: "1" } }] } };

test("a SPARQL answer is found wherever a tool put it", () => {
  const answer = { rows: 1, answer: TABLE };
  for (const value of [TABLE, { result: TABLE }, answer, { content: [], structuredContent: answer }]) {
    assert.deepEqual(sparqlOf(value)?.columns, ["n"]);
  }
  assert.equal(sparqlOf({ files: [] }), null);
});

test("text that repeats the structured part is left out", () => {
  const repeated = { content: [{ type: "text", text: '{"a":1}' }], structuredContent: { a: 1 } };
  assert.equal(textOf(repeated), null);
  assert.deepEqual(structuredOf(repeated), { a: 1 });
  assert.equal(textOf({ content: [{ type: "text", text: "Commit history:" }] }), "Commit history:");
  assert.equal(textOf({ summary: "Fixed 2", data: {} }), "Fixed 2");
});

test("the whole diff of the result goes before the announced one", () => {
  const announced = { seq: 1, at: "", kind: "diff.ready", data: { diff: { text: "cut", truncated: true } } };
  const result = { diff: { text: "whole", truncated: false } };
  assert.deepEqual(diffOf({ result }, [announced]), { text: "whole", truncated: false });
  assert.deepEqual(diffOf({ result: null }, [announced]), { text: "cut", truncated: true });
  assert.equal(diffOf({ result: { files: [] } }, []), null);
});
