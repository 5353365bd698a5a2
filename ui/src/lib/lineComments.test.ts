import assert from "node:assert/strict";
import { test } from "node:test";
import { byLine, keyOf, placeOf } from "./lineComments.ts";

test("a comment is about the new side, unless its line was removed; a note takes none", () => {
  const line = { kind: "context", text: "x" } as const;
  assert.deepEqual(placeOf("b.py", "a.py", { ...line, old: 3, new: 4 }), {
    path: "b.py",
    line: 4,
    side: "new",
  });
  assert.deepEqual(placeOf("b.py", "a.py", { ...line, kind: "delete", old: 3, new: null }), {
    path: "a.py",
    line: 3,
    side: "old",
  });
  assert.equal(placeOf("b.py", null, { ...line, kind: "note", old: null, new: null }), null);
});

test("comments on one line stay together and in order", () => {
  const comments = ["first", "second"].map((text) => ({ path: "a.py", line: 1, side: "new" as const, text }));
  const other = { path: "a.py", line: 1, side: "old" as const, text: "before" };
  const found = byLine([...comments, other]);
  assert.deepEqual(found.get(keyOf(other)), [other]);
  assert.deepEqual(found.get("new:1:a.py"), comments);
});
